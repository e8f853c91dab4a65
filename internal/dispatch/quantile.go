package dispatch

import (
	"math"
	"sync"
	"sync/atomic"
)

// late95 is the quantile beyond which an answer is late.
const late95 = 0.95

const (
	quantileLow   = 1.0 / (1 << 17) // seconds: the upper edge of the first bucket
	quantileSteps = 4               // buckets in which an edge doubles: 19% each
	quantileSize  = 26*quantileSteps + 1
	quantileSome  = 32   // samples without which nothing is said
	quantileMost  = 1024 // samples at which all count for half, so that the old fade
	quantileEvery = 8    // samples after which the value is worked out again
)

// quantile estimates the 95th percentile of times, of the newest thousand or
// so, from a histogram of constant size. It is at most 19% too high.
type quantile struct {
	now atomic.Uint64 // the estimate, bits of seconds; 0 is unknown

	mu      sync.Mutex // guards the rest
	buckets [quantileSize]uint16
	total   int
	fresh   int // samples since now was worked out
}

// value is the estimate in seconds; 0 while there are few samples.
func (q *quantile) value() float64 { return math.Float64frombits(q.now.Load()) }

// add takes a sample in seconds.
func (q *quantile) add(x float64) {
	if !(x > 0) {
		return
	}
	i := int(math.Ceil(math.Log2(x/quantileLow) * quantileSteps))
	i = min(max(i, 0), quantileSize-1)
	q.mu.Lock()
	defer q.mu.Unlock()
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
			return quantileLow * math.Exp2(float64(i)/quantileSteps)
		}
	}
}
