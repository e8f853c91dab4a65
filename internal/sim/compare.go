package sim

import (
	"context"
	"fmt"
	"math"
	"slices"
	"sync"
	"sync/atomic"
)

// Comparison is what a strategy came to against an honest twin, over seeds.
type Comparison struct {
	Entry  Entry
	Ratio  Estimate // profit for one of the honest twin's; for Votes, dividends
	Income Estimate // share of what the honest twin earns, costs aside
	Runs   []Result // by seed
	Honest []Result

	world string // the signature of the world that both live in
}

// Estimate is a mean over seeds and how far off it may be.
type Estimate struct {
	Mean   float64   // NaN if no seed has a value
	Radius float64   // half of the 95% confidence interval; infinite for a single seed
	Values []float64 // by seed; NaN where nothing can be compared
}

// Compare plays every entry against its honest twin on seeds first to
// first+seeds-1 of a world, as the runner makes them. The twin of an entry
// that changes the world lives in the changed one.
func Compare(ctx context.Context, base World, entries []Entry, seeds int, runner Runner) ([]Comparison, error) {
	var jobs []work
	out := make([]Comparison, len(entries))
	twins := map[string][]Result{}
	for i, e := range entries {
		world := base
		if e.World != nil {
			world.Tasks = append([]Service(nil), base.Tasks...)
			e.World(&world)
		}
		name := world.signature()
		if twins[name] == nil {
			twins[name] = make([]Result, seeds)
			for n := range seeds {
				w := world
				w.Seed += uint64(n)
				jobs = append(jobs, work{w, &twins[name][n]})
			}
		}
		out[i] = Comparison{Entry: e, Honest: twins[name], world: name}
		if e.Make == Strategy(Honest{}) {
			out[i].Runs = out[i].Honest
			continue
		}
		out[i].Runs = make([]Result, seeds)
		for n := range seeds {
			w := world
			w.Seed += uint64(n)
			w.Protagonist, w.Alone = e.Make, e.Alone
			jobs = append(jobs, work{w, &out[i].Runs[n]})
		}
	}
	if err := playAll(ctx, jobs, runner); err != nil {
		return nil, err
	}
	for i := range out {
		out[i].judge(base.Margin)
	}
	return out, nil
}

// work is a run to be made.
type work struct {
	world World
	into  *Result
}

// Runner makes runs.
type Runner struct {
	Parallel int                 // runs at once; below 1 is 1
	Say      func(done, all int) // optional: hears of each run that ends, from any goroutine
}

// playAll makes runs, so many at once. It gives the first error by the order of the runs.
func playAll(ctx context.Context, jobs []work, runner Runner) error {
	errs := make([]error, len(jobs))
	next := make(chan int)
	var done atomic.Int64
	var workers sync.WaitGroup
	for range max(runner.Parallel, 1) {
		workers.Go(func() {
			for i := range next {
				if errs[i] = ctx.Err(); errs[i] == nil {
					*jobs[i].into, errs[i] = Play(jobs[i].world)
				}
				if n := int(done.Add(1)); runner.Say != nil {
					runner.Say(n, len(jobs))
				}
			}
		})
	}
	for i := range jobs {
		next <- i
	}
	close(next)
	workers.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// Play makes a run of a world and plays it.
func Play(w World) (Result, error) {
	s, err := New(w)
	if err != nil {
		return Result{}, err
	}
	return s.Run()
}

// signature tells worlds apart that entries change.
func (w World) signature() string {
	return fmt.Sprint(len(w.Tasks), w.Power, w.Salted, w.Repeats, w.Reveal, w.Settle, w.Cheats, w.Rogues)
}

// judge computes the ratios. The price of emission lets the honest twin, of
// which there are two in its world, earn the margin on its cost. Where the twin earned nothing, as it may in a few periods,
// there is no such price, and the seed has no ratio.
func (c *Comparison) judge(margin float64) {
	ratio, income := make([]float64, len(c.Runs)), make([]float64, len(c.Runs))
	for n := range c.Runs {
		twin, run := c.Honest[n].Operators, c.Runs[n].Operators
		twins := twin[0].Income + twin[1].Income
		costs := twin[0].Cost + twin[1].Cost
		if !(twins > 0) {
			ratio[n], income[n] = math.NaN(), math.NaN()
			continue
		}
		price := (1 + margin) * costs / twins
		owners := 2.0 // the twins have the GPUs of two owners
		if c.Entry.Alone {
			owners = 1
		}
		// What validators of the strategy's earn as dividends is its income too: half of the emission is theirs.
		mine, honest := c.dividends(c.Runs[n]), c.dividends(c.Honest[n])
		ratio[n] = (price*(run[0].Income+mine) - run[0].Cost) / (price*honest + margin*costs/owners)
		income[n] = (run[0].Income + mine) / (honest + twins/owners)
		if c.Entry.Bribes {
			bribe := max(0, honest-mine)
			ratio[n] = (price*(run[0].Income-bribe) - run[0].Cost) / (margin * costs / owners)
			income[n] = (run[0].Income - bribe) / (twins / owners)
		}
		if c.Entry.Votes {
			if ratio[n] = math.NaN(); honest > 0 {
				ratio[n] = mine / honest
			}
		}
	}
	c.Ratio, c.Income = estimate(ratio), estimate(income)
}

// dividends is what the strategy's validators earned in a run, in periods' whole incentive.
func (c *Comparison) dividends(r Result) float64 {
	voter, ok := c.Entry.Make.(Voter)
	if !ok {
		return 0
	}
	total := 0.0
	for v, d := range r.Dividends {
		if voter.Runs(v) {
			total += d * float64(r.Periods)
		}
	}
	return total
}

// estimate is the mean of values and the radius of Student's 95% interval, of those seeds that have a value.
func estimate(values []float64) Estimate {
	e := Estimate{Mean: math.NaN(), Values: values, Radius: math.Inf(1)}
	known := knownOf(values)
	if len(known) == 0 {
		return e
	}
	n := float64(len(known))
	e.Mean = 0
	for _, x := range known {
		e.Mean += x / n
	}
	if n < 2 {
		return e
	}
	squares := 0.0
	for _, x := range known {
		squares += (x - e.Mean) * (x - e.Mean)
	}
	e.Radius = student(len(known)-1) * math.Sqrt(squares/(n-1)/n)
	return e
}

// knownOf leaves out the seeds without a value.
func knownOf(values []float64) []float64 {
	return slices.DeleteFunc(slices.Clone(values), math.IsNaN)
}

// student is the two-sided 95% quantile of Student's distribution.
func student(freedom int) float64 {
	table := []float64{12.71, 4.30, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26, 2.23, 2.20, 2.18, 2.16, 2.14, 2.13, 2.12, 2.11, 2.10, 2.09, 2.09}
	switch {
	case freedom < 1:
		return math.Inf(1)
	case freedom <= len(table):
		return table[freedom-1]
	}
	return 1.96 + 2.6/float64(freedom)
}
