package score

import (
	"slices"

	"vision/internal/hotkey"
)

// Factors is every number between one contender's evidence and what it earns
// on one task. They multiply up as printed:
//
//	Quality.Combined x History.Score x Capacity = EffectiveVolume
//	CubedShare x PaidTaskWeight = Contribution
type Factors struct {
	Task   string
	Hotkey hotkey.ID

	Declared int64 // to all validators together, in the task's unit
	Capacity int64 // what of it counts for this validator

	Periods []PeriodFactor // the periods that counted, newest first
	History History        // how they average
	Quality Quality        // how the checks average

	EffectiveVolume float64 // in the task's unit, at least 0
	Share           float64 // of all contenders' effective volume on the task, in [0, 1]
	CubedShare      float64 // that share cubed, scaled to sum to 1 again, in [0, 1]

	TaskWeight     float64 // as given, in [0, 1]
	PaidTaskWeight float64 // with its part of the weights of tasks on which nobody earns; 0 if this is one of them
	Contribution   float64 // to the miner's weight, in [0, 1]
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
