package sim

import (
	"context"

	"vision/internal/score"
)

// Grid is profit ratios by two things.
type Grid struct {
	Title   string       `json:"title"`
	Corner  string       `json:"rows_are"`
	Columns []string     `json:"columns"`
	Rows    []string     `json:"rows"`
	Cells   [][]Interval `json:"profit"`           // by row, then column
	Beside  int          `json:"beside,omitempty"` // so many of the last columns are no profit ratios
	World   string       `json:"world"`            // that was played, in words
	About   []string     `json:"about,omitempty"`  // each row
}

// Part is one part of vision7, with what stands in its place when it is off.
type Part struct {
	Name  string
	About string
	Set   map[string]float64                    // parameters that turn it off
	Wrap  func(score.Mechanism) score.Mechanism // or what is put around it
	World func(*World)
}

// Parts are vision7's parts, each of which Ablate turns off alone.
func Parts() []Part {
	return []Part{
		{Name: "all on", About: "vision7 as it is"},
		{Name: "no beacons", About: "what is declared is credited, without a beacon", Set: map[string]float64{"beacons": 0}, Wrap: func(m score.Mechanism) score.Mechanism { return believing{m} }},
		{Name: "beacons apart", About: "each validator and task at instants of its own", World: func(w *World) { w.Apart = true }},
		{Name: "one beacon", About: "one a period instead of four", Set: map[string]float64{"beacons": 1}},
		{Name: "no penalty", About: "what is not answered at a beacon costs no more than itself", Set: map[string]float64{"penalty": 0}},
		{Name: "no slowness", About: "slowness at beacons costs nothing", Set: map[string]float64{"slow_power": 0}},
		{Name: "no caution", About: "the mean of what was shown is paid, not a lower bound", Set: map[string]float64{"caution": 0}},
		{Name: "boasting free", About: "what is declared and not shown costs nothing besides", Set: map[string]float64{"proof": 0}},
		{Name: "short memory", About: "only the newest period's reliability counts", Set: map[string]float64{"fade": 0}},
		{Name: "no kappa", About: "failed checks lower quality no more than themselves", Set: map[string]float64{"kappa": 0}},
		{Name: "no audit", About: "nobody is slashed", Set: map[string]float64{"audit_limit": 1e12, "audit_low": 0.997, "audit_middle": 0.998, "audit_high": 0.999}},
		{Name: "no trust ramp", About: "newcomers are paid in full from the first check on", Set: map[string]float64{"trust_start": 1}},
		{Name: "checks apart", About: "validators do not show one another what failed", World: func(w *World) { w.Pooling = Apart }},
		{Name: "checks pooled", About: "a check counts with every validator, which is more than the daemon does", World: func(w *World) { w.Pooling = Pooled }},
		{Name: "cubed shares", About: "shares are cubed, as in vision4", Wrap: func(m score.Mechanism) score.Mechanism { return cubing{m} }},
	}
}

// Ablate plays entries under vision7 with each part off in turn. named are parameters that differ from the defaults.
func Ablate(ctx context.Context, base World, named map[string]float64, parts []Part, entries []Entry, seeds int, runner Runner) (Grid, error) {
	g := Grid{Title: "Profit ratios under vision7 with one part off", Corner: "PART OFF", World: base.describe(seeds)}
	for _, e := range entries {
		g.Columns = append(g.Columns, e.Name)
	}
	for _, part := range parts {
		all := map[string]float64{}
		for k, v := range named {
			all[k] = v
		}
		for k, v := range part.Set {
			all[k] = v
		}
		m, err := score.Named("vision7", all)
		if err != nil {
			return Grid{}, err
		}
		if part.Wrap != nil {
			m = part.Wrap(m)
		}
		w := base
		w.Mechanism = m
		if part.World != nil {
			part.World(&w)
		}
		list, err := Compare(ctx, w, entries, seeds, runner)
		if err != nil {
			return Grid{}, err
		}
		g.Rows, g.About = append(g.Rows, part.Name), append(g.About, part.About)
		g.Cells = append(g.Cells, ratios(list))
	}
	return g, nil
}

func ratios(list []Comparison) []Interval {
	out := make([]Interval, len(list))
	for i, c := range list {
		out[i] = c.Ratio.interval()
	}
	return out
}

// believing credits what is declared: at each period's end it observes a
// beacon that was answered in full and at once.
type believing struct{ score.Mechanism }

func (b believing) Observe(known score.State, o score.Observation) (score.State, error) {
	if o.Closed != nil && o.Closed.Offer.Declared > 0 {
		offer := o.Closed.Offer
		offer.Slots = 0
		for range 4 {
			n := max(b.Burst(known, offer, 0), 1)
			answers := make([]score.Arrived, n)
			for i := range answers {
				answers[i].Served = 1
			}
			next, err := b.Mechanism.Observe(known, score.Observation{Beacon: &score.Beacon{Offer: offer, Asked: n, Answers: answers}})
			if err != nil {
				return known, err
			}
			known = next
		}
	}
	return b.Mechanism.Observe(known, o)
}

// cubing cubes the shares of each task, as vision4 does.
type cubing struct{ score.Mechanism }

func (c cubing) Weights(tasks []score.Task) (score.Outcome, error) {
	out, err := c.Mechanism.Weights(tasks)
	if err != nil {
		return out, err
	}
	for i := range out.Weights {
		out.Weights[i].Weight = 0
	}
	for _, t := range tasks {
		factors := out.Task(t.Name)
		shares := make([]float64, len(factors))
		for i, f := range factors {
			shares[i] = f.Share
		}
		for i, x := range score.NonLinearShare(shares) {
			out.Weights[indexOf(out.Weights, factors[i].Hotkey)].Weight += x * factors[i].PaidTaskWeight
		}
	}
	return out, nil
}

func indexOf(list []score.Weight, who [32]byte) int {
	lo, hi := 0, len(list)
	for lo < hi {
		mid := (lo + hi) / 2
		if list[mid].Hotkey.Compare(who) < 0 {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo
}
