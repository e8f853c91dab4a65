package outcome

import (
	"errors"
	"math"
	"time"

	"vision/internal/hotkey"
)

// Copy says that an answer begins word for word as another miner's to the same
// prompt under another seed. Two who draw their tokens themselves do so with the
// probability given; that the two are not independent is all that it says, not who copied whom.
// The zero Copy says nothing.
type Copy struct {
	Request string    `json:"request"`       // the answer's
	Other   hotkey.ID `json:"other"`         // who wrote the same
	To      string    `json:"other_request"` // the request that it was the answer to
	Tokens  int       `json:"tokens"`        // that both have in common, at least
	LogP    float64   `json:"log_p"`         // natural logarithm of the probability: below 0, finite
}

// IsZero says whether c says nothing.
func (c Copy) IsZero() bool { return c == Copy{} }

// Validate says what is wrong with a Copy of the miner's that is not zero.
func (c Copy) Validate(miner hotkey.ID) error {
	switch {
	case c.Other.IsZero() || c.Other == miner:
		return errors.New("a copy names no other miner")
	case c.Tokens < 1 || !(c.LogP < 0) || math.IsInf(c.LogP, 0):
		return errors.New("a copy's length or probability is out of range")
	case c.Request == c.To || len(c.Request) > maxRequestID || len(c.To) > maxRequestID:
		return errors.New("a copy's requests are none")
	}
	return nil
}

// maxRequestID is the most bytes of a request's id.
const maxRequestID = 128

// Copied is a Copy as it was kept.
type Copied struct {
	Sample int64 // that was checked when it was found
	Task   string
	Miner  hotkey.ID // whose answer that was
	At     time.Time
	Copy
}

// Partner is the other of the two than the miner given.
func (c *Copied) Partner(miner hotkey.ID) hotkey.ID {
	if c.Miner == miner {
		return c.Other
	}
	return c.Miner
}
