package evidence

import (
	"cmp"
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// The expected factor of a token is at most 1 for every miner within the
// bounds, derived or measured, of ids or of text read again.
func TestTokensAreEValues(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		share := func(name string) float64 { return rapid.Float64Range(0, 1).Draw(t, name) }
		bounds := Bounds{Noise: 0.3*share("noise") + 1e-4}
		if rapid.Bool().Draw(t, "measured") {
			table := &Table{Cheats: make([][Bins]Odds, 2)}
			for i := range table.Honest {
				x := share("bound")
				table.Honest[i] = Odds{0.999*x + 1e-5, 0.0005*share("far") + 1e-7, 1e-6}
				for j := range table.Cheats {
					table.Cheats[j][i] = Odds{share("cheat"), 0.1 * share("cheat far"), 0.1 * share("cheat absurd")}
				}
			}
			bounds.Greedy, bounds.Redrawn = table, table
		}
		exact := rapid.Bool().Draw(t, "ids")
		bin := rapid.IntRange(0, Bins-1).Draw(t, "bin")
		for _, odds := range []func(int, bool) (Odds, []Odds){bounds.greedyOdds, bounds.redrawnOdds} {
			honest, cheats := odds(bin, exact)
			p := Odds{honest.Near * share("p near"), honest.Far * share("p far"), honest.Absurd * share("p absurd")}
			expected := 0.0
			for r, chance := range map[Outcome]float64{Agrees: p.agrees(), Near: p.Near, Far: p.Far, Absurd: p.Absurd} {
				var tl tally
				tl.add(r, honest, cheats)
				expected += chance * MeanExp(tl.logs)
			}
			if !(expected <= 1+1e-9) {
				t.Fatalf("expected evidence %v for %+v within %+v", expected, p, honest)
			}
		}
	})
}

// For tokens drawn from any distribution that an honest miner may have, as top_p's
// edge moves, every contrast has an expected value of at most 1.
func TestContrastIsFair(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		logits := rapid.SliceOfN(rapid.Float64Range(-20, 5), 2, 30).Draw(t, "logits")
		normalise(logits)
		other := rapid.SliceOfN(rapid.Float64Range(-20, 5), len(logits), len(logits)).Draw(t, "other")
		normalise(other)
		temperature, topP := rapid.Float64Range(0, 2).Draw(t, "t"), rapid.Float64Range(0.05, 1).Draw(t, "p")
		noise := rapid.Float64Range(0, 0.2).Draw(t, "noise")
		slack := rapid.Float64Range(-0.99, 0.99).Draw(t, "slack") * TopPSlack(noise, temperature)
		if topP == 1 { // nothing is cut, and no noise cuts
			slack = 0
		}
		p := honest(Outcomes(logits).at(temperature), topP+slack)
		var expected []float64
		for i := range logits {
			var pos Position
			shape := pos.FillContrast(logits, i, temperature, topP, noise, other)
			if expected == nil {
				expected = make([]float64, len(pos.Contrast))
			}
			if len(pos.Contrast) != Alternatives+1 || len(pos.Flatter) != len(pos.Contrast) {
				t.Fatalf("%d alternatives, %d allowances", len(pos.Contrast), len(pos.Flatter))
			}
			if low, high := shape.Range(i); topP+slack > 0 && (p[i] < low-1e-9 || p[i] > high+1e-9) {
				t.Fatalf("outcome %d has chance %v, outside of %v to %v", i, p[i], low, high)
			}
			for j, x := range pos.Contrast {
				expected[j] += p[i] * math.Exp(x)
			}
		}
		for j, e := range expected {
			if e > 1+1e-6 {
				t.Fatalf("alternative %d has expected value %v", j, e)
			}
		}
	})
}

// honest is the distribution that is left of logarithms by a top_p.
func honest(logs []float64, topP float64) []float64 {
	order := make([]int, len(logs))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(logs[b], logs[a]) })
	p, sum := make([]float64, len(logs)), 0.0
	for k, i := range order {
		if k > 0 && sum >= topP {
			break
		}
		p[i] = math.Exp(logs[i])
		sum += p[i]
	}
	for i := range p {
		p[i] /= sum
	}
	return p
}

func TestBins(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := math.Exp(rapid.Float64Range(-12, 4).Draw(t, "ln x"))
		bin := Bin(x)
		if bin < 0 || bin >= Bins || Low(bin) > x*(1+1e-6) || bin < Bins-1 && Low(bin+1) < x*(1-1e-6) {
			t.Fatalf("%v is in bin %d, from %v", x, bin, Low(bin))
		}
	})
	for bin := range Bins {
		if Bin(Low(bin)) != bin {
			t.Errorf("bin %d begins at %v, which is in bin %d", bin, Low(bin), Bin(Low(bin)))
		}
	}
	for _, x := range []float64{0, -1, math.NaN(), math.Inf(1)} {
		if b := Bin(x); b < 0 || b >= Bins {
			t.Errorf("%v is in bin %d", x, b)
		}
	}
}

// Below the lowest temperature that is known, honest miners are surer than the
// reference is taken to be: nothing may be held against that.
func TestColdIsNotHeldAgainst(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		logits := rapid.SliceOfN(rapid.Float64Range(-4, 4), 2, 12).Draw(t, "logits")
		normalise(logits)
		other := rapid.SliceOfN(rapid.Float64Range(-4, 4), len(logits), len(logits)).Draw(t, "other")
		normalise(other)
		temperature, topP := rapid.Float64Range(0.001, 0.14).Draw(t, "t"), rapid.Float64Range(0.05, 1).Draw(t, "p")
		p := make([]float64, len(logits))
		for i := range p {
			p[i] = logits[i] / temperature
		}
		normalise(p)
		p = honest(p, topP)
		for j := range Alternatives + 1 {
			e := 0.0
			for i := range p {
				var pos Position
				pos.FillContrast(logits, i, temperature, topP, 0.02, other)
				e += p[i] * math.Exp(pos.Contrast[j])
			}
			if e > 1+1e-6 {
				t.Fatalf("alternative %d has expected value %v", j, e)
			}
		}
	})
}
