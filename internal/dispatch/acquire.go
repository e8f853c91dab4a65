package dispatch

import (
	"time"

	"vision/internal/hotkey"
	"vision/internal/outcome"
)

// Acquire picks who is asked and counts the request as begun. It gives nil
// when nobody may be asked now, with how long to wait before asking again.
// u1 and u2 are uniform random numbers; tried are the miners not to pick.
func (b *Board) Acquire(task string, stream bool, now time.Time, u1, u2 uint64, tried []hotkey.ID) (*Seat, time.Duration) {
	return b.AcquireNear(task, stream, now, u1, u2, tried, 0)
}

// AcquireNear is Acquire for a request whose prompt begins with a prefix, by a
// secret hash of it: it prefers the miner that was asked for the same prefix
// before, whose cache may hold it (see near). 0 stands for none.
func (b *Board) AcquireNear(task string, stream bool, now time.Time, u1, u2 uint64, tried []hotkey.ID, prefix uint64) (*Seat, time.Duration) {
	f := b.now.Load().fields[task]
	if f == nil {
		return nil, refusedMax
	}
	q := query{now: now.UnixNano(), stream: stream, usual: f.usual, tried: tried}
	for races := 0; ; races++ {
		i := f.pick(&q, u1, u2)
		if i < 0 {
			return nil, f.opens(&q)
		}
		if prefix != 0 && len(f.seats) > 1 {
			if j := f.near(&q, prefix, Cost(f.seats[i].state(&q))); j >= 0 {
				i = j
			}
		}
		if s := &f.seats[i]; f.begin(s, &q, races >= mostRaces) {
			return s, 0
		}
		u1, u2 = mix(u1), mix(u2) // another request was first
	}
}

// mostRaces is how often another miner is looked for because others became
// trials first. Then whoever is picked is asked: it is the least bad.
const mostRaces = 4

// begin counts a request at a seat as begun, if it may begin: a slot is free,
// and a trial, if one is due, is not another request; anyway does not mind.
func (f *field) begin(s *Seat, q *query, anyway bool) bool {
	n := s.record.inFlight.Add(1)
	if s.Slots > 0 && n > s.Slots || !s.record.breaker.admit(q.now) && !anyway {
		s.record.inFlight.Add(-1)
		return false
	}
	s.preempt(n+s.elsewhere(), q.now)
	s.record.changes.mark(s.record)
	s.record.rhythm.beat(q.now)
	f.usual.load.Add(1)
	return true
}

// Another says whether somebody may be asked besides the miners tried.
func (b *Board) Another(task string, now time.Time, tried []hotkey.ID) bool {
	f := b.now.Load().fields[task]
	if f == nil {
		return false
	}
	q := query{now: now.UnixNano(), usual: f.usual, tried: tried}
	for i := range f.seats {
		if f.seats[i].standing(&q) != Closed && !q.excludes(&f.seats[i]) {
			return true
		}
	}
	return false
}

// opens is how long until a Closed candidate may be asked again, at least a second.
func (f *field) opens(q *query) time.Duration {
	wait := int64(refusedMax)
	for i := range f.seats {
		if s := &f.seats[i]; !q.excludes(s) {
			wait = min(wait, s.record.refused.Load()-q.now)
		}
	}
	return max(time.Duration(wait), time.Second)
}

// Release ends what Acquire began and learns from how it ended. retryAfter is
// what the miner said with a 429; 0 if it said nothing.
func (b *Board) Release(s *Seat, o outcome.Outcome, retryAfter time.Duration) {
	lower(&s.usual.load)
	b.end(s.record, &o, retryAfter)
}
