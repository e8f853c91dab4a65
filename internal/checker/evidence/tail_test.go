package evidence

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

// Of a reference that lists the likeliest tokens only, whatever the rest is: each
// alternative's q/p has mean at most 1 for whoever draws as asked, and a token's
// probability is at most the bound, at any temperature and top_p.
func TestHonestMeansOfListsStayBelowOne(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.IntRange(3, 400).Draw(t, "tokens")
		spread := rapid.Float64Range(0, 4).Draw(t, "spread")
		logits := rapid.SliceOfN(rapid.Float64Range(-1, 1), size, size).Draw(t, "logits")
		for i := range logits {
			logits[i] = spread*logits[i] - 1e-6*float64(i) // no two alike, which top_p would keep one of by chance
		}
		normalise(logits)
		shown := rapid.IntRange(1, min(20, size-1)).Draw(t, "shown")
		temperature, topP := rapid.Float64Range(LowestTemperature, 1).Draw(t, "t"), rapid.Float64Range(0.05, 1).Draw(t, "p")
		const noise = 0.02
		slack := rapid.Float64Range(-0.99, 0.99).Draw(t, "slack") * TopPSlack(noise, temperature)
		if topP == 1 {
			slack = 0
		}
		p := honest(Outcomes(logits).at(temperature), topP+slack)
		var expected []float64
		most := make(map[int]float64) // by outcome
		for i := range logits {
			list, at := listing(logits, i, shown)
			var pos Position
			pos.FillListed(list, at, temperature, topP, noise, list)
			if expected == nil {
				expected = make([]float64, len(pos.Contrast))
			}
			for j, x := range pos.Contrast {
				expected[j] += p[i] * math.Exp(x)
			}
			if at < shown && p[i] > math.Exp(pos.Most)+1e-9 {
				t.Fatalf("token %d has chance %v, the bound is %v", i, p[i], math.Exp(pos.Most))
			}
			most[at] = math.Exp(pos.Most)
		}
		for j, mean := range expected {
			if mean > 1+1e-6 {
				t.Fatalf("alternative %d has mean %v (%d of %d listed, T %v, top_p %v)", j, mean, shown, size, temperature, topP)
			}
		}
		rest := 0.0
		for i := range logits {
			if _, at := listing(logits, i, shown); at == shown {
				rest += p[i]
			}
		}
		if rest > most[shown]+1e-6 {
			t.Fatalf("the rest has chance %v, the bound is %v", rest, most[shown])
		}
	})
}

// At temperature 1 the tail is what it is, and near 1 almost so.
func TestTailAtTemperatureOne(t *testing.T) {
	o := Outcomes{math.Log(0.5), math.Log(0.2), math.Log(0.3)}
	for i, want := range []float64{0.5, 0.2, 0.3} {
		var at, near Position
		at.FillListed(o, i, 1, 1, 0.02)
		near.FillListed(o, i, 0.999, 1, 0.02)
		if math.Abs(math.Exp(at.Most)-want) > 1e-9 || math.Abs(near.Most-at.Most) > 0.02 {
			t.Errorf("outcome %d: %v, near it %v, want %v", i, math.Exp(at.Most), math.Exp(near.Most), want)
		}
	}
}
