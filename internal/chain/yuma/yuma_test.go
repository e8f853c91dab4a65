package yuma

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// near fails unless got and want agree to 1e-12.
func near(t *testing.T, what string, got, want []float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s = %v, want %v", what, got, want)
	}
	for i := range got {
		if math.Abs(got[i]-want[i]) > 1e-12 {
			t.Fatalf("%s = %v, want %v", what, got, want)
		}
	}
}

// Neurons 0 to 2 vote, 3 and 4 are miners.
func three(stake []float64, w0, w1, w2 []float64) Input {
	row := func(w []float64) []float64 {
		if w == nil {
			return nil
		}
		return append([]float64{0, 0, 0}, w...)
	}
	return Input{
		Stake:   append(stake, 0, 0),
		Voting:  []bool{true, true, true, false, false},
		Weights: [][]float64{row(w0), row(w1), row(w2), nil, nil},
	}
}

func TestAgreeingValidatorsPayWhatTheySay(t *testing.T) {
	out := Epoch(three([]float64{30, 10, 0}, []float64{3, 1}, []float64{3, 1}, nil))
	near(t, "incentive", out.Incentive, []float64{0, 0, 0, .75, .25})
	near(t, "consensus", out.Consensus, []float64{0, 0, 0, .75, .25})
	near(t, "trust", out.ValidatorTrust, []float64{1, 1, 0, 0, 0})
	near(t, "dividends go by stake", out.Dividends, []float64{.75, .25, 0, 0, 0})
	near(t, "emission", out.Emission, []float64{.375, .125, 0, .375, .125})
}

func TestOutlierIsClipped(t *testing.T) {
	// Two of three equal validators give the miners 1:1; the third all to miner 4.
	out := Epoch(three([]float64{1, 1, 1}, []float64{1, 1}, []float64{1, 1}, []float64{0, 1}))
	near(t, "consensus", out.Consensus, []float64{0, 0, 0, .5, .5})
	near(t, "trust", out.ValidatorTrust, []float64{1, 1, .5, 0, 0})
	// Miner 4 gets 3 x .5, miner 3 gets 2 x .5.
	near(t, "incentive", out.Incentive, []float64{0, 0, 0, .4, .6})
	// Bonds: miner 3 is half 0's, half 1's; miner 4 a third each.
	near(t, "dividends", out.Dividends, []float64{.4*.5 + .6/3, .4*.5 + .6/3, .6 / 3, 0, 0})
}

func TestMinorityCannotPayItsFriend(t *testing.T) {
	out := Epoch(three([]float64{26, 25, 49}, []float64{1, 0}, []float64{1, 0}, []float64{0, 1}))
	near(t, "incentive", out.Incentive, []float64{0, 0, 0, 1, 0})
	near(t, "dividends", out.Dividends, []float64{26. / 51, 25. / 51, 0, 0, 0})
}

func TestExactlyHalfIsAMajority(t *testing.T) {
	out := Epoch(three([]float64{.1, .4, .5}, []float64{1, 0}, []float64{1, 0}, []float64{0, 1}))
	near(t, "consensus", out.Consensus, []float64{0, 0, 0, 1, 1})
	near(t, "incentive", out.Incentive, []float64{0, 0, 0, .5, .5})
}

func TestSelfWeightsAndStrangersDoNotCount(t *testing.T) {
	in := three([]float64{1, 1, 1}, []float64{1, 1}, nil, []float64{1, 1})
	in.Weights[0][0] = 1000                     // to itself
	in.Weights[4] = []float64{0, 0, 0, 1000, 0} // a miner without a permit
	in.Stake[4] = 1000
	out := Epoch(in)
	near(t, "incentive", out.Incentive, []float64{0, 0, 0, .5, .5})
}

func TestNobodyGivesWeights(t *testing.T) {
	in := three([]float64{3, 1, 0}, nil, nil, nil)
	out := Epoch(in)
	near(t, "incentive", out.Incentive, make([]float64, 5))
	near(t, "dividends", out.Dividends, make([]float64, 5))
	near(t, "emission by voting stake", out.Emission, []float64{.75, .25, 0, 0, 0})
	in.Voting = make([]bool, 5)
	near(t, "emission by stake", Epoch(in).Emission, []float64{.75, .25, 0, 0, 0})
	in.Stake = make([]float64, 5)
	near(t, "emission of nothing", Epoch(in).Emission, make([]float64, 5))
}

func TestBondsFollowSlowly(t *testing.T) {
	// Validator 0 bought all of miner 3 before; now 1 agrees with it.
	in := three([]float64{1, 1, 0}, []float64{1, 0}, []float64{1, 0}, nil)
	in.Bonds = [][]float64{{0, 0, 0, 1, 0}, nil, nil, nil, nil}
	out := Epoch(in)
	near(t, "bond of 0", out.Bonds[0], []float64{0, 0, 0, .95, 0})
	near(t, "bond of 1", out.Bonds[1], []float64{0, 0, 0, .05, 0})
	near(t, "dividends", out.Dividends, []float64{.95, .05, 0, 0, 0})
	for range 200 {
		in.Bonds = Epoch(in).Bonds
	}
	if d := Epoch(in).Dividends; math.Abs(d[0]-.5) > 1e-6 {
		t.Fatalf("dividends end at %v, want equal", d)
	}
}

func genInput(t *rapid.T) Input {
	n := rapid.IntRange(0, 12).Draw(t, "n")
	number := rapid.OneOf(
		rapid.Float64Range(0, 1),
		rapid.SampledFrom([]float64{0, 0, 1, 65535, 1e300, 5e-324, math.MaxFloat64, -1, math.NaN(), math.Inf(1), math.Inf(-1)}),
	)
	row := func(name string) []float64 {
		if rapid.IntRange(0, 3).Draw(t, name+" absent") == 0 {
			return nil
		}
		return rapid.SliceOfN(number, n, n).Draw(t, name)
	}
	in := Input{
		Stake:  rapid.SliceOfN(number, n, n).Draw(t, "stake"),
		Voting: rapid.SliceOfN(rapid.Bool(), n, n).Draw(t, "voting"),
		Kappa:  rapid.SampledFrom([]float64{0, .5, .9, 1, math.NaN()}).Draw(t, "kappa"),
	}
	for range n {
		in.Weights = append(in.Weights, row("weights"))
		in.Bonds = append(in.Bonds, row("bonds"))
	}
	return in
}

func TestSumsToOneWhateverComes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := genInput(t)
		out := Epoch(in)
		whole := func(what string, v []float64) {
			sum := 0.0
			for _, x := range v {
				if !(x >= 0 && x <= 1) {
					t.Fatalf("%s = %v", what, v)
				}
				sum += x
			}
			if sum != 0 && math.Abs(sum-1) > 1e-9 {
				t.Fatalf("%s sums to %v", what, sum)
			}
		}
		whole("incentive", out.Incentive)
		whole("dividends", out.Dividends)
		whole("emission", out.Emission)
		for i := range in.Stake {
			for _, v := range []float64{out.Consensus[i], out.ValidatorTrust[i]} {
				if !(v >= 0 && v <= 1) {
					t.Fatalf("consensus %v, trust %v", out.Consensus, out.ValidatorTrust)
				}
			}
		}
		for j := range in.Stake {
			column := []float64{}
			for _, row := range out.Bonds {
				if row != nil {
					column = append(column, row[j])
				}
			}
			whole("bonds", column)
		}
	})
}

func TestScaleAndOrderDoNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 8).Draw(t, "n")
		in := Input{Voting: make([]bool, n)}
		for i := range n {
			in.Stake = append(in.Stake, float64(rapid.IntRange(0, 100).Draw(t, "stake")))
			in.Voting[i] = rapid.Bool().Draw(t, "voting")
			in.Weights = append(in.Weights, rapid.SliceOfN(rapid.Float64Range(0, 1), n, n).Draw(t, "row"))
		}
		want := Epoch(in)
		order := rapid.Permutation(upTo(n)).Draw(t, "order")
		moved := Input{Stake: make([]float64, n), Voting: make([]bool, n), Weights: make([][]float64, n)}
		for i, to := range order {
			moved.Stake[to] = in.Stake[i] * 1024
			moved.Voting[to] = in.Voting[i]
			moved.Weights[to] = make([]float64, n)
			for j, w := range in.Weights[i] {
				moved.Weights[to][order[j]] = w * 64
			}
		}
		got := Epoch(moved)
		for i, to := range order {
			if math.Abs(got.Incentive[to]-want.Incentive[i]) > 1e-9 || math.Abs(got.Dividends[to]-want.Dividends[i]) > 1e-9 {
				t.Fatalf("neuron %d: incentive %v and dividend %v, moved to %d: %v and %v", i,
					want.Incentive[i], want.Dividends[i], to, got.Incentive[to], got.Dividends[to])
			}
		}
	})
}

func TestInputIsLeftAlone(t *testing.T) {
	in := three([]float64{3, 1, 1}, []float64{1, 2}, []float64{2, 1}, []float64{1, 1})
	in.Weights[0][0] = 9
	before := slices.Clone(in.Weights[0])
	Epoch(in)
	if !slices.Equal(before, in.Weights[0]) || in.Stake[0] != 3 {
		t.Fatalf("input changed: %v", in)
	}
}

func upTo(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}

func BenchmarkEpoch256(b *testing.B) {
	const n, voters = 256, 64
	in := Input{Stake: make([]float64, n), Voting: make([]bool, n), Weights: make([][]float64, n)}
	for i := range voters {
		in.Stake[i], in.Voting[i] = float64(i+1), true
		in.Weights[i] = make([]float64, n)
		for j := range n {
			in.Weights[i][j] = float64((i*j)%17 + 1)
		}
	}
	for b.Loop() {
		in.Bonds = Epoch(in).Bonds
	}
}
