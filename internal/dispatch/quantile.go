package dispatch

import (
	"math"
	"sync"
	"sync/atomic"
)

// late95 is the quantile beyond which an answer is late.
const late95 = 0.95

const (
	quantileLow   = 1.0 / (1 << 17) // seconds: the lower edge of the first bucket
	quantileSize  = 26 * 4          // buckets: each power of two has four of the same width, up to 512 s
	quantileSome  = 32              // samples without which nothing is said
	quantileMost  = 1024            // samples at which all count for half, so that the old fade
	quantileEvery = 16              // samples after which the value is worked out again

	// A bucket is what the exponent and the two first bits of the mantissa of
	// a number say.
	quantileShift = 50
	quantileFirst = (1023 - 17) << 2
)

// quantile estimates the 95th percentile of times, of the newest thousand or
// so, from a histogram of constant size. It is at most 25% too high.
type quantile struct {
	now atomic.Uint64 // the estimate, bits of seconds; 0 is unknown

	mu      sync.Mutex // guards the rest
	buckets [quantileSize]uint16
	total   int
	fresh   int // samples since now was worked out
}

// value is the estimate in seconds; 0 while there are few samples.
func (q *quantile) value() float64 { return math.Float64frombits(q.now.Load()) }

// add takes a sample in seconds. It leaves one out rather than waiting for
// another goroutine's.
func (q *quantile) add(x float64) {
	if !(x > 0) || !q.mu.TryLock() {
		return
	}
	defer q.mu.Unlock()
	i := min(max(int(math.Float64bits(x)>>quantileShift)-quantileFirst, 0), quantileSize-1)
	q.buckets[i]++
	q.total++
	if q.total >= quantileMost {
		q.total = 0
		for i := range q.buckets {
			q.buckets[i] /= 2
			q.total += int(q.buckets[i])
		}
	}
	if q.fresh++; q.fresh >= quantileEvery && q.total >= quantileSome {
		q.fresh = 0
		q.now.Store(math.Float64bits(q.work()))
	}
}

// work finds the bucket's upper edge below which 95% of the samples are.
func (q *quantile) work() float64 {
	above := int(float64(q.total) * (1 - late95))
	for i := quantileSize - 1; ; i-- {
		if above -= int(q.buckets[i]); above < 0 || i == 0 {
			return math.Float64frombits(uint64(quantileFirst+i+1) << quantileShift)
		}
	}
}
