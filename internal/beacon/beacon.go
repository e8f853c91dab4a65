package beacon

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"time"
)

// Round is one value of public randomness.
type Round struct {
	Source string        // whose: "drand-quicknet", or a ledger's name; values of two have nothing to do with one another
	Number uint64        // each is one more than the one before
	At     time.Time     // when it was due, by the source's clock
	Tick   time.Duration // from one to the next, > 0
	Value  [32]byte      // nobody knew it before
}

// Rules are the same for all validators of a network.
type Rules struct {
	Every  time.Duration // between two beacons, on the average
	Rest   time.Duration // between two at least
	Lead   time.Duration // from a value to the beacon that it calls
	Window time.Duration // how long a beacon asks: what is answered sooner is asked for again. 0: once
}

// For is the rules of a network that scores every period: so many beacons in
// each; a rest between them of a tenth of what is usual, or of 2 s at
// least where that is short; and a window that clocks off by 2 s need, if the period is one of an hour. each is above 0.
// Validate says whether so many find room in so short a period.
func For(period time.Duration, each float64) Rules {
	every := time.Duration(min(float64(period)/each, 1<<62)) // 146 years are never
	return Rules{Every: every, Rest: max(every/10, min(2*time.Second, every/4)), Lead: min(time.Second, period/20), Window: min(5*time.Second, period/720)}
}

// Validate says what is out of range.
func (r Rules) Validate() error {
	switch {
	case r.Every < time.Second:
		return fmt.Errorf("beacons every %v, want at least 1s", r.Every)
	case r.Rest < 0 || r.Rest > r.Every/2:
		return fmt.Errorf("a rest of %v between beacons every %v, want 0 to half of it", r.Rest, r.Every)
	case r.Lead < 0 || r.Lead > time.Minute:
		return fmt.Errorf("a lead of %v, want 0 to 1m", r.Lead)
	case r.Window < 0 || r.Window > r.Every/4:
		return fmt.Errorf("a window of %v for beacons every %v, want 0 to a quarter of it", r.Window, r.Every)
	}
	return nil
}

// Call is a beacon.
type Call struct {
	Round Round
	At    time.Time // when to ask
	Seed  [32]byte  // the same for all validators
}

// Caller hears values one after the other and says which of them call beacons.
// It is not safe for concurrent use.
type Caller struct {
	rules  Rules
	last   Round
	silent uint64  // values in a row before the next that drew no
	rest   uint64  // how many there must be
	chance float64 // of a value to draw yes
}

// NewCaller makes a Caller of valid rules.
func NewCaller(r Rules) *Caller { return &Caller{rules: r} }

// Hear takes a value. ok says that it calls a beacon. A value that was heard
// before, or is older than the last, calls none.
func (c *Caller) Hear(r Round) (call Call, ok bool) {
	if r.Tick <= 0 || r.Source == c.last.Source && r.Number <= c.last.Number {
		return Call{}, false
	}
	if r.Source != c.last.Source || r.Number != c.last.Number+1 {
		c.silent = 0
	}
	if r.Tick != c.last.Tick {
		c.rest = c.rules.resting(r.Tick)
		c.chance = chance(c.rules.Every, r.Tick, c.rest)
	}
	c.last = r
	drawn := drawOf(r) < c.chance
	clear := c.silent >= c.rest
	c.silent++
	if drawn {
		c.silent = 0
	}
	if !drawn || !clear {
		return Call{}, false
	}
	return Call{Round: r, At: r.At.Add(r.Tick + c.rules.Lead), Seed: hash("vision/beacon/seed", r)}, true
}

// resting is how many values after one that drew yes call nothing.
func (r Rules) resting(tick time.Duration) uint64 { return uint64((r.Rest + tick - 1) / tick) }

// drawOf is uniform in [0, 1).
func drawOf(r Round) float64 {
	h := hash("vision/beacon/draw", r)
	return float64(binary.BigEndian.Uint64(h[:])>>11) / (1 << 53)
}

func hash(purpose string, r Round) [32]byte {
	b := append([]byte(purpose), 0)
	b = append(append(b, r.Source...), 0)
	b = binary.BigEndian.AppendUint64(b, r.Number)
	return sha256.Sum256(append(b, r.Value[:]...))
}

// chance is that of a value to draw yes, such that one in every/tick calls a
// beacon: it does if it draws yes and the rest values before it draw no,
// p (1-p)^rest = tick/every. Where no p is enough, it is the best there is.
func chance(every, tick time.Duration, rest uint64) float64 {
	want := float64(tick) / float64(every)
	best := 1 / float64(rest+1)
	if want >= best*math.Pow(1-best, float64(rest)) {
		return best
	}
	low, high := 0.0, best // the product rises in between
	for range 60 {
		p := (low + high) / 2
		if p*math.Pow(1-p, float64(rest)) < want {
			low = p
		} else {
			high = p
		}
	}
	return high
}

// Gap is the time between two beacons on the average, of values that come once a tick: Every, or more if
// there are too few values for that.
func (r Rules) Gap(tick time.Duration) time.Duration {
	rest := r.resting(tick)
	p := chance(r.Every, tick, rest)
	return max(r.Every, time.Duration(float64(tick)/(p*math.Pow(1-p, float64(rest)))))
}
