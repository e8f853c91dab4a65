package calibration

import (
	"bytes"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"vision/internal/checker/evidence"
	"vision/internal/checker/likeness"
	"vision/internal/hotkey"
)

// Exact values: 0 of n is 1 - alpha^(1/n); others from tables of the F distribution.
func TestUpperBound(t *testing.T) {
	for _, x := range []struct {
		k, n        int
		alpha, want float64
	}{
		{0, 10, 0.05, 1 - math.Pow(0.05, 0.1)},
		{0, 100_000, 0.001, 1 - math.Pow(0.001, 1e-5)},
		{1, 10, 0.025, 0.4450161},
		{5, 10, 0.025, 0.8129137},
		{10, 100, 0.025, 0.1762226},
		{10, 10, 0.05, 1},
		{0, 0, 0.05, 1},
	} {
		if got := UpperBound(x.k, x.n, x.alpha); math.Abs(got-x.want) > 1e-6 {
			t.Errorf("%d of %d at %v: %.7f, want %.7f", x.k, x.n, x.alpha, got, x.want)
		}
	}
}

// The bound is exact: at it, k or fewer have chance alpha, summed the plain way.
func TestUpperBoundIsTheExactOne(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 300).Draw(t, "n")
		k := rapid.IntRange(0, n-1).Draw(t, "k")
		alpha := math.Exp(rapid.Float64Range(-14, -1).Draw(t, "ln alpha"))
		p := UpperBound(k, n, alpha)
		sum, term := 0.0, float64(n)*math.Log1p(-p)
		for i := 0; i <= k; i++ {
			sum += math.Exp(term)
			term += math.Log(float64(n-i)/float64(i+1)) + math.Log(p) - math.Log1p(-p)
		}
		if math.Abs(sum-alpha) > 1e-6*alpha+1e-12 {
			t.Fatalf("%d of %d: at %v the chance is %v, want %v", k, n, p, sum, alpha)
		}
	})
}

// stack counts what a stack of some noise disagrees, by the true probabilities.
func stack(r *rand.Rand, name string, noise float64, n int) Counts {
	c := Counts{Name: name, Responses: n / 100, Positions: n, Greedy: make([]Count, evidence.Bins)}
	for range n {
		gap := r.ExpFloat64() * 2
		b := &c.Greedy[evidence.Bin(gap)]
		b.N++
		if r.Float64() < math.Erfc(gap/noise/2)/2 {
			b.Near++
		}
	}
	return c
}

func TestBoundsHoldForTheNoisiestStack(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	f := &File{Noise: 0.02, Stacks: []Counts{stack(r, "still", 0.005, 40_000), stack(r, "noisy", 0.02, 40_000)}}
	f.Fill()
	b := f.Bounds()
	for bin := range evidence.Bins {
		truth := math.Erfc(evidence.Low(bin)/0.02/2) / 2
		if bin > 0 && bin < evidence.Bins-1 { // the most of the bin is at its lower end
			truth = math.Erfc(evidence.Low(bin+1)/0.02/2) / 2
		}
		if got := b.Honest(false, bin).Near; got < truth {
			t.Errorf("bin from %.4f: bound %v, truth %v", evidence.Low(bin), got, truth)
		}
	}
	if got := b.Honest(false, evidence.Bin(2)).Near; got > 0.01 {
		t.Errorf("at a gap of 2 the bound is %v", got)
	}
	if none := (&File{Noise: 0.02, Stacks: []Counts{stack(r, "few", 0.02, 100)}}); none.Bounds().Greedy != nil {
		t.Error("a hundred tokens make a bound")
	}
}

func TestOnlyTheSignersOwnWordsCount(t *testing.T) {
	key, other := hotkey.FromSeed([32]byte{1}), hotkey.FromSeed([32]byte{2})
	f := &File{Task: "chat", Model: "m", Reference: "builtin", Noise: 0.02, Made: time.Unix(1.7e9, 5),
		Stacks: []Counts{stack(rand.New(rand.NewPCG(3, 4)), "a", 0.02, 6000)}}
	f.Fill()
	if err := f.Sign(key); err != nil {
		t.Fatal(err)
	}
	raw, err := f.Write()
	if err != nil {
		t.Fatal(err)
	}
	got, err := Read(raw, []hotkey.ID{other.ID(), key.ID()})
	if err != nil || got.Bounds().Greedy == nil || got.Bounds().Greedy.Honest != f.Bounds().Greedy.Honest {
		t.Fatalf("%v %+v", err, got)
	}
	for name, x := range map[string]struct {
		raw     []byte
		signers []hotkey.ID
		want    string
	}{
		"another signer":   {raw, []hotkey.ID{other.ID()}, "not one of those trusted"},
		"a changed number": {bytes.Replace(raw, []byte(`"noise": 0.02`), []byte(`"noise": 0.2`), 1), []hotkey.ID{key.ID()}, "changed after"},
		"a changed model":  {bytes.Replace(raw, []byte(`"model": "m"`), []byte(`"model": "n"`), 1), []hotkey.ID{key.ID()}, "changed after"},
		"no signature":     {bytes.Replace(raw, []byte(f.Signature), nil, 1), []hotkey.ID{key.ID()}, "changed after"},
		"not JSON":         {raw[:50], []hotkey.ID{key.ID()}, "read the calibration"},
	} {
		if _, err := Read(x.raw, x.signers); err == nil || !strings.Contains(err.Error(), x.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	f.Stacks[0].Greedy[3].Near = f.Stacks[0].Greedy[3].N + 1
	if err := f.Sign(key); err != nil {
		t.Fatal(err)
	}
	raw, _ = f.Write()
	if _, err := Read(raw, []hotkey.ID{key.ID()}); err == nil {
		t.Error("counts that do not add up are read")
	}
}

// Calibrations of pictures and vectors are signed and read as those of tokens, and
// their bounds are above the truth.
func TestLikeness(t *testing.T) {
	key := hotkey.FromSeed([32]byte{1})
	r := rand.New(rand.NewPCG(3, 4))
	const scale = 2e-5
	c := Counts{Name: "a", Engine: "x"}
	for range 500 {
		response := &likeness.Response{}
		for range 8 {
			response.Items = append(response.Items, map[likeness.Measure]float64{likeness.Float16: scale * r.ExpFloat64()})
		}
		c.AddLikeness(response)
	}
	f := File{Task: "embed", Noise: 0.02, Stacks: []Counts{c}}
	f.Fill()
	if len(f.Tails) != 1 || c.Positions != 4000 || c.Responses != 500 {
		t.Fatalf("%d tails of %d vectors", len(f.Tails), c.Positions)
	}
	for _, k := range f.Tails[likeness.Float16] {
		if truth := math.Exp(-k.At / scale); k.P < truth {
			t.Errorf("the bound at %v is %v, the chance %v", k.At, k.P, truth)
		}
	}
	if got := f.Tails[likeness.Float16].Bound(3e-4); got > 0.01 {
		t.Errorf("what 4,000 vectors never did is bounded by %v", got)
	}
	if err := f.Sign(key); err != nil {
		t.Fatal(err)
	}
	raw, err := f.Write()
	if err != nil {
		t.Fatal(err)
	}
	back, err := Read(raw, []hotkey.ID{key.ID()})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := back.Tails[likeness.Float16].Bound(3e-4), f.Tails[likeness.Float16].Bound(3e-4); got != want {
		t.Errorf("read again the bound is %v, want %v", got, want)
	}
	bad := f
	bad.Stacks = []Counts{{Name: "a", Likeness: &likeness.Counts{Measures: map[likeness.Measure]*likeness.Count{likeness.CLIP: {N: 1}}}}}
	if err := bad.Sign(key); err != nil {
		t.Fatal(err)
	}
	if raw, err = bad.Write(); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(raw, []hotkey.ID{key.ID()}); err == nil || !strings.Contains(err.Error(), "clip") {
		t.Errorf("counts that do not add up: %v", err)
	}
}

// What was measured on texts that are read into tokens again bounds them as it
// is; what was measured on ids gets an allowance for that.
func TestTextsAreMeasuredToo(t *testing.T) {
	sure := evidence.Position{Best: true, Gap: 5}
	for _, ids := range []bool{true, false} {
		c := Counts{Name: "x"}
		r := &evidence.Response{IDs: ids}
		for range 100 {
			r.Positions = append(r.Positions, sure)
		}
		for range 60 {
			c.Add(r, 0.02)
		}
		other := Counts{Name: "y"}
		other.Add(&evidence.Response{IDs: true, Positions: []evidence.Position{sure, {Gap: 5, Deficit: 0.1}}}, 0.02)
		f := &File{Noise: 0.02, Stacks: []Counts{c}, Alternatives: []Counts{other}}
		f.Fill()
		b := f.Bounds()
		if b.Greedy == nil || b.Greedy.Text == ids || c.Positions != 6000 || (c.Text == 6000) == ids {
			t.Errorf("ids %v: %+v", ids, c)
		}
		differs := &evidence.Response{Positions: []evidence.Position{{Gap: 5, Deficit: 0.1}}}
		exact := &evidence.Response{IDs: true, Positions: differs.Positions}
		if text, own := b.Weigh(differs).E, b.Weigh(exact).E; ids != (text < own) {
			t.Errorf("ids %v: evidence of a text %v, of ids %v", ids, text, own)
		}
	}
}
