package refmodel

import "math"

// rng is splitmix64: small, fast, and the same everywhere. It is the only
// source of randomness in the package and is always seeded by the caller.
type rng struct{ s uint64 }

func newRNG(seed uint64, salt string) *rng { return &rng{mix(seed ^ hashString(salt))} }

func (r *rng) next() uint64 {
	r.s += 0x9e3779b97f4a7c15
	return mix(r.s)
}

// float returns a uniform number in [0, 1) with 53 bits.
func (r *rng) float() float64 { return float64(r.next()>>11) / (1 << 53) }

// intn returns a number in [0, n). The bias for n far below 2^64 is negligible.
func (r *rng) intn(n int) int { return int(r.next() % uint64(n)) }

// gauss returns an approximately normal number (sum of 4 uniforms, variance 1);
// exactly reproducible because it only adds and multiplies.
func (r *rng) gauss() float64 { return gaussBits(r.next()) }

// gaussBits turns 64 random bits into an approximately standard normal number,
// the scaled sum of four 16-bit uniforms. Its range is about ±3.46.
func gaussBits(x uint64) float64 {
	sum := x&0xffff + x>>16&0xffff + x>>32&0xffff + x>>48
	return (float64(sum)/65535 - 2) * math.Sqrt(3)
}

func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// hashString is FNV-1a followed by a mixer.
func hashString(s string) uint64 {
	h := uint64(14695981039346656037)
	for i := 0; i < len(s); i++ {
		h = (h ^ uint64(s[i])) * 1099511628211
	}
	return mix(h)
}
