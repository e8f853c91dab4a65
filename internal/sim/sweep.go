package sim

import (
	"context"
	"fmt"
	"math"

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

// Sweep plays entries with one dial or parameter of the mechanism at each of several values.
func Sweep(ctx context.Context, base World, mechanism string, named map[string]float64, dial string, values []float64, entries []Entry, seeds int, runner Runner) (Grid, error) {
	g := Grid{Title: fmt.Sprintf("Profit ratios under %s by %s", mechanism, dial), Corner: "STRATEGY"}
	if dial == "declare" {
		entries = []Entry{{Name: "declare"}, {Name: "declare and queue"}, {Name: "declare and dribble"}}
	}
	if dial == "favour" {
		entries = []Entry{{Name: "8% of stake"}, {Name: "25% of stake"}, {Name: "45% of stake"}, {Name: "55% of stake"}}
	}
	for _, e := range entries {
		g.Rows = append(g.Rows, e.Name)
	}
	g.Cells = make([][]Interval, len(entries))
	for _, x := range values {
		w, params := base, map[string]float64{}
		for k, v := range named {
			params[k] = v
		}
		turned := false
		for _, d := range Dials() {
			if d.Name == dial {
				turned = true
				if d.Turn != nil {
					d.Turn(&w, x)
				}
			}
		}
		if !turned {
			params[dial] = x
		}
		m, err := score.Named(mechanism, params)
		if err != nil {
			return Grid{}, err
		}
		w.Mechanism = m
		list := entries
		if dial == "declare" {
			list = []Entry{{Name: "declare", Make: Declare{x}}, {Name: "queue", Make: Queue{x, 1 << 20}}, {Name: "dribble", Make: Dribble{x, math.Inf(1)}}}
		}
		if dial == "favour" {
			list = nil
			for i, validators := range [][]int{{4}, {1}, {1, 3, 4}, {0, 2}} {
				list = append(list, Entry{Name: entries[i].Name, Make: bribed(x, validators...), Bribes: true})
			}
		}
		found, err := Compare(ctx, w, list, seeds, runner)
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
