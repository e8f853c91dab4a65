package relay

import (
	"time"

	"vision/internal/outcome"
)

// arrivals notes when output came, in constant space: a histogram whose
// buckets widen as time goes on.
type arrivals struct {
	chunks  int // reads that carried output
	longest time.Duration
	last    time.Duration // of the last one
	total   int64         // events with output
	width   time.Duration // of a bucket
	buckets [40]int32     // events
}

// note takes events that came at a time since the start.
func (a *arrivals) note(at time.Duration, events int) {
	if a.chunks > 0 {
		a.longest = max(a.longest, at-a.last)
	}
	a.chunks++
	a.last = at
	a.total += int64(events)
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
	a.buckets[max(at, 0)/a.width] += int32(events)
}

// sum gives the share of the output in the last tenth of the time, taking the
// output of one bucket as evenly spread.
func (a *arrivals) sum(total time.Duration) outcome.Arrivals {
	s := outcome.Arrivals{Chunks: a.chunks, Longest: a.longest}
	if a.total == 0 || total <= 0 {
		return s
	}
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
	s.Burst = min(late/float64(a.total), 1)
	return s
}
