package sim

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"vision/internal/score"
)

// Dial is something that Sweep can turn.
type Dial struct {
	Name  string
	About string
	Turn  func(w *World, x float64)
}

// Dials are what of a world can be swept, besides the mechanism's parameters.
func Dials() []Dial {
	return []Dial{
		{"power", "chance that a check of a cheaper model's answer fails", func(w *World, x float64) { w.Power = x }},
		{"false", "chance that a check of an honest answer fails", func(w *World, x float64) { w.False = x }},
		{"demand", "what customers ask for, as a share of capacity", func(w *World, x float64) { w.Demand = x }},
		{"telling", "chance that a miner guesses right whether a request is a customer's", func(w *World, x float64) { w.Telling = x }},
		{"api-price", "price of an outside API, in a fully used GPU's cost", func(w *World, x float64) { w.APIPrice = x }},
		{"load", "seconds until rented GPUs can serve", func(w *World, x float64) { w.Load = x }},
		{"rental", "seconds for which GPUs are rented at the least", func(w *World, x float64) { w.Rental = x }},
		{"watched", "how many times as often as others answers to beacons are checked", func(w *World, x float64) { w.Sampling.Beacon = x }},
		{"window", "seconds for which a beacon asks", func(w *World, x float64) { w.Window = x }},
		{"errors", "chance that an honest miner fails a request", func(w *World, x float64) { w.Errors = x }},
		{"skew", "seconds by which validators' clocks are off", func(w *World, x float64) { w.Skew = x }},
		{"reveal", "periods that pass before weights that were set are shown and count", func(w *World, x float64) { w.Reveal = int(x) }},
		{"pooling", "what validators make of one another's checks: 0 receipts, as the daemon does; 1 nothing; 2 they count as own ones", func(w *World, x float64) { w.Pooling = Pooling(x) }},
		{"checking", "least share of answers that is checked", func(w *World, x float64) { w.Sampling.Min = x }},
		{"favour", "how many times its weight validators give a miner that pays them what they lose by it; needs no --strategy", nil},
		{"declare", "what a strategy of its own declares, in what it can do; needs no --strategy", nil},
	}
}

// Turn is a world with a dial, or a parameter of the mechanism, at a value. The error says what of it cannot be.
func Turn(base World, mechanism string, named map[string]float64, dial string, x float64) (World, error) {
	w, params := base, maps.Clone(named)
	i := slices.IndexFunc(Dials(), func(d Dial) bool { return d.Name == dial })
	_, known := score.Defaults7.Map()[dial]
	switch {
	case i < 0 && !known:
		var names []string
		for _, d := range Dials() {
			names = append(names, d.Name)
		}
		return w, fmt.Errorf("there is no %q to turn; of the world there are %s; of vision7, %s",
			dial, strings.Join(names, ", "), strings.Join(slices.Sorted(maps.Keys(score.Defaults7.Map())), ", "))
	case i < 0:
		if params == nil {
			params = map[string]float64{}
		}
		params[dial] = x
	case dial == "declare":
		if !(x > 0 && x <= 1000) {
			return w, fmt.Errorf("declare is %v, want above 0 and up to 1000 times what a miner can do", x)
		}
	case dial == "favour":
		if !(x > 0 && x <= 1e12) {
			return w, fmt.Errorf("favour is %v, want above 0 and up to 1e12 times a miner's weight", x)
		}
	default:
		Dials()[i].Turn(&w, x)
	}
	m, err := score.Named(mechanism, params)
	if err != nil {
		return w, err
	}
	w.Mechanism = m
	return w, w.Validate()
}

// ownEntries are the strategies of a dial that turns them and not the world; nil for others.
func ownEntries(dial string, x float64) []Entry {
	switch dial {
	case "declare":
		return []Entry{
			{Name: "declare", Make: Declare{x}}, {Name: "declare and queue", Make: Queue{x, 1 << 20}}, {Name: "declare and dribble", Make: Dribble{x, math.Inf(1)}},
		}
	case "favour":
		return []Entry{
			{Name: "8% of stake", Make: bribed(x, 4), Bribes: true}, {Name: "25% of stake", Make: bribed(x, 1), Bribes: true},
			{Name: "45% of stake", Make: bribed(x, 1, 3, 4), Bribes: true}, {Name: "55% of stake", Make: bribed(x, 0, 2), Bribes: true},
		}
	}
	return nil
}

// Sweep plays entries with one dial or parameter of the mechanism at each of several values.
func Sweep(ctx context.Context, base World, mechanism string, named map[string]float64, dial string, values []float64, entries []Entry, seeds int, runner Runner) (Grid, error) {
	g := Grid{Title: fmt.Sprintf("Profit ratios under %s by %s", mechanism, dial), Corner: "STRATEGY", World: base.describe(seeds) + " But for " + dial + ", which is as each column says."}
	if own := ownEntries(dial, 1); own != nil {
		entries = own
	}
	for _, e := range entries {
		g.Rows = append(g.Rows, e.Name)
	}
	g.Cells = make([][]Interval, len(entries))
	worlds := make([]World, len(values)) // all of them before any is played
	for i, x := range values {
		var err error
		if worlds[i], err = Turn(base, mechanism, named, dial, x); err != nil {
			return Grid{}, err
		}
	}
	for i, x := range values {
		list := entries
		if own := ownEntries(dial, x); own != nil {
			list = own
		}
		found, err := Compare(ctx, worlds[i], list, seeds, runner)
		if err != nil {
			return Grid{}, err
		}
		g.Columns = append(g.Columns, fmt.Sprintf("%g", x))
		for i, cell := range ratios(found) {
			g.Cells[i] = append(g.Cells[i], cell)
		}
	}
	return g, nil
}
