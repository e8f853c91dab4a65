package judgement

import (
	"fmt"
	"math"
)

// Proof is the e-value from which a response convicts by itself: it is wrong
// in a way that no honest server's is.
const Proof = 1e300

// Suspect is the e-value from which a response has failed its check, and is
// judged again before it counts.
const Suspect = 3

// Failing is the e-value from which a response, judged again, is not what the
// task's model gives, for rules that count failures: an honest one is at most
// once in a hundred.
const Failing = 100

// Rules are the parameters of judgement.
type Rules struct {
	// Alpha is the largest chance that an honest miner is ever convicted on a
	// task, [1e-12, 0.05].
	Alpha float64
	// Watch is the wealth from which a miner is watched: (2, 1/Alpha). An honest
	// one ever is with a chance of at most 1/Watch.
	Watch float64
	// Clip is the most that one response counts, (1, 1000]: so that one mistake of
	// ours convicts nobody.
	Clip float64
	// Redeem is how many checked responses of a clean record end a first
	// conviction, [1, 100000]; each further one takes twice as many as the one
	// before, up to 64 times.
	Redeem int
}

// Default convicts one honest miner in ten thousand, for a lifetime.
func Default() Rules { return Rules{Alpha: 1e-4, Watch: 20, Clip: 30, Redeem: 200} }

// Validate says what is wrong with the rules.
func (r Rules) Validate() error {
	switch {
	case !(r.Alpha >= 1e-12 && r.Alpha <= 0.05):
		return fmt.Errorf("alpha is %v, want 1e-12 to 0.05", r.Alpha)
	case !(r.Watch > 2 && r.Watch < 1/r.Alpha):
		return fmt.Errorf("watch is %v, want above 2 and below 1/alpha = %v", r.Watch, 1/r.Alpha)
	case !(r.Clip > 1 && r.Clip <= 1000):
		return fmt.Errorf("clip is %v, want above 1 and at most 1000", r.Clip)
	case r.Redeem < 1 || r.Redeem > 100_000:
		return fmt.Errorf("redeem is %d, want 1 to 100000", r.Redeem)
	}
	return nil
}

// Record is how many checked responses of a clean record end a conviction that
// is the miner's n-th.
func (r Rules) Record(n int) int64 { return int64(r.Redeem) << min(max(n-1, 0), 6) }

// quality falls from 1 at a wealth of 3 with its logarithm to 0 where the
// miner is convicted.
func (r Rules) quality(wealth float64) float64 {
	if wealth <= 3 {
		return 1
	}
	return min(max(1-math.Log(wealth/3)/math.Log(1/(3*r.Alpha)), 0), 1)
}
