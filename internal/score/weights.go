package score

import (
	"cmp"
	"fmt"
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

	tasks    []taskFactors // by name; within one, by hotkey
	exponent int           // of shares
}

type taskFactors struct {
	name       string
	weight     float64 // as given
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
		shares[i] = float64(s * s * s)
		total.add(shares[i])
	}
	if total.value() > 0 {
		for i := range shares {
			shares[i] /= total.value()
		}
	}
	return shares
}

// weigh is vision4's: effective volumes, and cubed shares of them.
func weigh(tasks []taskEvidence) (Outcome, error) {
	shapes := make([]taskFactors, len(tasks))
	for i, t := range tasks {
		shapes[i] = taskFactors{name: t.Name, weight: t.Weight, contenders: make([]Factors, len(t.Contenders))}
		for j, e := range t.Contenders {
			if err := e.validate(); err != nil {
				return Outcome{}, fmt.Errorf("score: task %q, miner %s: %w", t.Name, e.Hotkey, err)
			}
			shapes[i].contenders[j] = assess(t.Name, e)
		}
	}
	if err := validateTasks(shapes); err != nil {
		return Outcome{}, err
	}
	return distribute(shapes, 3), nil
}

// distribute turns effective volumes into shares of each task, to the power of 1 or 3, and those into
// weights. It owns tasks, and sorts them: no result depends on their order. A task on which nobody earns
// anything gives its weight to the other tasks in proportion to theirs.
func distribute(tasks []taskFactors, exponent int) Outcome {
	slices.SortFunc(tasks, func(a, b taskFactors) int { return cmp.Compare(a.name, b.name) })
	var live sum // weights of the tasks on which somebody earns something
	miners := 0
	for i := range tasks {
		t := &tasks[i]
		slices.SortFunc(t.contenders, func(a, b Factors) int { return a.Hotkey.Compare(b.Hotkey) })
		t.share(exponent)
		if t.earned {
			live.add(t.weight)
		}
		miners = max(miners, len(t.contenders))
	}
	paid := make(map[hotkey.ID]*sum, miners)
	for i := range tasks {
		for j := range tasks[i].contenders {
			f := &tasks[i].contenders[j]
			f.TaskWeight = tasks[i].weight
			if tasks[i].earned && live.value() > 0 {
				f.PaidTaskWeight = f.TaskWeight / live.value()
				f.Contribution = f.CubedShare * f.PaidTaskWeight
			}
			if paid[f.Hotkey] == nil {
				paid[f.Hotkey] = new(sum)
			}
			paid[f.Hotkey].add(f.Contribution)
		}
	}
	out := Outcome{tasks: tasks, exponent: exponent, Weights: make([]Weight, 0, len(paid))}
	for id, s := range paid {
		out.Weights = append(out.Weights, Weight{id, min(s.value(), 1)})
	}
	slices.SortFunc(out.Weights, func(a, b Weight) int { return a.Hotkey.Compare(b.Hotkey) })
	return out
}

// share gives the task's contenders their shares.
func (t *taskFactors) share(exponent int) {
	var total sum
	for i := range t.contenders {
		total.add(t.contenders[i].EffectiveVolume)
	}
	if t.earned = total.value() > 0; !t.earned {
		return
	}
	linear := make([]float64, len(t.contenders))
	for i := range t.contenders {
		linear[i] = t.contenders[i].EffectiveVolume / total.value()
	}
	shares := linear
	if exponent == 3 {
		shares = NonLinearShare(linear)
	}
	for i := range t.contenders {
		t.contenders[i].Share, t.contenders[i].CubedShare = linear[i], shares[i]
	}
}
