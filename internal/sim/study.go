package sim

import (
	"context"
	"encoding/json"
	"math"
	"slices"

	"vision/internal/score"
)

// Study compares strategies under several mechanisms.
type Study struct {
	World      World // its Mechanism is ignored
	Mechanisms []score.Mechanism
	Entries    []Entry
	Seeds      int // from World.Seed on
	Runner     Runner
	Population bool // also play the honest population, and one of which a third cheat
}

// Report is what a study found. Ratios are of profit, against an honest twin.
type Report struct {
	Miners     int         `json:"miners"`
	Periods    int         `json:"periods"`
	Tasks      int         `json:"tasks"`
	Validators int         `json:"validators"`
	Seeds      int         `json:"seeds"`
	FirstSeed  uint64      `json:"first_seed"`
	Power      float64     `json:"power"`        // of a check of a cheaper model's answer
	FalseRate  float64     `json:"false_alarms"` // of a check of an honest one
	Mechanisms []string    `json:"mechanisms"`
	Rows       []Row       `json:"strategies"`
	People     []Community `json:"populations,omitempty"`
}

// Row is a strategy under each mechanism, in their order.
type Row struct {
	Strategy string     `json:"strategy"`
	Family   string     `json:"family"`
	About    string     `json:"about"`
	Profit   []Interval `json:"profit"`
	Income   []Interval `json:"income"`
}

// Interval is a mean over seeds with its 95% confidence interval.
type Interval struct {
	Mean   float64   `json:"mean"`   // NaN if no seed has a value, null in JSON
	Radius float64   `json:"radius"` // half of the interval's width; 0 with a single seed: unknown
	Values []float64 `json:"values"` // by seed; NaN, and null in JSON, where nothing could be compared
}

// MarshalJSON writes null for what is not a number.
func (i Interval) MarshalJSON() ([]byte, error) {
	orNull := func(x float64) *float64 {
		if math.IsNaN(x) {
			return nil
		}
		return &x
	}
	out := struct {
		Mean   *float64   `json:"mean"`
		Radius float64    `json:"radius"`
		Values []*float64 `json:"values"`
	}{Mean: orNull(i.Mean), Radius: i.Radius, Values: []*float64{}}
	for _, x := range i.Values {
		out.Values = append(out.Values, orNull(x))
	}
	return json.Marshal(out)
}

func (e Estimate) interval() Interval {
	i := Interval(e)
	if len(knownOf(e.Values)) < 2 {
		i.Radius = 0
	}
	return i
}

// Community is a whole population under one mechanism.
type Community struct {
	Mechanism string   `json:"mechanism"`
	Cheats    float64  `json:"cheats"`      // part of the operators that cheat
	Success   Interval `json:"success"`     // of customers' requests, [0, 1]
	First50   Interval `json:"first_p50_s"` // seconds to the first output
	First95   Interval `json:"first_p95_s"`
	Total50   Interval `json:"total_p50_s"`
	Total95   Interval `json:"total_p95_s"`
	Rank      Interval `json:"rank_correlation"` // of useful work and income, honest operators
	Synthetic Interval `json:"synthetic"`        // validators' own requests, part of capacity
	Take      Interval `json:"cheats_income"`    // cheats' part of the income
	Value     Interval `json:"cheats_value"`     // cheats' part of what all useful work is worth
}

// Cheating is the part of operators that cheat in a mixed population.
const Cheating = 1.0 / 3

// Run plays the study.
func (s Study) Run(ctx context.Context) (Report, error) {
	r := Report{
		Miners: s.World.Miners, Periods: s.World.Periods, Tasks: len(s.World.Tasks), Validators: len(s.World.Stakes),
		Seeds: s.Seeds, FirstSeed: s.World.Seed, Power: s.World.Power, FalseRate: s.World.False,
	}
	for _, e := range s.Entries {
		r.Rows = append(r.Rows, Row{Strategy: e.Name, Family: e.Family, About: e.About})
	}
	for _, m := range s.Mechanisms {
		w := s.World
		w.Mechanism = m
		r.Mechanisms = append(r.Mechanisms, m.Name())
		list, err := Compare(ctx, w, s.Entries, s.Seeds, s.Runner)
		if err != nil {
			return Report{}, err
		}
		for i, c := range list {
			r.Rows[i].Profit = append(r.Rows[i].Profit, c.Ratio.interval())
			r.Rows[i].Income = append(r.Rows[i].Income, c.Income.interval())
		}
		if !s.Population {
			continue
		}
		honest := twins(list, w)
		if honest == nil {
			if honest, err = PlaySeeds(ctx, w, s.Seeds, s.Runner); err != nil {
				return Report{}, err
			}
		}
		r.People = append(r.People, community(w, honest))
		w.Cheats, w.Rogues = Cheating, Rogues()
		mixed, err := PlaySeeds(ctx, w, s.Seeds, s.Runner)
		if err != nil {
			return Report{}, err
		}
		r.People = append(r.People, community(w, mixed))
	}
	return r, nil
}

// twins are the honest runs of a comparison in the unchanged world, nil if there is none.
func twins(list []Comparison, w World) []Result {
	i := slices.IndexFunc(list, func(c Comparison) bool { return c.world == w.signature() })
	if i < 0 {
		return nil
	}
	return list[i].Honest
}

// community sums up runs of one population.
func community(w World, runs []Result) Community {
	over := func(f func(Result) float64) Interval {
		values := make([]float64, len(runs))
		for i, r := range runs {
			values[i] = f(r)
		}
		return estimate(values).interval()
	}
	honest := func(a Account) bool { return !a.Cheat }
	share := func(r Result, of func(Account) float64) float64 {
		cheats, all := 0.0, 0.0
		for _, a := range r.Operators {
			all += of(a)
			if a.Cheat {
				cheats += of(a)
			}
		}
		return cheats / max(all, 1e-300)
	}
	return Community{
		Mechanism: w.Mechanism.Name(), Cheats: w.Cheats,
		Success:   over(func(r Result) float64 { return r.Success }),
		First50:   over(func(r Result) float64 { return r.First50 }),
		First95:   over(func(r Result) float64 { return r.First95 }),
		Total50:   over(func(r Result) float64 { return r.Total50 }),
		Total95:   over(func(r Result) float64 { return r.Total95 }),
		Rank:      over(func(r Result) float64 { return r.RankCorrelation(honest) }),
		Synthetic: over(func(r Result) float64 { return r.Synthetic }),
		Take:      over(func(r Result) float64 { return share(r, func(a Account) float64 { return a.Income }) }),
		Value:     over(func(r Result) float64 { return share(r, func(a Account) float64 { return a.Useful }) }),
	}
}

// PlaySeeds plays a world on seeds from World.Seed on.
func PlaySeeds(ctx context.Context, w World, seeds int, runner Runner) ([]Result, error) {
	out := make([]Result, seeds)
	jobs := make([]work, seeds)
	for n := range jobs {
		jobs[n] = work{w, &out[n]}
		jobs[n].world.Seed += uint64(n)
	}
	return out, playAll(ctx, jobs, runner)
}
