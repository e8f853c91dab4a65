package relay

import (
	"math"
	"math/bits"
	"time"

	"vision/internal/outcome"
)

// arrivals notes when output came, in constant space: a histogram whose
// buckets widen as time goes on, one of gaps, and sums.
type arrivals struct {
	chunks  int // reads that carried output
	longest time.Duration
	last    time.Duration // of the last one
	units   int64         // tokens, steps or items so far
	moments float64       // sum over the units of when each came, seconds
	width   time.Duration // of a bucket
	buckets [40]int32     // units
	gaps    [gapClasses]int32
}

// note takes a read with output that came at a time since the start, and the
// units that have come by then in all. So a chunk of many tokens counts as many.
func (a *arrivals) note(at time.Duration, units int64) {
	if a.chunks > 0 {
		gap := at - a.last
		a.longest = max(a.longest, gap)
		a.gaps[gapClass(gap)]++
	}
	a.chunks++
	a.last = at
	fresh := max(0, units-a.units)
	a.units += fresh
	a.moments += float64(fresh) * at.Seconds()
	if a.width == 0 {
		a.width = 10 * time.Millisecond
	}
	for at >= a.width*time.Duration(len(a.buckets)) {
		for i := range len(a.buckets) / 2 {
			a.buckets[i] = a.buckets[2*i] + a.buckets[2*i+1]
		}
		clear(a.buckets[len(a.buckets)/2:])
		a.width *= 2
	}
	a.buckets[max(at, 0)/a.width] += int32(min(fresh, 1<<30))
}

// Gaps are told apart by half-octaves from 2^18 ns (a quarter of a millisecond) to 2^36 ns (69 s).
const (
	gapFrom    = 18
	gapClasses = 2 * (36 - gapFrom)
)

// gapClass is the class of a gap: even ones begin at powers of two, odd ones half way to the next.
func gapClass(gap time.Duration) int {
	if gap < 1<<gapFrom {
		return 0
	}
	octave := bits.Len64(uint64(gap)) - 1
	return min(2*(octave-gapFrom)+int(gap>>(octave-1)&1), gapClasses-1)
}

// gapEnd is the upper end of a class.
func gapEnd(class int) time.Duration {
	base := time.Duration(1) << (gapFrom + class/2)
	return base + base/2*time.Duration(1+class%2)
}

// gap95 is what 95% of the gaps do not exceed, rounded up to the end of a class.
func (a *arrivals) gap95() time.Duration {
	left := (a.chunks - 1) / 20 // of the longest
	for i := gapClasses - 1; i >= 0; i-- {
		if left -= int(a.gaps[i]); left < 0 {
			if i == gapClasses-1 { // it has no end
				return a.longest
			}
			return min(gapEnd(i), a.longest)
		}
	}
	return 0
}

// sum gives the share of the output in the last tenth of the time, taking the
// output of one bucket as evenly spread.
func (a *arrivals) sum(total time.Duration) outcome.Arrivals {
	s := outcome.Arrivals{Chunks: a.chunks, Longest: a.longest, Gap95: a.gap95()}
	if a.units == 0 || total <= 0 {
		return s
	}
	s.Mean = time.Duration(a.moments / float64(a.units) * float64(time.Second))
	from := total - total/10
	var late float64
	for i, n := range a.buckets {
		begin := time.Duration(i) * a.width
		end := min(begin+a.width, max(total, a.last+1))
		switch {
		case n == 0 || end <= from:
		case begin >= from:
			late += float64(n)
		default:
			late += float64(n) * float64(end-from) / float64(end-begin)
		}
	}
	s.Burst = min(late/float64(a.units), 1)
	return s
}

// between is how many units came between two times, taking the output of one bucket as evenly
// spread; rounded up.
func (a *arrivals) between(from, until time.Duration) int64 {
	var sum float64
	for i, n := range a.buckets {
		begin := time.Duration(i) * a.width
		end := begin + a.width
		if end > a.last { // nothing came after the last
			end = max(a.last, begin+1)
		}
		if part := min(end, until) - max(begin, from); n > 0 && part > 0 {
			sum += float64(n) * float64(part) / float64(end-begin)
		}
	}
	return int64(math.Ceil(sum - 1e-9))
}
