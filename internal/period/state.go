package period

import (
	"time"

	"vision/internal/hotkey"
	"vision/internal/score"
)

// Closing is what is written down at a period's end, all or nothing: who dies
// before it has seen nothing, and sees it all again.
type Closing struct {
	Results   []Result
	Mechanism string  // whose states; "" leaves all states as they are
	States    []State // those that the period changed
	Folded    []int64 // samples whose checks the states have taken in
}

// State is what a mechanism remembers of one contender.
type State struct {
	Miner  hotkey.ID
	Task   string
	Period int64 // at whose end it was written; set by the store
	Bytes  []byte
}

// Beacon is an instant at which all contenders were asked at once.
type Beacon struct {
	ID     int64 // given by the store, ascending
	Period int64
	Source string // of the randomness
	Number uint64 // of its value
	At     time.Time
}

// Burst is what came of one contender at a beacon.
type Burst struct {
	Beacon   int64 // its ID
	Period   int64
	Miner    hotkey.ID
	Task     string
	Asked    int // as score.Beacon has it
	InFlight int
	Answers  []score.Arrived
	Slots    int // 0 of those before slots were counted

	// Offer is what it offered when it was asked, if that was in an earlier period than Period, in which it came out; else zero.
	Offer score.Offer
}

// Report is a validator's signed report of a period, as package report writes it.
type Report struct {
	Validator hotkey.ID
	Own       bool // of this validator
	Period    int64
	At        time.Time
	Body      []byte
}
