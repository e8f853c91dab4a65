package score

import (
	"fmt"
	"time"

	"vision/internal/hotkey"
)

// Mechanism is one version of the rules: what to ask, what an observation
// changes, and what is paid. It has no clock and no randomness of its own, and
// its parameters don't change, so it may be used by any number of goroutines.
type Mechanism interface {
	// Name is recorded beside the weights that the mechanism gave.
	Name() string

	// Beacons is how many beacons a period has on average; 0 is none. A beacon is an instant,
	// the same for all validators and tasks, and unknown to miners before, at which
	// Burst says how much every contender is asked at once.
	Beacons() float64

	// Plan tells how many single requests to spread over the period that begins.
	Plan(known State, offer Offer, draw Draw) Plan

	// Burst is how many requests a contender must have under way at a beacon,
	// customers' among them; 0 is none. uniform is in [0, 1), one number for the miner, the task and
	// the beacon. Where all validators use the same one and say in Offer.StakeBefore where in a common order they
	// are, they ask together for what is due to within one; else each needs a number of its own.
	Burst(known State, offer Offer, uniform float64) int

	// Observe is known with one more observation; known itself is not changed. The error says
	// what is wrong with the observation or the state; the state returned is then known. Between two Closed, the order
	// of a contender's observations does not matter under vision7, but for the order of its beacons.
	Observe(known State, o Observation) (State, error)

	// Weights is what the states of all contenders come to. The error names the task
	// and the contender that cannot be scored; no weights follow then, for anyone. A miner of which
	// there is a state but that offers nothing now should be given too, with an Offer of zero: its past
	// may matter to what it earns elsewhere.
	Weights(tasks []Task) (Outcome, error)

	// Decode reads what the state's AppendBinary wrote.
	Decode(b []byte) (State, error)
}

// State is what a mechanism remembers of one contender, a miner on a task as one
// validator sees it. It is immutable, and under 2 KB when written. nil: nothing is known.
type State interface {
	// AppendBinary appends the state to b, so that Decode of the same mechanism reads it. Equal states give equal bytes.
	AppendBinary(b []byte) ([]byte, error)
}

// Observation is one thing seen of a contender: exactly one pointer is set.
type Observation struct {
	Answer *Answer
	Check  *Check
	Beacon *Beacon
	Closed *Closed
}

// Answer is one request's end. Those of a beacon are in its Beacon instead.
type Answer struct {
	Kind    Kind
	Asked   int64         // work that the request could be expected to take, in the task's unit; 0: unknown
	Served  int64         // work of the answer, at least 0; counts only if OK
	Took    time.Duration // [Speed.Beyond] of its time, at least 0; 0: not timed
	Organic bool          // a customer asked
}

// Check is what checking one answer found.
type Check struct {
	Quality   float64 // how well the answer is what the task's model gives, in [0, 1]
	Speed     float64 // Speed.Factor of the answer, in [0, MaxSpeed]
	Failed    bool    // it is not what the task's model gives, and was not when it was checked again; Quality then counts for nothing
	Convicted bool    // with this check, those who judge are certain that the miner cheats
	Work      int64   // work of the answer that was checked, at least 0
}

// Beacon is what came of the requests that a contender had under way at a beacon.
type Beacon struct {
	Offer    Offer     // as for Burst
	Asked    int       // requests sent at the beacon, at least 0; what our own side failed to send or to read is left out
	InFlight int       // customers' requests that were under way then and ended well: they count as asked and as delivered
	Answers  []Arrived // whole, good answers to what was sent, in any order; at most Asked
	Slots    int       // requests of Asked that were sent at the instant itself, each followed by another when it was answered; 0: all of them
}

// Arrived is one answer to a beacon.
type Arrived struct {
	Served  int64         // its work, at least 0
	Elapsed time.Duration // from the instant at which it was sent to its end
	Of      int           // it shows 1/Of of a slot, as [Divide] says; 0 is 1
}

// Closed is a period's end.
type Closed struct {
	Number int64  // of the period, ascending; a state takes each once
	Counts Counts // of all requests that ended in it, but for those of beacons
	Offer  Offer  // what the contender offered in it; zero if it did not contend, though it could have
	Missed int    // beacons of the period that asked others on the task, and could not ask it for having offered nothing
	Void   bool   // nobody contended on the task, which the network may have taken away for a while: so not contending speaks against nobody
}

// Task is one task, and all who contend on it.
type Task struct {
	Name       string
	Weight     float64 // the task's part of what is paid, in [0, 1]; all tasks' sum to 1
	Contenders []Contender
}

// Contender is one miner on one task.
type Contender struct {
	Hotkey hotkey.ID
	Offer  Offer
	State  State // nil: nothing is known of it
}

// mechanisms are all there are. Each is a file and a line here.
var mechanisms = []struct {
	name string
	make func(params map[string]float64) (Mechanism, error)
}{
	{"vision4", func(params map[string]float64) (Mechanism, error) {
		for name := range params {
			return nil, fmt.Errorf("vision4 has no parameters, but %q is set", name)
		}
		return Vision4{}, nil
	}},
	{"vision7", func(params map[string]float64) (Mechanism, error) {
		p, err := Params7From(params)
		if err != nil {
			return nil, err
		}
		return NewVision7(p)
	}},
}

// Named makes a mechanism from what a network's configuration says of it.
// Parameters that are not named have their defaults; unknown ones are refused.
func Named(name string, params map[string]float64) (Mechanism, error) {
	for _, m := range mechanisms {
		if m.name == name {
			return m.make(params)
		}
	}
	return nil, fmt.Errorf("no mechanism %q, there are %v", name, Names())
}

// Names lists the mechanisms that Named makes.
func Names() []string {
	names := make([]string, len(mechanisms))
	for i, m := range mechanisms {
		names[i] = m.name
	}
	return names
}

// one says which observation o is, or that it is not exactly one.
func (o Observation) one() error {
	n := 0
	for _, set := range []bool{o.Answer != nil, o.Check != nil, o.Beacon != nil, o.Closed != nil} {
		if set {
			n++
		}
	}
	if n != 1 {
		return fmt.Errorf("an observation holds %d things, want 1", n)
	}
	return nil
}
