package sim

import (
	"math"
	"slices"
	"testing"
)

// Consensus is a median, so who sets it loses less of its weights than who sees miners for itself.
func TestConsensusLeavesACopierMore(t *testing.T) {
	w := small(t, "vision7")
	w.Periods, w.Settle = 24, 12
	honest, err := Play(w)
	if err != nil {
		t.Fatal(err)
	}
	w.Protagonist = Copy{3}
	copied, err := Play(w)
	if err != nil {
		t.Fatal(err)
	}
	if copied.Trust[3] <= honest.Trust[3] || copied.Trust[3] > 1 {
		t.Errorf("consensus leaves a copier %.3f of its weights, an honest validator %.3f", copied.Trust[3], honest.Trust[3])
	}
	for v, x := range honest.Trust {
		if x < 0.5 || x > 1 {
			t.Errorf("consensus leaves validator %d %.3f of its weights", v, x)
		}
	}
}

func TestACopierIsShownOnlyWhatWasRevealed(t *testing.T) {
	weights := []float64{3, 1}
	Copy{0}.Votes(nil, weights, []float64{0, 0})
	if weights[0] != weights[1] || weights[0] <= 0 {
		t.Errorf("without a consensus it sets %v", weights)
	}
	Copy{0}.Votes(nil, weights, []float64{0.2, 0.8})
	if weights[0] != 0.2 || weights[1] != 0.8 {
		t.Errorf("it sets %v", weights)
	}
}

func TestAFavourOfNothingIsNothing(t *testing.T) {
	o := &Operator{Identities: []int{1, 2}}
	for _, c := range []struct {
		favour    float64
		set, want []float64
	}{
		{1.5, []float64{0.5, 0.5, 0}, []float64{0.5, 0.75, 0}},
		{1.5, []float64{0, 0, 0}, []float64{0, 0, 0}}, // or a validator that knows nobody would give it all
		{math.Inf(1), []float64{0.5, 0.5, 0}, []float64{0, 1, 1}},
		{math.Inf(1), []float64{0, 0, 0}, []float64{0, 1, 1}},
	} {
		if (&Collude{Favour: c.favour}).Votes(o, c.set, nil); !slices.Equal(c.set, c.want) {
			t.Errorf("favoured by %v, the weights are %v, want %v", c.favour, c.set, c.want)
		}
	}
}

func TestSmoothedWeightsAreMeans(t *testing.T) {
	o := &Operator{}
	d := Smooth{0, 2}
	for _, c := range []struct{ set, want []float64 }{
		{[]float64{1}, []float64{1}},
		{[]float64{3, 4}, []float64{2, 2}}, // an identity that came later had nothing before
		{[]float64{5, 8}, []float64{4, 6}}, // the first is forgotten
	} {
		if d.Votes(o, c.set, nil); c.set[0] != c.want[0] || c.set[len(c.set)-1] != c.want[len(c.want)-1] {
			t.Errorf("smoothed to %v, want %v", c.set, c.want)
		}
	}
}

// Who bribes pays its validators what they lose by it, and nothing else.
func TestBribesArePaid(t *testing.T) {
	result := func(mine, twin, dividends float64) Result {
		return Result{Periods: 10, Operators: []Account{{Income: mine, Cost: 10}, {Income: twin, Cost: 10}}, Dividends: []float64{dividends, 1 - dividends}}
	}
	c := Comparison{Entry: Entry{Make: bribed(2, 0), Bribes: true}, Honest: []Result{result(1, 1, 0.4)}, Runs: []Result{result(1.5, 1, 0.38)}}
	c.judge(0.5)
	// The price is 15 for an income of 1, and 5 an honest profit: 15 x (1.5 - 0.2) - 10 is 9.5.
	if got := c.Ratio.Mean; math.Abs(got-1.9) > 1e-9 {
		t.Errorf("a miner that earns half more, of which two fifths go to its validator, has a profit ratio of %v", got)
	}
	c.Runs[0] = result(1.5, 1, 0.45)
	if c.judge(0.5); math.Abs(c.Ratio.Mean-2.5) > 1e-9 {
		t.Errorf("a validator that loses nothing was paid: %v", c.Ratio.Mean)
	}
}
