package sim

import (
	"math"

	"vision/internal/outcome"
)

// Pooling is what validators make of one another's checks.
type Pooling uint8

const (
	// Receipts is what the daemon does: validators show one another answers to requests of
	// their own that failed, and who is shown one checks all that the miner answers it for a while. What was
	// shown counts for nothing else.
	Receipts Pooling = iota
	// Apart is nothing at all.
	Apart
	// Pooled counts a check with every validator, as one of its own.
	Pooled
)

// How receipts are taken, as packages outcome, scorer and node have it.
const (
	lookedInto  = outcome.AccusedChecks             // own checks after which a pair has been looked into
	lookedFor   = float64(outcome.AccusedFor / 1e9) // seconds, if they do not come
	mostJudged  = 64                                // receipts of one peer that are judged in that time
	mostLooking = 8                                 // pairs that are looked into for one peer at a time
	asksPeers   = 8                                 // times a period that peers are asked for receipts
)

// look is what a contender is looked into for.
type look struct {
	from float64 // seconds; +Inf: nothing
	left int     // own checks still to come
	peer int32   // who showed it
}

var noLook = look{from: math.Inf(1)}

// shown is a receipt that a peer showed: when, and of which contender.
type shown struct {
	at float64
	of int32
}

// looking says whether all that a contender answers is checked.
func (s *Sim) looking(c *contender) bool {
	return c.look.left > 0 && s.now >= c.look.from && s.now < c.look.from+lookedFor
}

// show has the other validators see that a check of an answer to one's own request failed. They find what it
// found: the answer is the same, and so are their references.
func (s *Sim) show(c *contender) {
	every := s.world.Period / asksPeers
	from := math.Ceil(s.now/every) * every
	for v := range s.stakes {
		if int32(v) == c.validator {
			continue
		}
		of := s.contenderOf(c.seat, v)
		if other := &s.contenders[of]; !s.pending(other) && s.judges(v, c.validator, of, from) {
			other.look = look{from: from, left: lookedInto, peer: c.validator}
		}
	}
}

// pending says whether a contender is looked into, or is about to be.
func (s *Sim) pending(c *contender) bool { return c.look.left > 0 && s.now < c.look.from+lookedFor }

// judges says whether a validator judges a peer's receipt, which it does not if that peer has had its share of
// the day or showed this contender before.
func (s *Sim) judges(by int, peer, of int32, at float64) bool {
	list := &s.receipts[by*len(s.stakes)+int(peer)]
	kept, open := (*list)[:0], 0
	again := false
	for _, x := range *list {
		if at-x.at >= lookedFor {
			continue
		}
		kept = append(kept, x)
		again = again || x.of == of
		if c := &s.contenders[x.of]; c.look.peer == peer && s.pending(c) {
			open++
		}
	}
	*list = kept
	if again || len(kept) >= mostJudged || open >= mostLooking {
		return false
	}
	*list = append(kept, shown{at, of})
	return true
}
