package outcome

import (
	"crypto/sha256"
	"time"

	"vision/internal/hotkey"
	"vision/internal/judgement"
)

// Accusation is an answer of a miner's to another validator, which showed it in a
// receipt, as this validator judged it itself. It counts for nothing in
// what is known of the miner: that validator chose which answer to show, and what to ask.
// It says where to look: this validator's own next answers are checked.
type Accusation struct {
	Answer    [sha256.Size]byte // of what the miner signed; names the answer
	Validator hotkey.ID         // who showed it
	Miner     hotkey.ID
	Task      string
	At        time.Time // of this validator's judging
	E         float64   // what it found, an e-value for an answer that nobody chose; the smaller of two, if it was judged again
	Test      string
	Reference string
	// Checked is how many of the pair's answers this validator had checked by then, given by the store.
	Checked int64
}

const (
	// AccusedFor is how long an accusation is looked into.
	AccusedFor = 24 * time.Hour
	// AccusedMemory is how long it is remembered at least which answers were shown: longer
	// than an answer may be shown, AccusedFor by the miner's clock, with room for clocks that differ.
	AccusedMemory = AccusedFor + time.Hour
	// AccusedChecks is after how many own checks an accusation has been looked into: a
	// plain cheat is convicted within four.
	AccusedChecks = 20
)

// Open says whether an accusation is still to be looked into: it bears the
// validator's own judging, is not old, and not enough of the pair's answers were
// checked since.
func (a *Accusation) Open(now time.Time, checked int64) bool {
	return a.E >= judgement.Suspect && now.Sub(a.At) < AccusedFor && checked < a.Checked+AccusedChecks
}
