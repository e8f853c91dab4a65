package outcome

import (
	"time"

	"vision/internal/hotkey"
	"vision/internal/judgement"
)

// Check is a checking server's verdict on a sample, judged again if it failed.
// A checker's own error is not a Check: the sample stays pending.
type Check struct {
	Sample  int64
	Task    string
	Miner   hotkey.ID
	Source  Source
	At      time.Time
	Quality float64 // [0, 1]; the better of two, if it was judged again; the store lowers it to that of the miner's judgement
	Speed   float64 // speed factor of the mechanism, >= 0
	Work    int64   // units that the checker verified; <= the outcome's Work
	Test    string  // which test judged it: "prefill-t0", "recompute", …
	Detail  string  // one line for people, no prompt text
	E       float64 // evidence against honesty, an e-value (>= 0; 1 says nothing); the smaller of two, if it was judged again
	Untimed bool    // the answer does not show how fast it was made: Speed follows from others of the miner's

	Reference string // what judged it, as the checker's configuration names it
	Again     string // what judged it again, and how: "reference: test, E"; "" if it was judged once
	// Failed: it is not what the task's model gives, and was not when it was judged
	// again. Honest answers are with a chance of at most 1 in 100.
	Failed bool

	Weak      bool // what the miner declares of its server rules out a stronger test
	Abandoned bool // the answer was broken off by us or by its reader: it is judged as far as it came

	// Spec is what the miner declared of its server when it was judged, a proto.Spec as JSON; kept with evidence alone.
	Spec string `json:",omitempty"`

	Copy Copy `json:",omitzero"` // what another miner wrote too; the store keeps it apart from the check

	// What follows for the miner on the task, given by the store.

	Number    int64              // of the pair's checks, counted from 1; 0 in checks of before there was judgement
	Standing  judgement.Standing // after it
	Wealth    float64            // after it; of a conviction, that with which it began again
	Convicted bool               // it is the one that convicted the miner
}

// Folded is a check that has been taken in by what a mechanism remembers.
type Folded struct {
	Check
	Period int64 // at whose end
}

// Judgement is what is known of a miner on a task.
type Judgement struct {
	Miner hotkey.ID
	Task  string
	At    time.Time // of the newest check
	Since time.Time // of this standing
	Weak  bool      // as of the newest check: what it declares rules out a stronger test
	State judgement.State
}

// Evidence is a checked answer that speaks against its miner, kept so that
// anybody can judge it again.
type Evidence struct {
	Check  Check  // as it was judged
	Sample Sample // without Request and Response, if they were too long to be kept, or too old
	Proves bool   // it is among those that convicted the miner: kept beyond all others
}
