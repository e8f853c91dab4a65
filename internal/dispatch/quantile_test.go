package dispatch

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestQuantile(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(quantileSome, 1000).Draw(t, "n")
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		spread := rapid.Float64Range(0, 3).Draw(t, "spread")
		var q quantile
		var all []float64
		for range n / quantileEvery * quantileEvery {
			x := 0.3 * math.Exp(spread*r.NormFloat64())
			all = append(all, x)
			q.add(x)
		}
		slices.Sort(all)
		// The quantile lies between neighbours in the sample.
		at := len(all) - 1 - int(float64(len(all))*(1-late95))
		low, high := all[at]/1.0001, all[at]*1.25*1.0001
		low, high = max(low, quantileLow), min(max(high, quantileLow), 512)
		if got := q.value(); low < 500 && (got < low || got > high) {
			t.Fatalf("of %d samples %v, want %v to %v", n, got, low, high)
		}
	})
}

func TestQuantileForgets(t *testing.T) {
	var q quantile
	for range quantileSome - 1 {
		q.add(5)
	}
	if q.value() != 0 {
		t.Errorf("%v from few samples", q.value())
	}
	for range 5000 {
		q.add(5)
	}
	for range 8000 {
		q.add(0.1)
	}
	if got := q.value(); got < 0.1 || got > 0.125 {
		t.Errorf("%v long after all has become fast, want a tenth", got)
	}
	q.add(math.NaN())
	q.add(0)
	q.add(-1)
	q.add(math.Inf(1))
	q.add(1e-12)
}
