package refmodel

import (
	"fmt"
	"strconv"
	"strings"
)

// Variant says which weights a model runs and how exact its arithmetic is.
// The zero value is the full model.
type Variant struct {
	Bits    int  // bits per weight: 0 full, 16, 8, 6, 4, 3 or 2
	Sibling bool // another model with the same tokenizer

	// Noise is the standard deviation, in nats, of a simulated disagreement of
	// another honest stack (batch sizes, kernels, accumulation order) on every
	// logit; 0 is none, 0.001 to 0.02 plausible. It depends only on NoiseSeed
	// and the context, so two runs of one stack still agree with each other.
	Noise     float64
	NoiseSeed uint64
}

// Full is the model as published.
var Full = Variant{}

// Sibling is a different model that shares the tokenizer.
var Sibling = Variant{Sibling: true}

// Bits is the full model quantised to b bits per weight: 16, 8, 6, 4, 3 or 2.
func Bits(b int) Variant { return Variant{Bits: b} }

// Noisy is v run by another honest stack.
func (v Variant) Noisy(sd float64, seed uint64) Variant {
	v.Noise, v.NoiseSeed = sd, seed
	return v
}

// Validate reports bits that no quantiser here offers or a noise that is
// negative or above 1 nat.
func (v Variant) Validate() error {
	switch v.Bits {
	case 0, 2, 3, 4, 6, 8, 16:
	default:
		return fmt.Errorf("reference model of %d bits: use 0 (full), 16, 8, 6, 4, 3 or 2", v.Bits)
	}
	if !(v.Noise >= 0 && v.Noise <= 1) {
		return fmt.Errorf("reference model noise %v: use 0 to 1 nat", v.Noise)
	}
	return nil
}

// String names the weights: "full", "q4", "sibling", "sibling-q4".
func (v Variant) String() string {
	var parts []string
	if v.Sibling {
		parts = append(parts, "sibling")
	}
	if v.Bits != 0 {
		parts = append(parts, "q"+strconv.Itoa(v.Bits))
	}
	if len(parts) == 0 {
		return "full"
	}
	return strings.Join(parts, "-")
}

// ParseVariant reads what String writes.
func ParseVariant(s string) (Variant, error) {
	var v Variant
	for part := range strings.SplitSeq(s, "-") {
		switch {
		case part == "full" && s == "full":
		case part == "sibling" && !v.Sibling && v.Bits == 0:
			v.Sibling = true
		case strings.HasPrefix(part, "q") && v.Bits == 0:
			n, err := strconv.Atoi(part[1:])
			if err != nil || n == 0 || (Variant{Bits: n}).Validate() != nil {
				return Variant{}, fmt.Errorf("reference model variant %q: %q is not q16, q8, q6, q4, q3 or q2", s, part)
			}
			v.Bits = n
		default:
			return Variant{}, fmt.Errorf("reference model variant %q: use full, q16, q8, q6, q4, q3, q2, sibling or sibling-q4", s)
		}
	}
	return v, nil
}
