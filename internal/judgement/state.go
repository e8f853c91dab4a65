package judgement

import (
	"fmt"
	"math"
)

// Standing is what a miner is taken for on a task.
type Standing uint8

const (
	Trusted   Standing = iota // nothing speaks against it
	Watched                   // checked more, on a second reference if there is one; or lately convicted
	Convicted                 // its quality is 0
)

var standings = [...]string{"trusted", "watched", "convicted"}

func (s Standing) String() string {
	if int(s) < len(standings) {
		return standings[s]
	}
	return fmt.Sprintf("standing(%d)", uint8(s))
}

// MarshalText writes the standing's name.
func (s Standing) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads it.
func (s *Standing) UnmarshalText(b []byte) error {
	for i, name := range standings {
		if string(b) == name {
			*s = Standing(i)
			return nil
		}
	}
	return fmt.Errorf("%q is not a standing", b)
}

// fractions are how much of itself each bet risks on a response.
var fractions = [...]float64{0.1, 0.3, 1}

// State is what is known of one miner on one task. The zero State knows
// nothing, and trusts. It is a value: comparable, and copied by assignment.
type State struct {
	Checked     int64 // responses judged, ever
	Suspicious  int64 // of them, those with E >= Suspect
	Convictions int   // ever
	Standing    Standing

	// Rise is the number (Checked counts from 1) of the response after which the
	// wealth was never as low again as before it: the first of those that speak
	// against the miner. While it is convicted, the first that convicted it.
	Rise int64
	// Record is, while convicted or on probation, how many responses of a clean
	// record it has; else 0. A failed response takes back 25.
	Record int64
	// Probation says that it is watched because of a conviction that is over.
	Probation bool

	term int64                   // responses of this term: since the beginning, a conviction or a redemption
	low  float64                 // the least wealth of this term that Rise follows; 0 in a term without a response
	bets [len(fractions)]float64 // wealth of each bet, finite and >= 0; all 0 in a term without a response
}

// Wealth is what a capital of 1 has become in this term by betting against the
// miner, above 0: evidence that it cheats. 20 is much, 1/Alpha convicts.
func (s State) Wealth() float64 {
	if s.term == 0 {
		return 1
	}
	wealth := reserve(s.term)
	for _, b := range s.bets {
		wealth += b
	}
	return wealth
}

// reserve is what is left to be staked after n responses of a term. It begins
// with half of the capital and falls so slowly that there is always something
// left for a miner that turns late.
func reserve(n int64) float64 { return 0.5 / math.Log(math.E+float64(n)) }

// Quality is what the miner's responses are worth, in [0, 1]: 0 while
// it is convicted, and else 1 up to a wealth of 3, falling with its logarithm
// to 0 at 1/Alpha.
func (r Rules) Quality(s State) float64 {
	if s.Standing == Convicted {
		return 0
	}
	return r.quality(s.Wealth())
}

// Change is what one response changed.
type Change struct{ Before, After State }

// Standing says whether the standing is another now.
func (c Change) Standing() bool { return c.Before.Standing != c.After.Standing }

// Convicts says whether the response was the one that convicted.
func (c Change) Convicts() bool { return c.Standing() && c.After.Standing == Convicted }
