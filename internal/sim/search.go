package sim

import (
	"context"
	"fmt"
	"math"
)

// Found is what a search came to.
type Found struct {
	Strategy Genome   `json:"-"`
	Genes    string   `json:"strategy"`
	Trained  Interval `json:"profit_on_seeds_searched"` // flattering: the best of many by the same seeds
	Tested   Interval `json:"profit_on_other_seeds"`
	Tries    int      `json:"tries"`
	World    string   `json:"world"` // that was played, in words
}

// Grid is what was found, on the seeds that were searched and on others.
func (f Found) Grid() Grid {
	return Grid{
		Title: "The strategy that a search found", Corner: "STRATEGY",
		Columns: []string{"seeds searched", "other seeds"}, Rows: []string{f.Genes}, Cells: [][]Interval{{f.Trained, f.Tested}}, World: f.World,
	}
}

// starts are where searches begin: honesty, and mixtures that are worth a look.
func starts() []Genome {
	with := func(pairs ...float64) Genome {
		g := HonestGenome()
		for i := 0; i < len(pairs); i += 2 {
			g[int(pairs[i])] = pairs[i+1]
		}
		return g
	}
	return []Genome{
		with(),
		with(geneDeclare, 1.4, geneQueue, 0.5),
		with(geneDeclare, 1.3, geneCheap, 0.1),
		with(geneDeclare, 2, geneBurst, 1, geneOver, 0.5),
		with(geneGPUs, 0.6, geneOverflow, 1),
		searched(),
	}
}

// searched is the best that a search against vision7 came to.
func searched() Genome {
	g := HonestGenome()
	g[geneGPUs], g[geneBurst], g[geneQueue], g[geneOver] = 0.87, 0.12, 1.83, 1.09
	return g
}

// searchedBefore is the best against an earlier vision7, in which answers to beacons were checked no more than others.
func searchedBefore() Genome {
	g := HonestGenome()
	g[geneDeclare], g[geneBurst], g[geneQueue], g[geneOver] = 2, 1, 0.18, 0.5
	return g
}

// above says whether the mean is larger; any is than none.
func (i Interval) above(other Interval) bool {
	return i.Mean > other.Mean || math.IsNaN(other.Mean) && !math.IsNaN(i.Mean)
}

// Search climbs from several starts to the strategy with the largest profit
// that it finds in so many tries, on seeds from the world's on, and then plays
// the best on as many seeds that it has not seen. One gene changes at a time,
// by a step that shrinks when nothing better was near. say, if not nil, hears of every improvement.
func Search(ctx context.Context, w World, tries, seeds int, runner Runner, say func(string)) (Found, error) {
	r := stream(w.Seed, ofSearch)
	score := func(batch []Genome, from uint64) ([]Interval, error) {
		entries := make([]Entry, len(batch))
		for i, g := range batch {
			entries[i] = Entry{Name: g.String(), Make: g}
		}
		at := w
		at.Seed = from
		list, err := Compare(ctx, at, entries, seeds, runner)
		if err != nil {
			return nil, err
		}
		return ratios(list), nil
	}
	batch := starts()
	got, err := score(batch, w.Seed)
	if err != nil {
		return Found{}, err
	}
	best, value := 0, got
	for i := range batch {
		if value[i].above(value[best]) {
			best = i
		}
	}
	found := Found{Strategy: batch[best], Trained: value[best], Tries: len(batch), World: w.describe(seeds)}
	step, width := 0.5, 6 // a batch shares its honest twins
	for found.Tries < tries {
		batch = batch[:0]
		for range min(width, tries-found.Tries) {
			g := found.Strategy
			for range 1 + r.IntN(2) {
				i := r.IntN(geneCount)
				span := genes[i].high - genes[i].low
				if i == geneDeclare || i == geneGPUs {
					g[i] *= math.Exp(step * r.NormFloat64())
				} else {
					g[i] += step * span * r.NormFloat64()
				}
				g[i] = min(max(g[i], genes[i].low), genes[i].high)
			}
			batch = append(batch, g)
		}
		got, err := score(batch, w.Seed)
		if err != nil {
			return Found{}, err
		}
		found.Tries += len(batch)
		better := false
		for i := range got {
			if got[i].above(found.Trained) {
				found.Strategy, found.Trained, better = batch[i], got[i], true
			}
		}
		switch {
		case !better:
			step = max(step*0.8, 0.05)
		case say != nil:
			say(fmt.Sprintf("%d tries: %.2f with %s", found.Tries, found.Trained.Mean, found.Strategy))
		}
	}
	tested, err := score([]Genome{found.Strategy}, w.Seed+1000)
	if err != nil {
		return Found{}, err
	}
	found.Tested, found.Genes = tested[0], found.Strategy.String()
	return found, nil
}
