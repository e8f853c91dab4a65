package evidence

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

// life is all that may become of a short honest response: each text that may be
// drawn, and where the reference's own answer parts from it, with its probability.
type life struct {
	chance float64
	r      Response
}

// lives are those of an honest miner at its bounds: texts of n tokens out of two,
// p and q the chances of the first under the model and the alternative, and
// claims of log-probabilities that are off by 3 standard deviations as often as noise allows.
func lives(n int, p, q []float64) (all []life) {
	b := Bounds{Noise: 0.02}
	for text := range 1 << n {
		chance := 1.0
		var positions []Position
		for i := range n {
			own, other := p[i], q[i]
			if text>>i&1 == 1 {
				own, other = 1-own, 1-other
			}
			chance *= own
			positions = append(positions, Position{Contrast: []float64{math.Log(other / own)}, Logprob: math.Log(own)})
		}
		for d := range n + 1 {
			x, part := Replay{Same: d, Parted: d < n}, math.Pow(1-DefaultReplay, float64(d))
			if d < n {
				part *= DefaultReplay
			}
			for off := range 2 {
				odds := b.claimedOdds()
				one := life{chance: chance * part * odds[off], r: Response{Temperature: 1, Positions: append([]Position(nil), positions...), Replay: &x}}
				claimed := one.r.Positions[0].Logprob + float64(off)*3*b.Noise*math.Sqrt2
				one.r.Positions[0].Claimed = &claimed
				all = append(all, one)
			}
		}
	}
	return all
}

// claimedOdds are chances of a claim that fits and of one that is 3 standard deviations off
// with which test F's mean is exactly 1.
func (b *Bounds) claimedOdds() [2]float64 {
	e := func(off float64) float64 {
		x := off * 3 * b.Noise * math.Sqrt2
		return b.claimed(&Response{Positions: []Position{{Claimed: &x}}}).E()
	}
	fits, off := e(0), e(1)
	p := (1 - fits) / (off - fits)
	return [2]float64{1 - p, p}
}

// Whatever decides that a response's claims cannot be read, even the response itself, an
// honest miner's evidence has a mean of at most 1.
func TestWhatWasNotTriedIsNotHeldAgainst(t *testing.T) {
	b := Bounds{Noise: 0.02}
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 3).Draw(t, "tokens")
		share := rapid.SliceOfN(rapid.Float64Range(0.01, 0.99), n, n)
		expected := 0.0
		for _, l := range lives(n, share.Draw(t, "p"), share.Draw(t, "q")) {
			if rapid.Bool().Draw(t, "unreadable") {
				l.r.Positions[0].Claimed, l.r.Claims = nil, true
			}
			expected += l.chance * b.Weigh(&l.r).E
		}
		if expected > 1+1e-9 {
			t.Fatalf("expected evidence %v", expected)
		}
	})
}

// Neither would do in its place: to leave the test out where the response looks bad
// without it, nor to take 1 for it.
func TestLeavingOutATestIsNotFair(t *testing.T) {
	b := Bounds{Noise: 0.02}
	leftOut, one, zero := 0.0, 0.0, 0.0
	for _, l := range lives(2, []float64{0.9, 0.9}, []float64{0.2, 0.2}) {
		whole := b.Weigh(&l.r)
		sum := 0.0 // of all but claims
		for _, p := range whole.Parts {
			if p.Test != "logprobs" {
				sum += p.Weight * p.E()
			}
		}
		dropped := sum/2 > whole.E
		l.r.Positions[0].Claimed, l.r.Claims = nil, true
		untried := b.Weigh(&l.r)
		if !dropped {
			leftOut, one, zero = leftOut+l.chance*whole.E, one+l.chance*whole.E, zero+l.chance*whole.E
			continue
		}
		leftOut += l.chance * sum / 2
		one += l.chance * (sum + claimedWeight) / (2 + claimedWeight)
		zero += l.chance * untried.E
	}
	if !(leftOut > 1.001) || !(one > 1.001) || !(zero <= 1) {
		t.Errorf("expected evidence: left out %v, taken as one %v, as zero %v", leftOut, one, zero)
	}
}

// A test that was not tried keeps its weight among responses taken together, and is told.
func TestUntriedKeepsItsWeight(t *testing.T) {
	b := Bounds{Noise: 0.02}
	positions := []Position{{Best: true, Gap: 5}}
	with, without := b.Weigh(&Response{Positions: positions, Claims: true}), b.Weigh(&Response{Positions: positions})
	if want := without.E / (1 + claimedWeight); math.Abs(with.E-want) > 1e-12 || with.Test != "prefill-t0" {
		t.Errorf("E is %v of %s, want %v", with.E, with.Test, want)
	}
	if got, want := Combine([]Result{with, with}), Combine([]Result{without, without})/(1+claimedWeight); math.Abs(got-want) > 1e-12 {
		t.Errorf("together %v, want %v", got, want)
	}
}

// What only adds to other tests is no test by itself: neither true log-probabilities of a text
// that nobody can judge, nor its being no earlier answer, speak for its writer.
func TestWhatOnlyAddsDoesNotJudge(t *testing.T) {
	b := Bounds{Noise: 0.02}
	p := 0.25
	hot := make([]Position, 100) // a temperature above 1, of which the reference lists too little
	for i := range hot {
		hot[i] = Position{Logprob: p, Claimed: &p}
	}
	another := Part{Test: "copies", Weight: 0.25, Logs: []float64{math.Inf(-1)}}
	for what, r := range map[string]Result{
		"nothing":                  b.Weigh(&Response{Temperature: 1.5}),
		"claims that are not read": b.Weigh(&Response{Claims: true}),
		"claims alone":             b.Weigh(&Response{Temperature: 1.5, Positions: hot, Claims: true}),
		"another answer":           b.Weigh(&Response{Temperature: 1.5, Positions: hot}, another),
	} {
		if r.Test != Untested || r.E != 1 || len(r.Parts) > 0 {
			t.Errorf("%s: %+v", what, r)
		}
		if e := Combine([]Result{r, r}); e != 1 {
			t.Errorf("%s, twice: %v", what, e)
		}
	}
	for i := range hot {
		hot[i].Contrast = []float64{0}
	}
	if r := b.Weigh(&Response{Temperature: 1.5, Positions: hot, Claims: true}, another); r.E < 0.6 || r.Test != "likelihood+logprobs+copies" {
		t.Errorf("beside a test that judges: %+v", r)
	}
}
