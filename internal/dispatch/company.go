package dispatch

import (
	"math"
	"slices"
	"sync"
	"time"

	"vision/internal/hotkey"
)

// A miner sees when requests come. Customers' come in a rhythm of their own, some
// alone and some close upon another; a probe that came at any other moment would stand out. So the
// Board remembers the gaps between customers' requests to each contender, and
// says how likely, so long after the last one, the next is.

// rhythm is the gaps between customers' requests to one contender.
type rhythm struct {
	mu   sync.Mutex // guards the rest
	last int64      // when one came, in nanoseconds since 1970; 0 is never
	gaps [rhythmGaps]int64
	n    int           // gaps so far
	next chan struct{} // closed when the next one comes; nil: nobody waits for it
}

// rhythmGaps is how many gaps are remembered, rhythmFew how many say something.
const (
	rhythmGaps = 64
	rhythmFew  = 12
)

// beat notes that a customer's request begins.
func (r *rhythm) beat(now int64) {
	r.mu.Lock()
	if r.last != 0 && now >= r.last {
		r.gaps[r.n%rhythmGaps] = now - r.last
		r.n++
	}
	r.last = max(r.last, now)
	if r.next != nil {
		close(r.next)
		r.next = nil
	}
	r.mu.Unlock()
}

// mean is the mean gap between the last ones, 0 while there were too few, and when the last came.
func (r *rhythm) mean() (gap time.Duration, last int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := min(r.n, rhythmGaps)
	if n < rhythmFew {
		return 0, r.last
	}
	sum := int64(0)
	for _, g := range r.gaps[:n] {
		sum += g
	}
	return max(time.Duration(sum/int64(n)), 1), r.last
}

// Company is what is known of the customers' requests to a contender. The zero
// value is nothing.
type Company struct {
	Gaps []time.Duration // between the last ones, ascending; none if there were too few
	Last time.Time       // when the last one began
	Next <-chan struct{} // closed when the next one begins
}

// Company says what is known of customers' requests to a contender.
func (b *Board) Company(task string, miner hotkey.ID) Company {
	s, _ := b.lookup(task, miner)
	if s == nil {
		return Company{}
	}
	r := &s.record.rhythm
	r.mu.Lock()
	defer r.mu.Unlock()
	n := min(r.n, rhythmGaps)
	if n < rhythmFew {
		return Company{}
	}
	c := Company{Gaps: make([]time.Duration, n), Last: time.Unix(0, r.last)}
	for i := range n {
		c.Gaps[i] = time.Duration(r.gaps[i])
	}
	slices.Sort(c.Gaps)
	if r.next == nil {
		r.next = make(chan struct{})
	}
	c.Next = r.next
	return c
}

// Moment gives how long after now a request should begin that is to come as
// customers' come: where their cumulative hazard from now on, as the gaps show
// it, reaches e. For e drawn from an exponential distribution of mean m, requests come
// at 1/m times the rate of customers' at every age of the gap. False is: not before the next one.
func (c Company) Moment(now time.Time, e float64) (time.Duration, bool) {
	n := len(c.Gaps)
	age := now.Sub(c.Last)
	before, hazard := time.Duration(0), 0.0
	for i, g := range c.Gaps {
		// Between two gaps the hazard of the later one is spread over the logarithm of time.
		step := 1 / float64(n-i)
		from, to := max(before, time.Microsecond), max(g, 2*time.Microsecond)
		before = g
		if to <= age {
			continue
		}
		if from < age && to > from {
			step *= math.Log(float64(to)/float64(age)) / math.Log(float64(to)/float64(from))
			from = age
		}
		if hazard+step < e {
			hazard += step
			continue
		}
		at := from
		if to > from {
			at = time.Duration(float64(from) * math.Pow(float64(to)/float64(from), (e-hazard)/step))
		}
		return max(at-age, 0), true
	}
	return 0, false
}
