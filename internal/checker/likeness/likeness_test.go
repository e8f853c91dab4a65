package likeness

import (
	"math"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"

	"vision/internal/judgement"
)

// The mean of Evidence over p evenly spread is 1: with p = e^-t it is the
// integral of Evidence e^-t, which falls as 1/t^2 far out.
func TestEvidenceIsAnEValue(t *testing.T) {
	const step, far = 1e-3, 200.0
	sum := 1 / far
	for x := step / 2; x < far; x += step {
		p := math.Exp(-x)
		sum += Evidence(p) * p * step
	}
	if math.Abs(sum-1) > 1e-3 {
		t.Errorf("the mean is %v", sum)
	}
	for p, want := range map[float64]float64{1: 0.5, 0.9999: 0.5, 0.02: 3, 1e-4: 118, 1e-8: 2.9e5, 0: most} {
		if got := Evidence(p); math.Abs(got/want-1) > 0.05 {
			t.Errorf("Evidence(%v) = %v, want %v", p, got, want)
		}
	}
	last := math.Inf(1)
	for p := 1e-12; p <= 1; p *= 1.01 {
		if e := Evidence(p); e > last {
			t.Fatalf("Evidence(%v) = %v, above that of a smaller p", p, e)
		} else {
			last = e
		}
	}
}

// outcomes are all deviations that a tail tells apart, and their chances for an
// honest miner exactly at the bound.
func outcomes(t Tail) (at, chance []float64) {
	left, before := 1.0, math.Inf(-1)
	for _, k := range t {
		at, chance = append(at, before), append(chance, left-k.P)
		left, before = k.P, k.At
	}
	return append(at, before), append(chance, left)
}

// The mean of E is at most 1 for every measure alone, for items with two
// measures that go together as they like, and for several items.
func TestHonestAtTheBoundsHasAMeanOfAtMostOne(t *testing.T) {
	var b Bounds
	for _, m := range Measures() {
		at, chance := outcomes(b.Tail(m))
		one, two, both := 0.0, 0.0, 0.0
		for i := range at {
			one += chance[i] * b.E(&Response{Items: []map[Measure]float64{{m: at[i]}}})
			both += chance[i] * b.E(&Response{Items: []map[Measure]float64{{m: at[i], CLIP: far(CLIP, chance, i)}}})
			for j := range at {
				two += chance[i] * chance[j] * b.E(&Response{Items: []map[Measure]float64{{m: at[i]}, {m: at[j]}}})
			}
		}
		if !(one <= 1) || !(two <= 1) || !(both <= 1) || one < 0.5 {
			t.Errorf("%s: mean of one item %v, of two %v, of one that is far by two measures at once %v", m, one, two, both)
		}
	}
}

// far is the deviation that has the same rank, so that both are large together.
func far(m Measure, chance []float64, i int) float64 {
	beyond := 0.0
	for _, c := range chance[i:] {
		beyond += c
	}
	at := math.Inf(-1)
	for _, k := range builtin[m] {
		if beyond <= k.P {
			at = k.At
		}
	}
	return at
}

// Where alternatives are tried only if items deviate, the mean is at most 1 all the
// same, for noise as large as its bound and all of it along the way.
func TestHonestBesideAlternatives(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var b Bounds
	for _, apart := range []float64{0.5, 4, 40, 400} {
		sum, n := 0.0, 200_000
		for range n {
			at := r.NormFloat64() * math.Sqrt(DefaultNoise/apart)
			square := at * at * apart
			response := &Response{Items: []map[Measure]float64{{PSNR: -10 * math.Log10(255*255/square)}}, Escalates: true}
			// Noise of this size exceeds 42 dB oftener than the tail allows: items are left out.
			response.Items = nil
			if r.IntN(2) == 0 {
				response.Others = []Other{{Ways: []Way{{at, apart}}}, {Ways: []Way{{-at, apart}}}}
			}
			sum += b.E(response)
		}
		if mean := sum / float64(n); mean > 1.02 {
			t.Errorf("alternatives %v apart: mean %v", apart, mean)
		}
	}
}

// An honest miner exactly at the bounds, whose measures are all far together, is
// not convicted in a lifetime: by Ville's inequality at most 1 of 10,000 is.
func TestHonestLifetimes(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 12))
	var b Bounds
	at, chance := outcomes(b.Tail(PSNR))
	var es []float64
	for i := range at {
		es = append(es, b.E(&Response{Items: []map[Measure]float64{{PSNR: at[i], DHash: far(DHash, chance, i), PHash: far(PHash, chance, i)}}}))
	}
	rules := judgement.Default()
	convicted := 0
	for range 2000 {
		var s judgement.State
		for range 200 {
			i, x := 0, r.Float64()
			for x >= chance[i] && i < len(chance)-1 {
				x -= chance[i]
				i++
			}
			var err error
			if s, err = rules.Observe(s, es[i]); err != nil {
				t.Fatal(err)
			}
		}
		convicted += s.Convictions
	}
	if convicted > 2 { // 0.2 expected at most
		t.Errorf("%d of 2,000 honest miners convicted", convicted)
	}
}

func TestVectorMeasure(t *testing.T) {
	for q, want := range map[string]Measure{"": Float16, "none": Float16, "fp16": Float16, "bf16": BFloat, "fp8": Float8, "int8": Int8, "q4_1": Int8} {
		if got := VectorMeasure(q); got != want {
			t.Errorf("%q: %s, want %s", q, got, want)
		}
	}
}

// The likelier the alternative, the more evidence; at the reference's own it speaks for honesty.
func TestAlternatives(t *testing.T) {
	var b Bounds
	e := func(at float64) float64 {
		return b.others(&Response{Others: []Other{{Ways: []Way{{at, 60}}}}})
	}
	if e(1) < 1000 || e(0) > 1e-3 || e(0.5) != 1 || e(30) != 1/odd {
		t.Errorf("at it %v, at the reference's %v, half way %v, beyond %v", e(1), e(0), e(0.5), e(30))
	}
	if got := b.others(&Response{Others: []Other{{Ways: []Way{{math.NaN(), 60}}}}}); got != 1 {
		t.Errorf("what is no number: %v", got)
	}
}

// A larger deviation of any measure of any item never makes for less evidence,
// and evidence is a number.
func TestMoreDeviationIsNoLessEvidence(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var b Bounds
		r := &Response{}
		for range rapid.IntRange(1, 40).Draw(t, "items") {
			item := map[Measure]float64{}
			for _, m := range Measures() {
				if rapid.Bool().Draw(t, "has") {
					item[m] = rapid.Float64Range(-100, 70).Draw(t, string(m))
				}
			}
			r.Items = append(r.Items, item)
		}
		before := b.E(r)
		item := r.Items[rapid.IntRange(0, len(r.Items)-1).Draw(t, "item")]
		for m := range item {
			item[m] += rapid.Float64Range(0, 50).Draw(t, "more")
		}
		if after := b.E(r); !(after >= before*(1-1e-12)) || !(after <= most) {
			t.Fatalf("evidence %v, with more deviation %v", before, after)
		}
	})
}

// upper is a bound with 99.99%, by Hoeffding and, for none seen, exactly.
func upper(k, n int) float64 {
	if k == 0 {
		return 1 - math.Pow(1e-4, 1/float64(n))
	}
	return min(1, float64(k)/float64(n)+math.Sqrt(math.Log(1e4)/2/float64(n)))
}

// Measured bounds are above the true chances, whether honest stacks deviate
// more or less than assumed, and the worse of two stacks decides.
func TestCalibratedBoundsHold(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for _, scale := range []float64{1e-5, 3e-4, 3e-3} {
		counts := make([]Counts, 2)
		for i := range counts {
			for range 3000 {
				counts[i].Add(&Response{Items: []map[Measure]float64{{Float16: scale * float64(1+i) * r.ExpFloat64()}}})
			}
			if err := counts[i].Check(); err != nil {
				t.Fatal(err)
			}
		}
		b := Calibrated(counts, upper)
		tail := b.Tail(Float16)
		for _, k := range tail {
			// Beyond what was seen the assumed bound stands, if it is the smaller.
			truth := math.Exp(-k.At / (2 * scale))
			if k.P < truth && truth > 1e-3 {
				t.Errorf("scale %v: the bound at %v is %v, the true chance %v", scale, k.At, k.P, truth)
			}
		}
		for i := 1; i < len(tail); i++ {
			if tail[i].P > tail[i-1].P || tail[i].At <= tail[i-1].At {
				t.Fatalf("scale %v: %v after %v", scale, tail[i], tail[i-1])
			}
		}
		tight, assumed := tail.Bound(1e-3), builtin[Float16].Bound(1e-3)
		if scale == 3e-3 && tight < 0.7 || scale == 1e-5 && tail.Bound(2e-4) > 0.01 {
			t.Errorf("scale %v: bound %v at 0.001 (assumed %v), %v at 0.0002", scale, tight, assumed, tail.Bound(2e-4))
		}
	}
	few := Calibrated([]Counts{{Measures: map[Measure]*Count{Float16: {N: Least - 1, Beyond: make([]int, 13)}}}}, upper)
	if len(few.Measured) != 0 {
		t.Error("too few pairs take the place of what is assumed")
	}
}

func TestCountsThatDoNotAddUp(t *testing.T) {
	for name, c := range map[string]Counts{
		"unknown measure": {Measures: map[Measure]*Count{"smell": {N: 1}}},
		"wrong grid":      {Measures: map[Measure]*Count{CLIP: {N: 1, Beyond: []int{1}}}},
		"rising":          {Measures: map[Measure]*Count{CLIP: {N: 9, Beyond: []int{1, 2, 0, 0, 0, 0, 0}}}},
		"more than all":   {Measures: map[Measure]*Count{CLIP: {N: 1, Beyond: []int{2, 0, 0, 0, 0, 0, 0}}}},
		"negative":        {Measures: map[Measure]*Count{CLIP: {N: 1, Beyond: []int{1, 0, 0, 0, 0, 0, -1}}}},
		"nothing":         {Measures: map[Measure]*Count{CLIP: nil}},
	} {
		if c.Check() == nil {
			t.Errorf("%s: counted", name)
		}
	}
}

// The noise beside alternatives follows from what was measured.
func TestCalibratedNoise(t *testing.T) {
	var c Counts
	for i := range 5000 {
		db := -48.0
		if i%50 == 0 {
			db = -39
		}
		c.Add(&Response{Items: []map[Measure]float64{{PSNR: db}}})
	}
	b := Calibrated([]Counts{c}, upper)
	if got := 10 * math.Log10(255*255/b.Noise); math.Abs(got-38) > 0.01 {
		t.Errorf("noise of %v dB", got)
	}
}
