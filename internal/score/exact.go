package score

import "math"

// States and weights must have the same bits on every machine, so that
// validators who saw the same can tell. Three things stand in the way:
//
//   - Go may fuse x*y + z into one operation that rounds once, and does on
//     arm64 and others. A conversion, float64(x*y) + z, forbids it. Wherever
//     a product is added to something in this package it is converted so;
//     test/bits.sh looks for fused operations in what the compiler made for arm64.
//   - The standard library's Exp, Log and Pow are written in assembly on
//     some machines. The functions below stand for them. Sqrt, Frexp and Ldexp are exact everywhere.
//   - Sums of floating-point numbers depend on their order. What may come in any
//     order is summed in integers (see pending7), the rest in a fixed order.

const ln2 = 0.693147180559945309417232121458176568

// exp is e^x, to about one unit in the last place; x must not be NaN.
func exp(x float64) float64 {
	switch {
	case x > 700:
		x = 700 // 1e304: what is paid never comes near
	case x < -745:
		return 0
	}
	// e^x = 2^k e^r with |r| at most ln2/2, of which 16 terms of the series leave less than 1e-20.
	k := math.RoundToEven(x / ln2)
	r := x - float64(k*ln2High)
	r -= float64(k * ln2Low)
	y := 1.0
	for n := 16.0; n >= 1; n-- {
		y = 1 + float64(float64(y*r)/n)
	}
	return math.Ldexp(y, int(k))
}

// ln2High is ln2 with 32 bits, so that small multiples of it are exact; ln2Low is the rest.
const (
	ln2High = 0x1.62e42fefp-1
	ln2Low  = ln2 - ln2High
)

// ln is the natural logarithm of x, which must be above 0 and finite, with an error of at
// most 1e-15 or about one unit in the last place, whichever is more.
func ln(x float64) float64 {
	m, e := math.Frexp(x)
	if m < math.Sqrt2/2 {
		m, e = 2*m, e-1
	}
	// ln m = 2 (s + s^3/3 + s^5/5 + ...) with s = (m-1)/(m+1), at most 0.172.
	s := (m - 1) / (m + 1)
	square := float64(s * s)
	series := 0.0
	for n := 25.0; n >= 1; n -= 2 {
		series = 1/n + float64(series*square)
	}
	return float64(float64(e)*ln2) + float64(2*float64(s*series))
}

// power is x^n by squaring; n at least 0.
func power(x float64, n int64) float64 {
	y := 1.0
	for ; n > 0; n >>= 1 {
		if n&1 == 1 {
			y *= x
		}
		x *= x
	}
	return y
}
