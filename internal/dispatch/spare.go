package dispatch

import (
	"time"

	"vision/internal/hotkey"
	"vision/internal/outcome"
)

// spareLoad is the share of its slots, and spareLeft that of its capacity,
// that a miner must have free to be asked for what need not be asked.
const (
	spareLoad = 0.5
	spareLeft = 0.25
)

// Late is the time to the first output beyond which an answer is later than 19
// of 20 in its task: a stream's first output, or all of an answer of that much
// work. It is 0 while too little was seen to say so. Of a whole answer whose
// length is not known beforehand, give the most that it can be.
func (b *Board) Late(task string, stream bool, work int64) time.Duration {
	f := b.now.Load().fields[task]
	if f == nil {
		return 0
	}
	late := f.usual.firsts.value()
	if !stream {
		late = f.usual.paces.value() * float64(work)
	}
	return time.Duration(min(late, 1e6) * float64(time.Second))
}

// AcquireSpare is Acquire for a request that need not be made: it picks only
// among miners with much free, and gives nil if it meets none in a few draws.
func (b *Board) AcquireSpare(task string, stream bool, now time.Time, u1, u2 uint64, tried []hotkey.ID) *Seat {
	f := b.now.Load().fields[task]
	if f == nil || len(f.seats) == 0 {
		return nil
	}
	q := query{now: now.UnixNano(), stream: stream, usual: f.usual, tried: tried}
	s := f.idle(&q, u1)
	if other := f.idle(&q, u2); s == nil || other != nil && Cost(other.state(&q)) < Cost(s.state(&q)) {
		s = other
	}
	if s == nil || !f.begin(s, &q, false) {
		return nil
	}
	return s
}

// idle draws a seat with much free.
func (f *field) idle(q *query, u uint64) *Seat {
	for range draws {
		s := &f.seats[f.shares.Draw(u)]
		slots := s.Slots
		if slots <= 0 {
			slots = unknownSlots
		}
		if s.record.breaker.until.Load() == 0 && s.standing(q) == Ready && !q.excludes(s) &&
			float64(s.InFlight()+1) <= max(spareLoad*float64(slots), 1) && s.left(q.usual) >= spareLeft {
			return s
		}
		u = mix(u)
	}
	return nil
}

// noteHedged learns of an attempt that was given up because another miner,
// asked as well, spoke first. How long it would have taken is not known, but
// that it took at least so long is. Else those that are always outrun would
// seem as fast as in their best moments, and 19 of 20 ever earlier.
func (r *record) noteHedged(o *outcome.Outcome, u *usual) {
	if !o.Stream || o.FirstOutput > 0 || o.Total <= 0 {
		return
	}
	took := o.Total.Seconds()
	if took <= u.first.value() {
		return
	}
	r.first.Store(blend(r.first.Load(), took, recent))
	u.firsts.add(took)
}
