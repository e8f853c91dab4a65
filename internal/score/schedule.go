package score

import (
	"math/bits"
	"time"
)

// askedPercent of a period is asked in; the rest is left for answers to arrive.
const askedPercent = 98

// Schedule yields the instants at which to ask one contender, as offsets from
// the beginning of the period. The first 98% of the period is cut into one
// slot per request, and each slot holds one instant, uniform within it. So the
// instants are sorted, lie strictly inside the period, and follow from the plan
// alone. A Schedule takes 24 bytes however many instants it yields.
type Schedule struct {
	seed   uint64
	window uint64 // nanoseconds that the slots cover
	next   int32
	count  int32
}

// Asked is the part of a period, from its start, in which miners are asked.
func Asked(period time.Duration) time.Duration {
	return period/100*askedPercent + period%100*askedPercent/100
}

// Schedule spreads the plan's requests over a period of the given length. It is empty if the
// plan asks nothing or the period is shorter than 2 ns.
func (p Plan) Schedule(period time.Duration) Schedule {
	window := Asked(period)
	if window < 1 || p.Requests < 1 {
		return Schedule{}
	}
	return Schedule{seed: p.Seed, window: uint64(window), count: int32(p.Requests)}
}

// Next returns the next instant; ok is false when there is none left.
func (s *Schedule) Next() (offset time.Duration, ok bool) {
	if s.next >= s.count {
		return 0, false
	}
	offset = s.at(s.next)
	s.next++
	return offset, true
}

// Left is the number of instants that Next has still to yield.
func (s *Schedule) Left() int { return int(s.count - s.next) }

// Skip passes over the instants up to and including elapsed, in constant time:
// a daemon that restarts in the middle of a period does not make up for what it missed.
func (s *Schedule) Skip(elapsed time.Duration) {
	if elapsed <= 0 || s.next >= s.count {
		return
	}
	if uint64(elapsed) >= s.window {
		s.next = s.count
		return
	}
	slot := int32(mulDiv(uint64(elapsed), uint64(s.count), s.window))
	s.next = max(s.next, slot-1) // rounding may put elapsed one slot too far
	for s.next < s.count && s.at(s.next) <= elapsed {
		s.next++
	}
}

// Covered reports whether organic traffic already measured what the request
// last yielded by Next was for: by its turn, more requests than the ones
// before it have been counted in the period. Asking only when it is not
// covered makes up the plan's number from both kinds of traffic.
func (s *Schedule) Covered(counted int) bool { return counted >= int(s.next) }

// at is the instant of slot i: uniform over its nanoseconds, the slot's beginning excluded
// and its end included.
func (s *Schedule) at(i int32) time.Duration {
	begin := mulDiv(s.window, uint64(i), uint64(s.count))
	end := mulDiv(s.window, uint64(i)+1, uint64(s.count))
	if begin == end { // more requests than nanoseconds
		return time.Duration(max(begin, 1))
	}
	within, _ := bits.Mul64(mix(s.seed, uint64(i)), end-begin)
	return time.Duration(begin + 1 + within)
}

// mulDiv is a*b/c rounded down without overflow on the way; the result must fit.
func mulDiv(a, b, c uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	quotient, _ := bits.Div64(hi, lo, c)
	return quotient
}

// mix is output number i of the SplitMix64 generator begun at seed.
func mix(seed, i uint64) uint64 {
	z := seed + (i+1)*0x9e3779b97f4a7c15
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// uniform maps 64 random bits to [0, 1).
func uniform(bits uint64) float64 { return float64(bits>>11) / (1 << 53) }
