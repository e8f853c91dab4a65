package score

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"vision/internal/hotkey"
)

// Joining is what a miner would bring to one task. Zero fields are what the
// task's contenders have, on average by effective volume; so is all of it but Capacity usually.
type Joining struct {
	Task        string
	Capacity    float64 // work per period that it could show, as Hardened.Paid, or as Factors.Capacity under vision4; above 0
	Quality     float64 // as Quality.Combined, in [0, MaxSpeed]
	Reliability float64 // as History.Mean, in [0, 1]
	Trust       float64 // as History.Factor, in [0, 1]; 0 is 1, for time will bring it
}

// ErrNothingUsual says that a task has no average to take for zero fields.
var ErrNothingUsual = errors.New("nobody else earns anything, so that there is no usual quality and reliability to take: say both of them")

// Estimate is what a miner could expect to earn.
type Estimate struct {
	Weight float64 // in [0, 1]
	Income float64 // Weight x what is paid to all miners
	Tasks  []EstimatedTask
}

// EstimatedTask is what one task would bring.
type EstimatedTask struct {
	Joining              // with what was taken for zero fields
	EffectiveVolume      float64
	Share                float64 // of the task
	Contribution, Income float64 // to the weight, and to the income
}

// Estimate computes what a miner would earn that brought this to the network as the outcome shows it, everyone else staying
// as they are; paid is what all miners together are paid. For one that is there already, its hotkey has what
// it earns now taken out. On a task on which nobody earns anything now there is no average to take:
// zero fields are an error then.
func (o Outcome) Estimate(id hotkey.ID, joining []Joining, paid float64) (Estimate, error) {
	var e Estimate
	if !(paid >= 0) || paid > mostWork {
		return e, fmt.Errorf("%v is paid to all miners, want a number of at least 0", paid)
	}
	volumes := map[string]float64{}
	for _, t := range o.tasks {
		volumes[t.name] = 0
	}
	for _, j := range joining {
		if _, known := volumes[j.Task]; !known {
			return e, fmt.Errorf("the network has no task %q; %s", j.Task, meant(j.Task, slices.Sorted(maps.Keys(volumes))))
		}
		if slices.ContainsFunc(e.Tasks, func(t EstimatedTask) bool { return t.Task == j.Task }) {
			return e, fmt.Errorf("task %q is given twice", j.Task)
		}
		if err := j.validate(); err != nil {
			return e, fmt.Errorf("task %q: %w", j.Task, err)
		}
		if err := j.fill(o.Task(j.Task), id); err != nil {
			return e, fmt.Errorf("task %q: %w", j.Task, err)
		}
		volumes[j.Task] = worth{j.Quality, j.Reliability, j.Trust, j.Capacity}.volume()
		e.Tasks = append(e.Tasks, EstimatedTask{Joining: j, EffectiveVolume: volumes[j.Task]})
	}
	for _, c := range o.contributions(id, volumes) {
		for i := range e.Tasks {
			if t := &e.Tasks[i]; t.Task == c.task {
				t.Share, t.Contribution, t.Income = c.share, c.contribution, c.contribution*paid
				e.Weight += c.contribution
			}
		}
	}
	e.Weight = min(e.Weight, 1)
	e.Income = e.Weight * paid
	return e, nil
}

// validate says which field is out of range.
func (j *Joining) validate() error {
	for _, f := range []struct {
		name    string
		x, most float64
	}{
		{"capacity", j.Capacity, mostWork}, {"quality", j.Quality, MaxSpeed}, {"reliability", j.Reliability, 1}, {"trust", j.Trust, 1},
	} {
		if !within(f.x, f.most) {
			return fmt.Errorf("%s is %v, want 0 to %v", f.name, f.x, f.most)
		}
	}
	if j.Capacity == 0 {
		return errors.New("a capacity of 0 earns nothing")
	}
	return nil
}

// fill sets zero fields to what the others have, by effective volume.
func (j *Joining) fill(contenders []Factors, but hotkey.ID) error {
	if j.Trust == 0 {
		j.Trust = 1
	}
	var total, quality, reliability sum
	for _, f := range contenders {
		if f.Hotkey == but {
			continue
		}
		total.add(f.EffectiveVolume)
		quality.add(float64(f.EffectiveVolume * f.Quality.Combined))
		reliability.add(float64(f.EffectiveVolume * f.History.Mean))
	}
	if (j.Quality == 0 || j.Reliability == 0) && !(total.value() > 0) {
		return ErrNothingUsual
	}
	if j.Quality == 0 {
		j.Quality = min(MaxSpeed, quality.value()/total.value())
	}
	if j.Reliability == 0 {
		j.Reliability = min(1, reliability.value()/total.value())
	}
	return nil
}
