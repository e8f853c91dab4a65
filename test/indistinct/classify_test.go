package indistinct

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// row is one request as classifiers see it.
type row struct {
	probe  bool
	cell   int64     // rows of one cell are learned from, or scored, together
	grams  []uint32  // hashed n-grams
	values []float64 // numbers and categories
}

// auc is the chance that a probe has a higher score than a customer's request;
// ties count half.
func auc(scores []float64, rows []row) float64 {
	order := make([]int, len(rows))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int {
		switch {
		case scores[a] < scores[b]:
			return -1
		case scores[a] > scores[b]:
			return 1
		}
		return 0
	})
	var below, sum, probes, others float64
	for i := 0; i < len(order); {
		j, p, o := i, 0.0, 0.0
		for ; j < len(order) && scores[order[j]] == scores[order[i]]; j++ {
			if rows[order[j]].probe {
				p++
			} else {
				o++
			}
		}
		sum += p * (below + o/2)
		below += o
		probes, others = probes+p, others+o
		i = j
	}
	if probes == 0 || others == 0 {
		return math.NaN()
	}
	return sum / (probes * others)
}

// learner learns from some rows to score others.
type learner func(r *rand.Rand, train []row) func(row) float64

// folds is how many parts a run is cut into: each is scored by what was learned from the rest.
const folds = 5

// crossValidated is the AUC of a learner: the mean of that within each fold. Each
// cell is in one fold whole: of its probes and customers' requests there are as many, so
// if one were left out, what is learned from the rest near it would be wrong about it.
// It is NaN where no fold has requests of both sorts.
func crossValidated(r *rand.Rand, rows []row, learn learner) float64 {
	var cells []int64
	for _, x := range rows {
		cells = append(cells, x.cell)
	}
	slices.Sort(cells)
	cells = slices.Compact(cells)
	fold := map[int64]int{}
	for i, at := range r.Perm(len(cells)) {
		fold[cells[at]] = i % folds
	}
	sum, n := 0.0, 0.0
	for f := range folds {
		var train, test []row
		for _, x := range rows {
			if fold[x.cell] == f {
				test = append(test, x)
			} else {
				train = append(train, x)
			}
		}
		if len(test) == 0 {
			continue // fewer cells than folds
		}
		score := learn(r, train)
		scores := make([]float64, len(test))
		for i := range test {
			scores[i] = score(test[i])
		}
		if a := auc(scores, test); !math.IsNaN(a) {
			sum, n = sum+a*float64(len(test)), n+float64(len(test))
		}
	}
	return sum / n
}

// logistic is a logistic regression on hashed n-grams, by AdaGrad.
func logistic(buckets int) learner {
	return func(r *rand.Rand, train []row) func(row) float64 {
		w, g2 := make([]float64, buckets+1), make([]float64, buckets+1)
		for i := range g2 {
			g2[i] = 1e-6
		}
		margin := func(x row) float64 {
			if len(x.grams) == 0 {
				return w[buckets]
			}
			sum, norm := 0.0, 1/math.Sqrt(float64(len(x.grams)))
			for _, g := range x.grams {
				sum += w[g]
			}
			return w[buckets] + sum*norm
		}
		step := func(i uint32, g float64) {
			g += 1e-5 * w[i]
			g2[i] += g * g
			w[i] -= 0.1 * g / math.Sqrt(g2[i])
		}
		for range 6 {
			for _, at := range r.Perm(len(train)) {
				x := train[at]
				y := 0.0
				if x.probe {
					y = 1
				}
				d := 1/(1+math.Exp(-margin(x))) - y
				step(uint32(buckets), d)
				if len(x.grams) == 0 {
					continue
				}
				d /= math.Sqrt(float64(len(x.grams)))
				for _, g := range x.grams {
					step(g, d)
				}
			}
		}
		return margin
	}
}

// stump says one thing above a threshold of one value, and another below.
type stump struct {
	value     int
	threshold float64
	below     float64
	above     float64
}

// stumps is gradient boosting of logistic loss with trees of one question.
func stumps(rounds int) learner {
	return func(_ *rand.Rand, train []row) func(row) float64 {
		n := len(train)
		if n == 0 {
			return func(row) float64 { return 0 }
		}
		width := len(train[0].values)
		orders := make([][]int, width)
		for v := range width {
			orders[v] = make([]int, n)
			for i := range n {
				orders[v][i] = i
			}
			slices.SortFunc(orders[v], func(a, b int) int {
				switch x, y := train[a].values[v], train[b].values[v]; {
				case x < y:
					return -1
				case x > y:
					return 1
				}
				return a - b
			})
		}
		f, g, h := make([]float64, n), make([]float64, n), make([]float64, n)
		var all []stump
		for range rounds {
			gs, hs := 0.0, 0.0
			for i := range n {
				p := 1 / (1 + math.Exp(-f[i]))
				g[i], h[i] = -p, p*(1-p)
				if train[i].probe {
					g[i]++
				}
				gs, hs = gs+g[i], hs+h[i]
			}
			best, gain := stump{}, 0.0
			for v := range width {
				gl, hl := 0.0, 0.0
				for k := 0; k < n-1; k++ {
					i := orders[v][k]
					gl, hl = gl+g[i], hl+h[i]
					x, next := train[i].values[v], train[orders[v][k+1]].values[v]
					if x == next || k < 9 || k > n-10 { // no question about fewer than ten rows
						continue
					}
					gr, hr := gs-gl, hs-hl
					if s := gl*gl/(hl+1) + gr*gr/(hr+1); s > gain {
						gain, best = s, stump{v, x, gl / (hl + 1), gr / (hr + 1)}
					}
				}
			}
			if gain <= 0 {
				break
			}
			const rate = 0.2
			best.below, best.above = rate*best.below, rate*best.above
			all = append(all, best)
			for i := range n {
				f[i] += best.of(train[i])
			}
		}
		return func(x row) float64 {
			sum := 0.0
			for _, s := range all {
				sum += s.of(x)
			}
			return sum
		}
	}
}

func (s stump) of(x row) float64 {
	if x.values[s.value] <= s.threshold {
		return s.below
	}
	return s.above
}

// The classifiers must find what there is to find, and nothing where there is nothing.
func TestClassifiersFindWhatIsThere(t *testing.T) {
	made := func(r *rand.Rand, gap float64, odds int) []row {
		rows := make([]row, 1200)
		for i := range rows {
			x := row{probe: i%2 == 0, cell: int64(i / 8), values: []float64{r.NormFloat64(), r.NormFloat64()}}
			if x.probe {
				x.values[1] += gap
			}
			for range 30 {
				x.grams = append(x.grams, uint32(r.IntN(200)))
			}
			if x.probe && odds > 0 && r.IntN(odds) == 0 {
				x.grams = append(x.grams, 7, 7)
			}
			rows[i] = x
		}
		return rows
	}
	for name, c := range map[string]struct {
		gap       float64
		odds      int
		learn     learner
		low, high float64
	}{
		"stumps, nothing":     {0, 0, stumps(40), 0.44, 0.56},
		"stumps, a shift":     {1, 0, stumps(40), 0.70, 0.80}, // the best there is: Phi(1/sqrt(2)) = 0.76
		"logistic, nothing":   {0, 0, logistic(200), 0.44, 0.56},
		"logistic, some have": {0, 1, logistic(200), 0.85, 1},
	} {
		r := rand.New(rand.NewPCG(1, 2)) // of its own: in which order they come is chance
		if got := crossValidated(r, made(r, c.gap, c.odds), c.learn); got < c.low || got > c.high {
			t.Errorf("%s: AUC %.3f, want %.2f to %.2f", name, got, c.low, c.high)
		}
	}
	if got := auc([]float64{1, 2, 3, 3}, []row{{probe: true}, {}, {probe: true}, {}}); got != 0.375 {
		t.Errorf("AUC %v, want 0.375", got)
	}
}

// Where there is nothing, what is found is 0.5 on average, also by who can tell the time of
// a request from it, as from the number of its connection; and it scatters by less
// than twice the deviation of independent guesses, which report reckons with.
func TestNothingIsFoundInNothing(t *testing.T) {
	const runs, n = 160, 150 // of each sort
	for name, c := range map[string]struct {
		learn  learner
		values func(r *rand.Rand, cell int) []float64
	}{
		"numbers": {stumps(80), func(r *rand.Rand, _ int) []float64 { return []float64{r.Float64(), r.Float64(), r.Float64()} }},
		"a clock": {stumps(80), func(_ *rand.Rand, cell int) []float64 { return []float64{float64(cell), float64(cell % 10)} }},
		"words":   {logistic(500), nil},
	} {
		r := rand.New(rand.NewPCG(1, 2)) // of its own: in which order they come is chance
		sum, squares := 0.0, 0.0
		for range runs {
			rows := make([]row, 2*n)
			for i := range rows {
				x := row{probe: i%2 == 0, cell: int64(i / 6)}
				if c.values != nil {
					x.values = c.values(r, i/6)
				} else {
					for range 20 {
						x.grams = append(x.grams, uint32(r.IntN(500)))
					}
				}
				rows[i] = x
			}
			a := crossValidated(r, rows, c.learn)
			sum, squares = sum+a, squares+(a-0.5)*(a-0.5)
		}
		mean, spread := sum/runs, math.Sqrt(squares/runs)/deviation(n)
		t.Logf("%s: AUC %.3f on average, %.2f deviations of guesses from 0.5", name, mean, spread)
		if math.Abs(mean-0.5) > 0.02 || spread > 1.8 {
			t.Errorf("%s: AUC %.3f on average, %.2f deviations of guesses from 0.5", name, mean, spread)
		}
	}
}
