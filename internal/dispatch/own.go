package dispatch

import (
	"sync/atomic"
	"time"

	"vision/internal/hotkey"
	"vision/internal/outcome"
)

// Begun is one of the validator's own requests under way. It belongs to the
// record that it was counted in, whoever contends when it ends.
type Begun struct {
	Spent bool // we have used up the miner's capacity, so that it may well answer 429

	record *record
	load   *atomic.Int64 // that it was counted in as well; nil: none
}

// TryBegin counts one of the validator's own requests as begun, which somebody
// else chose the miner for. It says no if customers' requests take slots that
// this one needs: a refusal would be our doing. Where the validator's own alone
// take all slots, the miner is asked all the same: they are no more than it
// declared, and one that is too slow for them has to show it. But not one that
// was put off before, and so comes at a time of our making: with free, it says
// no unless a slot is free.
// A contender that the Board does not know yet is asked, and counted against
// its slots once it is known.
func (b *Board) TryBegin(task string, miner hotkey.ID, free bool) (Begun, bool) {
	s, u := b.lookup(task, miner)
	if s == nil {
		var r *record
		if s, u, r = b.recordBefore(task, miner); s == nil {
			r.inFlight.Add(1)
			r.probes.Add(1)
			return Begun{record: r}, true
		}
	}
	return s.own(u, free)
}

// own counts one of the validator's own requests as begun at a seat, if TryBegin may.
func (s *Seat) own(u *usual, free bool) (Begun, bool) {
	r := s.record
	// Nor while a beacon's requests take them, which are more than are asked at other times.
	burst := s.bursting()
	if n := r.inFlight.Add(1) + s.elsewhere(); s.Slots > 0 && n+burst > s.Slots && (free || burst > 0 || r.probes.Load() < s.Slots) {
		lower(&r.inFlight)
		return Begun{}, false
	}
	r.probes.Add(1)
	u.load.Add(1)
	return Begun{Spent: s.spent(u), record: r, load: &u.load}, true
}

// recordBefore gives the record of a contender that is not on the Board, or
// its seat if it is by now.
func (b *Board) recordBefore(task string, miner hotkey.ID) (*Seat, *usual, *record) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if s, u := b.lookup(task, miner); s != nil {
		return s, u, nil
	}
	p := pair{task, miner}
	r := b.gone[p]
	if r == nil {
		r = b.newRecord(p)
		b.gone[p] = r
	}
	return nil, nil, r
}

// Ended ends what TryBegin began, once, and learns from how it ended.
func (b *Board) Ended(p Begun, o outcome.Outcome, retryAfter time.Duration) {
	lower(&p.record.probes)
	if p.load != nil {
		lower(p.load)
	}
	b.end(p.record, &o, retryAfter)
}
