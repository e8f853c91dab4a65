// Package period holds the control loop's durable state: the periods, the
// contenders of each and what came of them. All times are the validator's.
//
//	planned ──start──► running ──end, all outcomes in──► scored ──► weighted
//
// A period survives a restart: its Seed and its contenders give the same
// probes again, and the counts come from the outcomes.
package period

import (
	"time"

	"vision/internal/hotkey"
	"vision/internal/score"
)

// Phase is where a period stands.
type Phase uint8

const (
	Running  Phase = iota // probes are being sent
	Scored                // period scores are kept; nothing is asked any more
	Weighted              // weights that follow from it are recorded
)

// Period is one stretch of testing.
type Period struct {
	ID    int64 // given by the store, ascending
	Start time.Time
	End   time.Time // planned end, exclusive
	Phase Phase
	Seed  uint64 // draws the shares to test and the probes' instants
}

// Contender is one miner in one task in one period.
type Contender struct {
	Period   int64
	Miner    hotkey.ID
	Task     string
	UID      uint16
	Addr     string      // host:port that the ledger names
	Declared int64       // units per period, as the miner said
	Capacity int64       // units per period that this validator may use: capped, and its stake's share
	Share    float64     // share of Capacity to test, [0, 1]
	Probes   int         // requests planned from Share
	Slots    int         // requests at once that the miner says it takes; 0 is unknown
	Offer    score.Offer // that Capacity follows from, for what was left of the period; zero in records of old
}

// Result is what came of a contender at the period's end.
type Result struct {
	Contender
	Counts score.Counts
	Score  float64 // period score, [0, 1]; meaningless unless Valid
	Valid  bool    // false: no request, or no capacity, so nothing to score
}

// Past is what one contender was asked outside beacons in a period that is over.
type Past struct {
	Period int64
	End    time.Time
	Counts score.Counts // requests, by how they ended, and the work of those that were OK
}

// Weights is one vector of weights that followed from the periods.
type Weights struct {
	Period int64
	At     time.Time
	Set    bool   // the ledger took it
	Note   string // why not, or in which block
	Miners []MinerWeight
}

// MinerWeight is one miner's weight, [0, 1].
type MinerWeight struct {
	Miner  hotkey.ID
	UID    uint16
	Weight float64
}
