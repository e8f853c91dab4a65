package score

import (
	"cmp"
	"slices"

	"vision/internal/hotkey"
)

// Lever is one thing that a miner could change of its score.
type Lever string

// The levers. What each becomes in a What is said here.
const (
	LeverCapacity    Lever = "capacity"    // 10% more is shown, and paid, than is now
	LeverCredit      Lever = "credit"      // vision7: all that can be credited is
	LeverCertainty   Lever = "certainty"   // vision7: beacons show the same each time, so that the credit has no standard error
	LeverDeclaring   Lever = "declaring"   // vision7: no more is declared than beacons show
	LeverSlowdown    Lever = "slowdown"    // vision7: answers to beacons take no longer than others
	LeverBrevity     Lever = "brevity"     // vision7: answers to beacons are as long as others'
	LeverReliability Lever = "reliability" // no request is refused or fails
	LeverFailures    Lever = "failures"    // vision7: no more checks fail than half of what is tolerated
	LeverQuality     Lever = "quality"     // checks that pass find a quality of 1
	LeverSpeed       Lever = "speed"       // answers are as fast as those of the task's fastest contender
	LeverHistory     Lever = "history"     // vision4: eight periods are scored; vision7: all of the trust is earned
)

// Advice is what changing one thing alone would do to a miner's weight, all others staying as they are.
type Advice struct {
	Task   string
	Lever  Lever
	Now    float64 // the factor as it is; for those of capacity, work per period
	Then   float64 // the factor as it would be
	Weight float64 // the miner's weight then, in [0, 1]
	Gain   float64 // Weight less the weight now, at least 0
}

// Advise says what would raise a miner's weight, the largest gain first. Where several factors
// are 0 no change alone gains anything; then what is 0 comes first. ok is false for a miner that the outcome does not know.
func (o Outcome) Advise(id hotkey.ID) (list []Advice, ok bool) {
	e, ok := o.Explain(id)
	if !ok {
		return nil, false
	}
	for _, f := range e.Tasks {
		for _, a := range o.levers(f) {
			if !(a.Then > a.Now) {
				continue
			}
			a.Gain = max(0, a.Weight-e.Weight)
			list = append(list, a)
		}
	}
	slices.SortFunc(list, func(a, b Advice) int {
		zero := func(a Advice) int {
			if a.Now == 0 {
				return 0
			}
			return 1
		}
		return cmp.Or(cmp.Compare(b.Gain, a.Gain), cmp.Compare(zero(a), zero(b)), cmp.Compare(a.Task, b.Task), cmp.Compare(a.Lever, b.Lever))
	})
	return list, true
}

// levers are the things that could change of one contender.
func (o Outcome) levers(f Factors) []Advice {
	var list []Advice
	try := func(lever Lever, now, then float64, changed worth) {
		weight := o.weightWith(f.Hotkey, map[string]float64{f.Task: changed.volume()})
		if f.Hardened != nil && f.Hardened.Slashed {
			weight = 0 // whatever changes
		}
		list = append(list, Advice{Task: f.Task, Lever: lever, Now: now, Then: then, Weight: weight})
	}
	w := worthOf(f)
	fastest := f.Quality.Speed
	for _, other := range o.Task(f.Task) {
		fastest = max(fastest, other.Quality.Speed)
	}
	more := func(lever Lever, now, then float64, change func(w *worth)) {
		changed := w
		change(&changed)
		try(lever, now, then, changed)
	}
	more(LeverCapacity, w.capacity, w.capacity*1.1, func(c *worth) { c.capacity *= 1.1 })
	more(LeverReliability, f.History.Mean, 1, func(c *worth) { c.reliability = 1 })
	more(LeverHistory, f.History.Factor, 1, func(c *worth) { c.history = 1 })
	if f.Quality.Mean > 0 {
		more(LeverQuality, f.Quality.Mean, 1, func(c *worth) { c.quality /= f.Quality.Mean })
	}
	if f.Quality.Speed > 0 {
		more(LeverSpeed, f.Quality.Speed, fastest, func(c *worth) { c.quality *= fastest / f.Quality.Speed })
	}
	if h := f.Hardened; h != nil {
		more(LeverFailures, h.FailureFactor, 1, func(c *worth) { c.quality = h.Passing })
		more(LeverSlowdown, h.SlowFactor, 1, func(c *worth) {
			if h.SlowFactor > 0 {
				c.capacity /= h.SlowFactor
			}
		})
		more(LeverDeclaring, h.ProofFactor, 1, func(c *worth) {
			if h.ProofFactor > 0 {
				c.capacity /= h.ProofFactor
			}
		})
		more(LeverBrevity, h.Brevity, 1, func(c *worth) {
			if h.Brevity > 0 {
				c.capacity /= h.Brevity
			}
		})
		certain := min(h.Ceiling, h.Credited) * h.SlowFactor * h.ProofFactor * h.Part * h.Brevity
		more(LeverCertainty, h.Paid, certain, func(c *worth) { c.capacity = certain })
		all := h.Ceiling * h.SlowFactor * h.Part * h.Brevity
		more(LeverCredit, h.Paid, all, func(c *worth) { c.capacity = all })
	}
	return list
}

// worth is an effective volume by its factors.
type worth struct{ quality, reliability, history, capacity float64 }

func worthOf(f Factors) worth {
	w := worth{f.Quality.Combined, f.History.Mean, f.History.Factor, float64(f.Capacity)}
	if f.Hardened != nil {
		w.capacity = f.Hardened.Paid
	}
	return w
}

func (w worth) volume() float64 {
	return EffectiveVolume(w.quality, w.reliability*w.history, w.capacity)
}

// weightWith is a miner's weight if its effective volumes on some tasks were others. It need not be
// among the contenders.
func (o Outcome) weightWith(id hotkey.ID, volumes map[string]float64) float64 {
	weight := 0.0
	for _, c := range o.contributions(id, volumes) {
		weight += c.contribution
	}
	return min(weight, 1)
}

type contribution struct {
	task                string
	share, contribution float64
}

// contributions are a miner's by task, as weightWith.
func (o Outcome) contributions(id hotkey.ID, volumes map[string]float64) []contribution {
	raise := func(x float64) float64 {
		if o.exponent == 3 {
			return x * x * x
		}
		return x
	}
	var live sum
	list := make([]contribution, 0, len(o.tasks))
	weights := make([]float64, 0, len(o.tasks))
	for _, t := range o.tasks {
		mine, given := volumes[t.name]
		largest, others := 0.0, sum{}
		for _, f := range t.contenders { // scaled, so that no cube overflows
			largest = max(largest, f.EffectiveVolume)
			if f.Hotkey == id && !given {
				mine = f.EffectiveVolume
			}
		}
		if largest = max(largest, mine); !(largest > 0) {
			continue
		}
		for _, f := range t.contenders {
			if f.Hotkey != id {
				others.add(raise(f.EffectiveVolume / largest))
			}
		}
		live.add(t.weight)
		own := raise(mine / largest)
		list = append(list, contribution{task: t.name, share: own / (others.value() + own)})
		weights = append(weights, t.weight)
	}
	for i := range list {
		if live.value() > 0 {
			list[i].contribution = list[i].share * (weights[i] / live.value())
		}
	}
	return list
}
