package score

import (
	"cmp"
	"math"
	"slices"

	"vision/internal/hotkey"
)

// taskEvidence is one task's evidence.
type taskEvidence struct {
	Name       string
	Weight     float64 // the task's part of what is paid, in [0, 1]; all tasks' sum to 1
	Contenders []Evidence
}

// Evidence is what is known of one miner on one task.
type Evidence struct {
	Hotkey   hotkey.ID
	Declared int64    // what the miner declares to all validators together, in the task's unit; only explains
	Capacity int64    // what of it counts for this validator, as Offer.Capacity
	History  []Period // newest first; periods without a score and those past MaxHistory are left out
	Checks   []Check  // newest first; those past MaxChecks are left out
}

// Period is one past period of a contender.
type Period struct {
	Number int64 // the period's number, for the reader
	Counts
}

// Weight is one miner's part of what this validator would pay, in [0, 1].
type Weight struct {
	Hotkey hotkey.ID
	Weight float64
}

// Outcome is what the evidence came to.
type Outcome struct {
	// Weights holds every miner of the evidence once, by hotkey. They sum to 1
	// (within 1e-12), or are all 0 if no contender earns anything.
	Weights []Weight

	tasks []taskFactors // by name; within one, by hotkey
}

type taskFactors struct {
	name       string
	contenders []Factors
	earned     bool // whether any contender's share is above 0
}

// EffectiveVolume is what a contender is worth on a task, in the task's unit:
// combined quality x normalised period score x capacity.
func EffectiveVolume(quality, period, volume float64) float64 { return quality * period * volume }

// NonLinearShare cubes shares and scales them to sum to 1 again; shares that
// are all 0 stay so. It returns a new slice.
func NonLinearShare(linear []float64) []float64 {
	var total sum
	shares := make([]float64, len(linear))
	for i, s := range linear {
		shares[i] = s * s * s
		total.add(shares[i])
	}
	if total.value() > 0 {
		for i := range shares {
			shares[i] /= total.value()
		}
	}
	return shares
}

// weigh computes everything: factors of each contender, shares within each
// task, and their sum over the tasks. A task on which nobody earns anything
// gives its weight to the other tasks in proportion to theirs.
func weigh(tasks []taskEvidence) (Outcome, error) {
	if err := validate(tasks); err != nil {
		return Outcome{}, err
	}
	out := Outcome{tasks: make([]taskFactors, 0, len(tasks))}
	sorted := slices.Clone(tasks)
	slices.SortFunc(sorted, func(a, b taskEvidence) int { return cmp.Compare(a.Name, b.Name) })

	var live sum // weights of the tasks on which somebody earns something
	for _, t := range sorted {
		factors, earned := taskShares(t)
		out.tasks = append(out.tasks, taskFactors{t.Name, factors, earned})
		if earned {
			live.add(t.Weight)
		}
	}
	paid := make(map[hotkey.ID]*sum)
	for i, t := range sorted {
		for j := range out.tasks[i].contenders {
			f := &out.tasks[i].contenders[j]
			f.TaskWeight = t.Weight
			if out.tasks[i].earned && live.value() > 0 {
				f.PaidTaskWeight = t.Weight / live.value()
				f.Contribution = f.CubedShare * f.PaidTaskWeight
			}
			if paid[f.Hotkey] == nil {
				paid[f.Hotkey] = new(sum)
			}
			paid[f.Hotkey].add(f.Contribution)
		}
	}
	out.Weights = make([]Weight, 0, len(paid))
	for id, s := range paid {
		out.Weights = append(out.Weights, Weight{id, min(s.value(), 1)})
	}
	slices.SortFunc(out.Weights, func(a, b Weight) int { return a.Hotkey.Compare(b.Hotkey) })
	return out, nil
}

// taskShares computes the factors of a task's contenders, by hotkey, up to
// their cubed shares; earned reports whether any share is above 0.
func taskShares(t taskEvidence) (factors []Factors, earned bool) {
	factors = make([]Factors, len(t.Contenders))
	for i, e := range t.Contenders {
		factors[i] = assess(t.Name, e)
	}
	slices.SortFunc(factors, func(a, b Factors) int { return a.Hotkey.Compare(b.Hotkey) })

	var total sum
	for i := range factors {
		total.add(factors[i].EffectiveVolume)
	}
	if !(total.value() > 0) {
		return factors, false
	}
	linear := make([]float64, len(factors))
	for i := range factors {
		linear[i] = factors[i].EffectiveVolume / total.value()
	}
	for i, cubed := range NonLinearShare(linear) {
		factors[i].Share, factors[i].CubedShare = linear[i], cubed
	}
	return factors, true
}

// U16 is a weight as the chain takes it: 65535 for the largest.
type U16 struct {
	Hotkey hotkey.ID
	Value  uint16 // at least 1
}

// ToU16 scales weights as the official SDK does before it submits them: each
// divided by the largest, times 65535, rounded half to even, zeros dropped.
// Order is kept. Weights that are all 0, or hold a NaN or an infinity, give none.
func ToU16(weights []Weight) []U16 {
	largest := 0.0
	for _, w := range weights {
		largest = max(largest, w.Weight) // NaN if any is
	}
	if !(largest > 0) || math.IsInf(largest, 1) {
		return nil
	}
	out := make([]U16, 0, len(weights))
	for _, w := range weights {
		if v := math.RoundToEven(max(w.Weight, 0) / largest * math.MaxUint16); v > 0 {
			out = append(out, U16{w.Hotkey, uint16(v)})
		}
	}
	return out
}
