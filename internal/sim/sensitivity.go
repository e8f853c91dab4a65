package sim

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"vision/internal/score"
)

// Telltales are strategies of which each leans on other parameters: what
// Sensitivity plays unless others are named.
const Telltales = "declare-1.5,dribble-1.5,shared-tasks-2,split-4,cheap-5%,cheap-fifth,on-1-of-2"

// Sensitivity plays entries under vision7 with each parameter halved and doubled, alone; one that its range
// does not allow is left out. names are the parameters, nil for all. The last columns are of the honest populations: the rank
// correlation of useful work and income, and validators' own requests as a percentage of capacity.
func Sensitivity(ctx context.Context, base World, named map[string]float64, names []string, entries []Entry, seeds int, runner Runner) (Grid, error) {
	usual, err := score.Params7From(named)
	if err != nil {
		return Grid{}, err
	}
	values := usual.Map()
	if names == nil {
		names = slices.Sorted(maps.Keys(values))
	}
	g := Grid{Title: "Profit ratios under vision7 with one parameter halved or doubled", Corner: "PARAMETER", Beside: 2, World: base.describe(seeds)}
	for _, e := range entries {
		g.Columns = append(g.Columns, e.Name)
	}
	g.Columns = append(g.Columns, "rank correlation", "own requests, %")
	row := func(name string, params map[string]float64) error {
		m, err := score.Named("vision7", params)
		if err != nil {
			return nil // out of its range, or of order with others
		}
		w := base
		w.Mechanism = m
		list, err := Compare(ctx, w, append(slices.Clone(entries), Entry{Name: "honest", Make: Honest{}}), seeds, runner)
		if err != nil {
			return err
		}
		last := len(list) - 1
		people := community(w, list[last].Honest)
		own := make([]float64, len(people.Synthetic.Values))
		for i, x := range people.Synthetic.Values {
			own[i] = 100 * x
		}
		g.Rows = append(g.Rows, name)
		g.Cells = append(g.Cells, append(ratios(list[:last]), people.Rank, estimate(own).interval()))
		return nil
	}
	if err := row("as it is", named); err != nil {
		return Grid{}, err
	}
	for _, name := range names {
		name = strings.TrimSpace(name)
		value, ok := values[name]
		if !ok {
			return Grid{}, fmt.Errorf("vision7 has no parameter %q", name)
		}
		for _, factor := range []float64{0.5, 2} {
			params := maps.Clone(named)
			if params == nil {
				params = map[string]float64{}
			}
			params[name] = factor * value
			if err := row(fmt.Sprintf("%s %g", name, factor*value), params); err != nil {
				return Grid{}, err
			}
		}
	}
	return g, nil
}
