package score

import (
	"errors"
	"fmt"
	"math"
)

// Kind is how one request to a miner ended, as far as its score is concerned.
// Requests that ended by no doing of the miner's (the customer left, the
// request itself was wrong) are not observations and have no kind.
type Kind uint8

const (
	OK          Kind = iota + 1 // a whole answer, in time
	RateLimited                 // refused for want of capacity (429)
	Failed                      // refused otherwise, broken off, late or unusable (5xx)
)

// String is the kind's name in tables and logs.
func (k Kind) String() string {
	switch k {
	case OK:
		return "ok"
	case RateLimited:
		return "rate limited"
	case Failed:
		return "failed"
	}
	return fmt.Sprintf("unknown kind %d", uint8(k))
}

// Counts is what a validator saw of one contender in one period. Requests is
// the sum of OK, RateLimited and Failed; nothing is negative.
type Counts struct {
	Requests    int
	OK          int
	RateLimited int
	Failed      int
	Consumed    int64 // work of the answers that were OK, in the task's unit
	Declared    int64 // the capacity that counted for this validator in the period, as Offer.Capacity

	// What the requests could be expected to take, in the task's unit; vision4 does without.
	Asked            int64 // of all; 0: unknown, and the numbers of requests stand for it
	AskedRateLimited int64 // of those that were rate limited
	AskedFailed      int64 // of those that failed
}

// Add counts one request that ended. Only an OK one consumes volume. On an
// error (unknown kind, negative volume, overflow) nothing is counted.
func (c *Counts) Add(a Answer) error {
	if err := a.validate(); err != nil {
		return fmt.Errorf("count a request that ended %s: %w", a.Kind, err)
	}
	if c.Requests == math.MaxInt {
		return errors.New("count a request: the period's number of requests overflows")
	}
	if a.Asked > math.MaxInt64-c.Asked {
		return fmt.Errorf("count a request: asked %d plus %d overflows", c.Asked, a.Asked)
	}
	switch a.Kind {
	case OK:
		if a.Served > math.MaxInt64-c.Consumed {
			return fmt.Errorf("count a request: consumed %d plus %d overflows", c.Consumed, a.Served)
		}
		c.OK++
		c.Consumed += a.Served
	case RateLimited:
		c.RateLimited++
		c.AskedRateLimited += a.Asked
	case Failed:
		c.Failed++
		c.AskedFailed += a.Asked
	}
	c.Requests++
	c.Asked += a.Asked
	return nil
}

// Score is the period score of these counts; see [PeriodScore].
func (c Counts) Score() (score float64, ok bool) {
	return PeriodScore(float64(c.Declared), float64(c.Consumed), c.Requests, c.RateLimited, c.Failed)
}
