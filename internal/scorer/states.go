package scorer

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"

	"vision/internal/chain"
	"vision/internal/outcome"
	"vision/internal/period"
	"vision/internal/score"
)

// known is what a mechanism remembers of all contenders, as of the end of a period.
type known map[outcome.Pair]score.State

// fold takes an observation in. One that cannot be taken in changes nothing.
func fold(m score.Mechanism, s score.State, o score.Observation, errs *[]error) score.State {
	next, err := m.Observe(s, o)
	if err != nil {
		*errs = append(*errs, err)
		return s
	}
	return next
}

// recall reads what a mechanism remembers as of the newest scored period, with
// that period's results. Where another mechanism was in use since, or there was
// none, what is kept of the periods since then is taken in.
func recall(ctx context.Context, st Evidence, m score.Mechanism) (k known, newest []period.Result, err error) {
	results, err := st.Results(ctx, score.MaxHistory)
	if err != nil {
		return nil, nil, fmt.Errorf("read the periods' results: %w", err)
	}
	for n := 0; n < len(results) && results[n].Period == results[0].Period; n++ { // the newest come first
		newest = results[:n+1]
	}
	if r, ok := m.(recaller); ok {
		k, err = recalled(ctx, st, r, results)
		return k, newest, err
	}
	saved, err := st.States(ctx, m.Name())
	if err != nil {
		return nil, nil, fmt.Errorf("read what is remembered of contenders: %w", err)
	}
	last := int64(0)
	k = known{}
	for i := range saved {
		last = max(last, saved[i].Period)
	}
	for i := range saved {
		s := &saved[i]
		if s.Period < last { // each closing writes all, so this one was forgotten since
			continue
		}
		if k[outcome.Pair{Miner: s.Miner, Task: s.Task}], err = m.Decode(s.Bytes); err != nil {
			return nil, nil, fmt.Errorf("read what is remembered of %s on %s: %w", s.Miner, s.Task, err)
		}
	}
	k, err = rebuild(ctx, st, m, k, last, results)
	return k, newest, err
}

// forgetter is a mechanism that says whose state may be dropped once the miner
// has left the network. Other states are kept for good.
type forgetter interface {
	Forgettable(known score.State) bool
}

// recaller is a mechanism that looks at periods and checks themselves, as vision4
// does. What it remembers need not be kept.
type recaller interface {
	Recall(history []score.Period, checks []score.Check) score.State
}

// recalled is what a recaller knows of the contenders of the newest period.
func recalled(ctx context.Context, st Evidence, m recaller, results []period.Result) (known, error) {
	history := map[outcome.Pair][]score.Period{}
	k := known{}
	for i := range results { // the newest come first
		p := pairOf(&results[i].Contender)
		history[p] = append(history[p], score.Period{Number: results[i].Period, Counts: results[i].Counts})
		if results[i].Period == results[0].Period {
			k[p] = nil
		}
	}
	for p := range k {
		checks, err := st.Checks(ctx, p.Miner, p.Task, score.MaxChecks)
		if err != nil {
			return nil, fmt.Errorf("read checks: %w", err)
		}
		k[p] = m.Recall(history[p], paid(checks))
	}
	return k, nil
}

// rebuild takes in what is kept of the periods after the last that closed by the mechanism (0: none did), of which k is
// remembered: results, what came of beacons, and the checks that states of other mechanisms have taken in meanwhile, each at the end of the
// period that took it in. So each check counts once, whenever it came, and who was slashed is not slashed again for what is past. Single
// answers are not among it, so that what is usual stays as it was.
func rebuild(ctx context.Context, st Evidence, m score.Mechanism, k known, last int64, results []period.Result) (known, error) {
	results = slices.DeleteFunc(slices.Clone(results), func(r period.Result) bool { return r.Period <= last })
	slices.SortStableFunc(results, func(a, b period.Result) int { return cmp.Compare(a.Period, b.Period) })
	k = maps.Clone(k)
	var errs []error // what an old record lacks is left out
	checks := folded{st: st, period: last, sample: math.MaxInt64}
	check := func(c *outcome.Check) {
		p := outcome.Pair{Miner: c.Miner, Task: c.Task}
		k[p] = fold(m, k[p], checkSeen(c), &errs)
	}
	for i := 0; i < len(results); {
		id := results[i].Period
		bursts, err := st.Bursts(ctx, id)
		if err != nil {
			return nil, err
		}
		// What a period that had no contenders took in counted before this one.
		if err := checks.until(ctx, id-1, check); err != nil {
			return nil, err
		}
		offers := map[outcome.Pair]score.Offer{}
		there := maps.Clone(k)
		first := i
		for ; i < len(results) && results[i].Period == id; i++ {
			offers[pairOf(&results[i].Contender)] = offerOf(&results[i].Contender)
		}
		takeBursts(m, k, bursts, offers, &errs)
		if err := checks.until(ctx, id, check); err != nil {
			return nil, err
		}
		for _, r := range results[first:i] {
			p := pairOf(&r.Contender)
			k[p] = fold(m, k[p], score.Observation{Closed: &score.Closed{Number: id, Counts: r.Counts, Offer: offers[p]}}, &errs)
		}
		absent(m, id, k, there, offers, bursts, &errs)
	}
	if err := checks.until(ctx, math.MaxInt64, check); err != nil {
		return nil, err
	}
	return k, nil
}

// folded reads the checks that states have taken in, by period and sample, those after period and sample.
type folded struct {
	st             Evidence
	period, sample int64
	list           []outcome.Folded // read ahead
	done           bool
}

// until calls f for each check that was taken in by the end of a period and not given before.
func (r *folded) until(ctx context.Context, period int64, f func(*outcome.Check)) (err error) {
	for {
		if len(r.list) == 0 && !r.done {
			if r.list, err = r.st.FoldedChecks(ctx, r.period, r.sample, page); err != nil {
				return fmt.Errorf("read checks: %w", err)
			}
			r.done = len(r.list) < page
		}
		if len(r.list) == 0 || r.list[0].Period > period {
			return nil
		}
		c := &r.list[0]
		f(&c.Check)
		r.period, r.sample, r.list = c.Period, c.Sample, r.list[1:]
	}
}

// mostUnfolded is how many checks are taken in at once; the rest come with the next period.
const mostUnfolded = 100_000

func pairOf(c *period.Contender) outcome.Pair { return outcome.Pair{Miner: c.Miner, Task: c.Task} }

// offerOf is what a contender offered. Of records without it, as much counts as did then.
func offerOf(c *period.Contender) score.Offer {
	if c.Offer == (score.Offer{}) {
		return score.Offer{Declared: c.Declared, Maximum: c.Capacity, StakeShare: 1}
	}
	return c.Offer
}

// checkSeen is a verdict as a mechanism sees it.
func checkSeen(c *outcome.Check) score.Observation {
	return score.Observation{Check: &score.Check{Quality: c.Quality, Speed: c.Speed, Failed: c.Failed, Convicted: c.Convicted, Work: c.Work}}
}

// late says that a beacon asked in an earlier period than that in which it is kept.
func late(b *period.Burst) bool { return b.Offer != (score.Offer{}) }

// takeBursts has what is remembered take in what came of a period's beacons; offers are those of the period.
func takeBursts(m score.Mechanism, k known, bursts []period.Burst, offers map[outcome.Pair]score.Offer, errs *[]error) {
	for i := range bursts {
		p := outcome.Pair{Miner: bursts[i].Miner, Task: bursts[i].Task}
		if offer, ok := offers[p]; ok || late(&bursts[i]) {
			k[p] = fold(m, k[p], burstSeen(&bursts[i], offer), errs)
		}
	}
}

// burstSeen is what came of a beacon as a mechanism sees it. It is judged by what was offered when it asked: that of its
// period, or its own.
func burstSeen(b *period.Burst, offer score.Offer) score.Observation {
	if late(b) {
		offer = b.Offer
	}
	return score.Observation{Beacon: &score.Beacon{Offer: offer, Asked: b.Asked, InFlight: b.InFlight, Answers: b.Answers, Slots: b.Slots}}
}

// mostUsual is how many usual requests one may stand for at most, so that a
// single one that allows for far more than anybody needs does not decide a period.
const mostUsual = 4

// volumeAsked is the work that a request counts for, whatever became of it: the most that it
// could take, known before it was sent, within bounds; of old outcomes, what is usual.
func volumeAsked(o *outcome.Outcome, offer score.Offer) int64 {
	usual := max(offer.PerRequest, 1)
	if o.Asked <= 0 {
		return usual
	}
	if usual > math.MaxInt64/mostUsual {
		return o.Asked
	}
	return min(o.Asked, mostUsual*usual)
}

// answerSeen is an attempt's end as a mechanism sees it; ok is false for one that
// counts for nobody.
func answerSeen(o *outcome.Outcome, offer score.Offer) (a score.Answer, ok bool) {
	speed := offer.Speed
	a = score.Answer{Organic: o.Source == outcome.Organic, Asked: volumeAsked(o, offer)}
	switch o.Status {
	case outcome.OK:
		a.Kind, a.Served = score.OK, o.Work
		// How long its slot was taken, whenever in that time the output came.
		if o.Work > 0 && o.Total > 0 && o.Blocked <= o.Total/10 && speed.Mean > 0 {
			a.Took = speed.Beyond(o.Total)
		}
	case outcome.RateLimited:
		a.Kind = score.RateLimited
	case outcome.Failed:
		a.Kind = score.Failed
	default:
		return a, false
	}
	return a, true
}

// closing is a period's end: its results, and the states that follow from what
// was remembered, from the answers in the order in which they were written
// down, from beacons and from checks in theirs. It depends on what is in the store
// alone, so whoever is killed before it is written comes to the same again.
// It also gives all states, but for those of miners that left the network and
// may be forgotten.
func (s *Scorer) closing(ctx context.Context, b *book) (c period.Closing, k known, err error) {
	bursts, err := s.c.Store.Bursts(ctx, b.ID)
	if err != nil {
		return c, nil, fmt.Errorf("read what came of beacons: %w", err)
	}
	checks, err := s.c.Store.UnfoldedChecks(ctx, mostUnfolded)
	if err != nil {
		return c, nil, fmt.Errorf("read checks: %w", err)
	}
	m := s.c.Mechanism
	c.Results = b.results()
	if _, ok := m.(recaller); ok {
		for i := range checks {
			c.Folded = append(c.Folded, checks[i].Sample)
		}
		return c, known{}, nil // plans of such do without
	}
	c.Mechanism = m.Name()
	k = known{}
	before := *s.known.Load()
	for p, st := range before {
		k[p] = st
	}
	var errs []error
	offers := map[outcome.Pair]score.Offer{}
	b.mu.Lock()
	for i := range b.contenders {
		n := &b.contenders[i]
		p := pairOf(&n.Contender)
		offers[p] = n.Offer
		k[p] = b.judgedState(int32(i))
	}
	b.mu.Unlock()
	takeBursts(m, k, bursts, offers, &errs)
	for i := range checks {
		p := outcome.Pair{Miner: checks[i].Miner, Task: checks[i].Task}
		k[p] = fold(m, k[p], checkSeen(&checks[i]), &errs)
		c.Folded = append(c.Folded, checks[i].Sample)
	}
	for _, r := range c.Results {
		p := pairOf(&r.Contender)
		k[p] = fold(m, k[p], score.Observation{Closed: &score.Closed{Number: b.ID, Counts: r.Counts, Offer: offers[p]}}, &errs)
	}
	absent(m, b.ID, k, before, offers, bursts, &errs)
	forget(k, m, s.neurons.Load(), offers)
	if err := errors.Join(errs...); err != nil {
		s.log.Error("a bug: observations that the mechanism does not take", "period", b.ID, "err", err)
	}
	if c.States, err = written(k); err != nil {
		return c, nil, err
	}
	return c, k, nil
}

// absent closes a period for those who were remembered before it and offered nothing in it: they have missed the beacons that
// others had on the task. Where nobody offered anything, it was rather we who heard nobody, or the task was
// not in our catalogue.
func absent(m score.Mechanism, id int64, k, before known, offers map[outcome.Pair]score.Offer, bursts []period.Burst, errs *[]error) {
	if len(offers) == 0 {
		return
	}
	held, on := heldOn(bursts), map[string]bool{}
	for p := range offers {
		on[p.Task] = true
	}
	for p := range before {
		if _, contended := offers[p]; !contended {
			k[p] = fold(m, k[p], score.Observation{Closed: &score.Closed{Number: id, Missed: held[p.Task], Void: !on[p.Task]}}, errs)
		}
	}
}

// heldOn counts the beacons that asked anybody for anything in a period, by task. One that asked in the period before has been
// missed by nobody: who was away then is not known any more.
func heldOn(bursts []period.Burst) map[string]int {
	type one struct {
		task   string
		beacon int64
	}
	seen := map[one]bool{}
	held := map[string]int{}
	for i := range bursts {
		if b := (one{bursts[i].Task, bursts[i].Beacon}); !seen[b] && !late(&bursts[i]) {
			seen[b] = true
			held[b.task]++
		}
	}
	return held
}

// forget drops the states of miners that are not on the ledger any more, if the
// mechanism loses nothing by it. Without a snapshot nobody has left, nor has
// who contended in the period that closes.
func forget(k known, m score.Mechanism, snap *chain.Snapshot, contended map[outcome.Pair]score.Offer) {
	f, ok := m.(forgetter)
	if !ok || snap == nil {
		return
	}
	for p, st := range k {
		_, here := snap.ByHotkey(p.Miner)
		if _, did := contended[p]; !here && !did && f.Forgettable(st) {
			delete(k, p)
		}
	}
}

// written are states as they are kept, by miner and task. What is not known
// is not kept.
func written(k known) ([]period.State, error) {
	list := make([]period.State, 0, len(k))
	for p, st := range k {
		if st == nil {
			continue
		}
		b, err := st.AppendBinary(nil)
		if err != nil {
			return nil, fmt.Errorf("write what is remembered of %s on %s: %w", p.Miner, p.Task, err)
		}
		list = append(list, period.State{Miner: p.Miner, Task: p.Task, Bytes: b})
	}
	slices.SortFunc(list, func(a, b period.State) int {
		return cmp.Or(bytes.Compare(a.Miner[:], b.Miner[:]), cmp.Compare(a.Task, b.Task))
	})
	return list, nil
}
