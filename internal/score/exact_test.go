package score

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

func TestExactFunctions(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := rapid.Float64Range(-700, 700).Draw(t, "x")
		if got, want := exp(x), math.Exp(x); math.Abs(got-want) > 4e-16*want*max(1, math.Abs(x)/100) {
			t.Fatalf("e^%v = %v, want %v", x, got, want)
		}
		y := math.Exp(x)
		if got, want := ln(y), math.Log(y); math.Abs(got-want) > 1e-15+4e-16*math.Abs(want) {
			t.Fatalf("ln %v = %v, want %v", y, got, want)
		}
		b, n := rapid.Float64Range(0, 2).Draw(t, "b"), rapid.Int64Range(0, 200).Draw(t, "n")
		if got, want := power(b, n), math.Pow(b, float64(n)); math.Abs(got-want) > 1e-13*want {
			t.Fatalf("%v^%d = %v, want %v", b, n, got, want)
		}
	})
	if exp(0) != 1 || ln(1) != 0 || power(0, 0) != 1 || exp(-1e9) != 0 || math.IsInf(exp(1e9), 0) {
		t.Error("values at the ends are wrong")
	}
	// The bits that every machine must have.
	for _, c := range []struct{ got, want float64 }{
		{exp(1), 0x1.5bf0a8b14576ap+01}, {exp(-0.3), 0x1.7b4c869c37c05p-01}, {ln(2), 0x1.62e42fefa39efp-01}, {ln(10), 0x1.26bb1bbb55515p+01},
	} {
		if c.got != c.want {
			t.Errorf("%x, want %x", c.got, c.want)
		}
	}
}
