package refmodel

import (
	"fmt"
	"testing"
)

func TestVariantNames(t *testing.T) {
	for _, v := range []Variant{Full, Bits(2), Bits(16), Sibling, {Bits: 4, Sibling: true}} {
		got, err := ParseVariant(v.String())
		if err != nil || got != v {
			t.Errorf("ParseVariant(%q) = %v, %v", v.String(), got, err)
		}
	}
	for _, s := range []string{"", "q5", "q", "full-q4", "q4-sibling", "q4-q4", "big"} {
		if v, err := ParseVariant(s); err == nil {
			t.Errorf("ParseVariant(%q) = %v", s, v)
		}
	}
}

// measure compares a variant with the full model along texts that the full
// model wrote: the share of positions where its first choice differs, and the
// mean of ln p_full - ln p_variant over the tokens written.
func measure(t *testing.T, variants []Variant, temperature float64, prompts int) (flips, drift []float64, entropy float64, n int) {
	full := Load(Full)
	topics, _ := parseCorpus(corpusText)
	r := newRNG(9, "measure")
	flips, drift = make([]float64, len(variants)), make([]float64, len(variants))
	for i := range prompts {
		q := topics[i%len(topics)].questions
		prompt := chatPrompt(t, fmt.Sprintf("%s (%d)", expand(q[r.intn(len(q))], nil, r), i))
		tokens, _ := generate(t, full, Request{Prompt: prompt, Temperature: temperature, Seed: uint64(i)})
		ids := idsOf(tokens)
		base, err := full.Prefill(prompt, ids, 1)
		if err != nil {
			t.Fatal(err)
		}
		n += len(base)
		for _, s := range base {
			entropy += s.Entropy
		}
		for j, v := range variants {
			other, err := Load(v).Prefill(prompt, ids, 1)
			if err != nil {
				t.Fatal(err)
			}
			for k, s := range other {
				if s.Top[0].ID != base[k].Top[0].ID {
					flips[j]++
				}
				drift[j] += base[k].Logprob - s.Logprob
			}
		}
	}
	for j := range variants {
		flips[j] /= float64(n)
		drift[j] /= float64(n)
	}
	return flips, drift, entropy / float64(n), n
}

// What the doc comment promises to checks: coarser weights differ more, an
// honest stack hardly, another model most.
func TestVariantsDifferAsMuchAsTheyShould(t *testing.T) {
	t.Parallel()
	honest, noisy := Full.Noisy(0.001, 1), Full.Noisy(0.01, 1)
	variants := []Variant{honest, noisy, Bits(8), Bits(6), Bits(4), Bits(3), Bits(2), Sibling}
	flips, drift, entropy, n := measure(t, variants, 0, 18)
	for i, v := range variants {
		t.Logf("T=0, %d tokens: %v noise %v: first choice differs at %.4f, %.4f nats per token", n, v, v.Noise, flips[i], drift[i])
	}
	t.Logf("entropy %.3f nats at T=0", entropy)
	if entropy < 0.4 || entropy > 1.5 {
		t.Errorf("mean entropy %.2f nats", entropy)
	}
	limits := []struct{ lo, hi float64 }{{0, 0.002}, {0, 0.006}, {0, 0.01}, {0.003, 0.03}, {0.02, 0.08}, {0.04, 0.15}, {0.09, 0.3}, {0.2, 0.5}}
	for i, l := range limits {
		if flips[i] < l.lo || flips[i] > l.hi {
			t.Errorf("%v noise %v: first choice differs at %.4f of tokens, want %v to %v", variants[i], variants[i].Noise, flips[i], l.lo, l.hi)
		}
	}
	_, drift, entropy, n = measure(t, []Variant{Bits(4), Bits(2), Sibling}, 1, 18)
	t.Logf("T=1, %d tokens: entropy %.3f nats; drift q4 %.4f q2 %.4f sibling %.4f", n, entropy, drift[0], drift[1], drift[2])
	if !(drift[0] > 0.002 && drift[1] > 3*drift[0] && drift[2] > drift[1]) {
		t.Errorf("log-likelihood ratios per token are not ordered: %v", drift)
	}
}

func TestQuantisingIsRoundToNearest(t *testing.T) {
	w := make([]float32, 100)
	r := newRNG(1, "quant")
	for i := range w {
		w[i] = float32(r.gauss())
	}
	for _, bits := range []int{2, 3, 4, 6, 8} {
		q := quantise(w, bits)
		for at := 0; at < len(w); at += quantBlock {
			levels := map[float32]bool{}
			for _, x := range q[at:min(at+quantBlock, len(w))] {
				levels[x] = true
			}
			if len(levels) > 1<<bits {
				t.Errorf("%d bits: block %d has %d levels", bits, at/quantBlock, len(levels))
			}
		}
	}
	if q := quantise(w, 16); q[0] == w[0] && q[1] == w[1] && q[2] == w[2] {
		t.Error("16 bits rounded nothing")
	}
}

// The noise of an honest stack is the same when one text is scored twice and
// another for another stack.
func TestNoiseBelongsToTheStack(t *testing.T) {
	prompt, ids := chatPrompt(t, "Hi"), Encode("The sea is salty.")
	lp := func(v Variant) float64 {
		s, err := Load(v).Prefill(prompt, ids, 0)
		if err != nil {
			t.Fatal(err)
		}
		return s[2].Logprob
	}
	a := lp(Full.Noisy(0.01, 1))
	if a != lp(Full.Noisy(0.01, 1)) || a == lp(Full.Noisy(0.01, 2)) || a == lp(Full) {
		t.Error("noise does not follow its seed")
	}
}
