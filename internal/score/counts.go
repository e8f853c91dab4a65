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

// Observation is one request's end.
type Observation struct {
	Kind   Kind
	Volume int64 // work of the answer in the task's unit, at least 0; counts only if OK
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
}

// Add counts one request that ended. Only an OK one consumes volume. On an
// error (unknown kind, negative volume, overflow) nothing is counted.
func (c *Counts) Add(kind Kind, volume int64) error {
	if volume < 0 {
		return fmt.Errorf("count a request that ended %s: volume %d is negative", kind, volume)
	}
	if c.Requests == math.MaxInt {
		return errors.New("count a request: the period's number of requests overflows")
	}
	switch kind {
	case OK:
		if volume > math.MaxInt64-c.Consumed {
			return fmt.Errorf("count a request: consumed %d plus %d overflows", c.Consumed, volume)
		}
		c.OK++
		c.Consumed += volume
	case RateLimited:
		c.RateLimited++
	case Failed:
		c.Failed++
	default:
		return fmt.Errorf("count a request: %s", kind)
	}
	c.Requests++
	return nil
}

// Score is the period score of these counts; see [PeriodScore].
func (c Counts) Score() (score float64, ok bool) {
	return PeriodScore(float64(c.Declared), float64(c.Consumed), c.Requests, c.RateLimited, c.Failed)
}
