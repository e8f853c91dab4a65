package score

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"vision/internal/hotkey"
)

// Weights is linear in what each contender is worth on each task:
//
//	effective volume = quality x reliability x trust x paid capacity
//
// A miner that is slashed on one task earns nothing on any.
func (v Vision7) Weights(tasks []Task) (Outcome, error) {
	shapes := make([]taskFactors, len(tasks))
	slashed := map[hotkey.ID]int64{} // until when, the longest
	for i, t := range tasks {
		shapes[i] = taskFactors{name: t.Name, weight: t.Weight, contenders: make([]Factors, len(t.Contenders))}
		for j, c := range t.Contenders {
			s, err := asState7(c.State)
			if err == nil {
				err = c.Offer.validate()
			}
			if err == nil {
				err = s.validate()
			}
			if err != nil {
				return Outcome{}, fmt.Errorf("score: task %q, miner %s: %w", t.Name, c.Hotkey, err)
			}
			shapes[i].contenders[j] = v.assess(t.Name, c, s)
			if s.slashed() {
				slashed[c.Hotkey] = max(slashed[c.Hotkey], s.slashedUntil)
			}
		}
	}
	if err := validateTasks(shapes); err != nil {
		return Outcome{}, err
	}
	for i := range shapes {
		for j := range shapes[i].contenders {
			f := &shapes[i].contenders[j]
			if until, is := slashed[f.Hotkey]; is {
				f.Hardened.Slashed, f.Hardened.SlashedUntil = true, until
			}
		}
		v.heedBrevity(shapes[i].contenders)
	}
	return distribute(shapes, 1), nil
}

// heedBrevity takes from the pay of those whose answers to beacons are shorter than what is usual on the
// task: who cuts them can give more at once than it could otherwise. All contenders are asked for the same sorts of answers. Usual is the
// median by paid capacity of those that are worth anything: whose answers nobody has found good has no say, however much of them it gave at once.
func (v Vision7) heedBrevity(contenders []Factors) {
	sorted := make([]*Hardened, 0, len(contenders))
	var total sum
	slices.SortFunc(contenders, func(a, b Factors) int {
		return cmp.Or(cmp.Compare(a.Hardened.Served, b.Hardened.Served), a.Hotkey.Compare(b.Hotkey))
	})
	for i := range contenders {
		f := &contenders[i]
		f.earns()
		if f.Hardened.Answers > 0 && f.EffectiveVolume > 0 { // without answers, customers' requests in flight showed all of its credit
			total.add(f.Hardened.Paid)
			sorted = append(sorted, f.Hardened)
		}
	}
	median := 0.0
	var below sum
	for _, h := range sorted {
		if below.add(h.Paid); below.value() >= total.value()/2 {
			median = h.Served
			break
		}
	}
	for i := range contenders {
		f, h := &contenders[i], contenders[i].Hardened
		h.Brevity = 1
		if median > 0 && h.Answers > 0 {
			h.Brevity = min(1, float64(v.p.Brevity*h.Served)/median)
		}
		h.Paid *= h.Brevity
		f.Capacity = int64(min(h.Paid, 1<<62))
		f.earns()
	}
}

// earns sets what the contender is worth by what it is paid for: nothing if the miner is slashed.
func (f *Factors) earns() {
	if f.EffectiveVolume = 0; !f.Hardened.Slashed {
		f.EffectiveVolume = EffectiveVolume(f.Quality.Combined, f.History.Score, f.Hardened.Paid)
	}
}

// paid is the credit's standard error, and what is paid of it for the part of the period for which the contender was there: at
// least 0, at most that part of the ceiling. Credit and ceiling are of a whole period, so that who joins late is paid less, and as
// much as ever when it is there for all of the next one.
func (v Vision7) paid(s *state7, offer Offer) (stderr, paid float64) {
	// The variance of a mean in which each sample weighs 1 - learn of the next newer one.
	learn := v.learning(s)
	stderr = math.Sqrt(s.variance * learn / (2 - learn))
	if offer.Declared == 0 {
		return stderr, 0
	}
	return stderr, min(v.ceiling(s, offer), max(0, s.credit-float64(v.p.Caution*stderr))) * exp(-v.p.SlowPower*s.slowdown) * v.proof(s, offer) * offer.part()
}

// proof is what is left to who is credited clearly less than could be by what it declares, in [0, 1]. Whoever still grows as a newcomer
// has not had the time to show it.
func (v Vision7) proof(s *state7, offer Offer) float64 {
	enough := float64(v.p.Proof * v.ceiling(s, offer))
	switch {
	case !s.settled || s.credit >= enough:
		return 1
	case s.credit <= 0:
		return 0
	}
	return exp(v.p.ProofPower * ln(s.credit/enough))
}

// trust grows from TrustStart to 1 with checks passed.
func (v Vision7) trust(s *state7) float64 {
	return v.p.TrustStart + float64((1-v.p.TrustStart)*min(1, float64(s.trusted)/v.p.TrustChecks))
}

// failures is the rate of failed checks, and what it leaves of the quality. Everyone is taken to have
// had CheckPrior checks with half the tolerated failures, so that a newcomer's first failure is no third of all.
func (v Vision7) failures(s *state7) (rate, left float64) {
	half := float64(v.p.Tolerated / 2)
	seen := s.passed + s.failed + v.p.CheckPrior
	if seen == 0 {
		return 0, 1
	}
	rate = (s.failed + float64(half*v.p.CheckPrior)) / seen
	return rate, max(0, 1-float64(v.p.Kappa*max(0, rate-half)))
}

// assess computes what depends on one contender alone; its effective volume is left to heedBrevity.
func (v Vision7) assess(task string, c Contender, s *state7) Factors {
	stderr, paid := v.paid(s, c.Offer)
	rate, left := v.failures(s)
	h := &Hardened{
		Part: c.Offer.part(), Credited: s.credit, StdErr: stderr, Slowdown: s.slowdown, SlowFactor: exp(-v.p.SlowPower * s.slowdown), ProofFactor: 1, Paid: paid,
		Beacons: s.beacons, Asked: s.last.asked, Delivered: s.last.delivered, Level: s.last.level, Evidence: s.last.evidence, Newcomer: !s.settled,
		LastScore: s.score, Scored: s.scored,
		FailureRate: rate, FailureFactor: left,
		Audit: s.evidence(), AuditLimit: v.p.AuditLimit, Slashings: s.slashings, SlashedUntil: s.slashedUntil, SlashedHere: s.slashed(),
		Trust: v.trust(s), TrustedChecks: s.trusted, Closed: s.number,
	}
	if c.Offer.Declared > 0 {
		h.Ceiling, h.PerUnit, h.ProofFactor = v.ceiling(s, c.Offer), v.pace(s, c.Offer), v.proof(s, c.Offer)
	}
	if s.offered > 0 {
		h.Reliability = min(1, s.kept/s.offered)
	}
	if s.answers > 0 {
		h.Answers, h.Served = s.answers, s.served/s.answers
	}
	f := Factors{Task: task, Hotkey: c.Hotkey, Declared: c.Offer.Declared, Hardened: h}
	f.Quality.Checks = int(math.RoundToEven(s.passed + s.failed))
	if s.passed > 0 {
		f.Quality.Mean = min(1, s.quality/s.passed)
		f.Quality.Speed = min(MaxSpeed, s.speed/s.passed)
		h.Passing = min(MaxSpeed, s.product/s.passed)
		f.Quality.Combined = h.Passing * left
	}
	f.History = History{Mean: h.Reliability, Factor: h.Trust, Score: h.Reliability * h.Trust}
	return f
}
