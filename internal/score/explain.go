package score

import (
	"slices"

	"vision/internal/hotkey"
)

// Factors is every number between one contender's state and what it earns
// on one task. They multiply up as printed:
//
//	Quality.Combined x History.Score x Capacity = EffectiveVolume
//	CubedShare x PaidTaskWeight = Contribution
//
// Under vision7 the first line holds to the rounding of Capacity, of which Hardened.Paid is
// the exact number, and CubedShare is Share.
type Factors struct {
	Task   string
	Hotkey hotkey.ID

	Declared int64 // to all validators together, in the task's unit
	Capacity int64 // what of it counts: under vision4 for this validator, under vision7 what is paid of all of it

	Periods []PeriodFactor // vision4: the periods that counted, newest first
	History History        // how they average; vision7: Mean is the reliability, Factor the trust
	Quality Quality        // how the checks average

	Hardened *Hardened // what vision7 has besides; nil under vision4

	EffectiveVolume float64 // in the task's unit, at least 0
	Share           float64 // of all contenders' effective volume on the task, in [0, 1]
	CubedShare      float64 // vision4: that share cubed, scaled to sum to 1 again; vision7: the share itself; in [0, 1]

	TaskWeight     float64 // as given, in [0, 1]
	PaidTaskWeight float64 // with its part of the weights of tasks on which nobody earns; 0 if this is one of them
	Contribution   float64 // to the miner's weight, in [0, 1]
}

// Hardened is where vision7's numbers come from. Work is in the task's unit per period, for all
// validators together. They multiply up as printed:
//
//	min(Ceiling, max(0, Credited - caution x StdErr)) x SlowFactor x ProofFactor x Brevity x Part = Paid
//	Passing x FailureFactor = Quality.Combined
//	Quality.Combined x Reliability x Trust x Paid = EffectiveVolume, or 0 if Slashed
type Hardened struct {
	Part        float64 // of the period, for which it contended and is paid, in (0, 1]
	Ceiling     float64 // the most that can be credited: declared, the task's maximum, what the slots can do
	Credited    float64 // capacity that beacons have shown
	StdErr      float64 // of Credited
	Slowdown    float64 // mean natural logarithm of how much longer than usual answers to beacons took, at least 0
	SlowFactor  float64 // what that leaves, in [0, 1]
	ProofFactor float64 // what being credited less than Ceiling leaves, in [0, 1]
	Answers     float64 // to beacons, older ones fading
	Served      float64 // mean work of these
	Brevity     float64 // what it leaves, being shorter than others' are, in [0, 1]
	Paid        float64 // for that part of the period; all else is of a whole one
	PerUnit     float64 // usual seconds per unit; the task's mean while none were timed
	Newcomer    bool    // the credit still grows fast, for no beacon was missed and not all is shown

	Beacons          int64   // that asked anything
	Asked, Delivered int64   // requests, by the newest of them
	Level, Evidence  float64 // capacity that it tested, and what it showed

	Reliability float64 // mean of period scores by volume asked, in [0, 1]; 0 if nothing was asked yet
	LastScore   float64 // of the newest period; 0 if the miner did not contend in it
	Scored      int64   // periods that have a score

	Passing       float64 // mean quality x speed of the checks that passed, in [0, MaxSpeed]
	FailureRate   float64 // of checks, with those that everyone starts with, in [0, 1]
	FailureFactor float64 // what it leaves of the quality, in [0, 1]

	Audit, AuditLimit float64 // evidence of cheating, at least 1, and where it slashes
	Slashings         int64   // that are not forgotten
	Slashed           bool    // the miner earns nothing on any task for now
	SlashedHere       bool    // for what it did on this one
	SlashedUntil      int64   // the last period for which it is, or was; 0: never
	Closed            int64   // the newest period that the state has taken up; 0: none

	Trust         float64 // in [0, 1]
	TrustedChecks int64   // passed checks that it comes from
}

// PeriodFactor is one past period and how much it counts.
type PeriodFactor struct {
	Period
	Score  float64 // in [0, 1]
	Weight float64 // in the average, in [0, 1]
}

// Explanation is one miner's weight and where it comes from.
type Explanation struct {
	Hotkey hotkey.ID
	Weight float64
	Tasks  []Factors // the tasks on which the miner contends, by name
}

// Explain returns the numbers that the miner's weight was computed from; ok
// is false if there was no evidence of it. The slices are the outcome's own: read, don't write.
func (o Outcome) Explain(id hotkey.ID) (e Explanation, ok bool) {
	i, ok := slices.BinarySearchFunc(o.Weights, id, func(w Weight, id hotkey.ID) int { return w.Hotkey.Compare(id) })
	if !ok {
		return Explanation{}, false
	}
	e = Explanation{Hotkey: id, Weight: o.Weights[i].Weight}
	for _, t := range o.tasks {
		j, ok := slices.BinarySearchFunc(t.contenders, id, func(f Factors, id hotkey.ID) int { return f.Hotkey.Compare(id) })
		if ok {
			e.Tasks = append(e.Tasks, t.contenders[j])
		}
	}
	return e, true
}

// Task returns the factors of all contenders on a task, by hotkey; nil for a
// task that was not in the evidence. The slice is the outcome's own: read, don't write.
func (o Outcome) Task(name string) []Factors {
	for _, t := range o.tasks {
		if t.name == name {
			return t.contenders
		}
	}
	return nil
}

// assess computes what depends on one contender alone.
func assess(task string, e Evidence) Factors {
	f := Factors{Task: task, Hotkey: e.Hotkey, Declared: e.Declared, Capacity: e.Capacity}
	past := make([]Past, 0, min(len(e.History), MaxHistory))
	f.Periods = make([]PeriodFactor, 0, cap(past))
	for _, p := range e.History {
		score, ok := p.Score()
		if !ok {
			continue
		}
		past = append(past, Past{Score: score, Consumed: float64(p.Consumed)})
		f.Periods = append(f.Periods, PeriodFactor{Period: p, Score: score})
		if len(past) == MaxHistory {
			break
		}
	}
	f.History = AveragePeriods(past)
	for i, w := range f.History.Weights {
		f.Periods[i].Weight = w
	}
	f.Quality = MeanQuality(e.Checks)
	f.EffectiveVolume = EffectiveVolume(f.Quality.Combined, f.History.Score, float64(f.Capacity))
	return f
}
