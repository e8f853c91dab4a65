package dispatch

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"vision/internal/hotkey"
	"vision/internal/task"
)

// A miner sees when requests come, one close upon another or long after it. A
// probe that came at an instant of its own would stand out. So it sets out with
// a customer's request that goes to another miner, as an escort:
//
//	customer's request ── pick ──► goes to B, as if there were no probes
//	                 └── pick again, by the same rule and the same state
//	                              └──► A: a tick for each probe that waits for A;
//	                                   one whose ticks are used up begins now
//
// Whom a request goes to is drawn, so at A the instants of what picked it and
// of what would have are drawn from the same: given when A is asked, and how busy it and
// all others are, whether a customer or a probe asks is a matter of chance. Picking
// again changes nothing for the customer.
//
// A request that picks A again after having gone there does not count, for two would
// come at once. That happens the more often the more A is preferred, which is made
// up for: a tick counts with a probability that is the smaller the rarer that is (even).

// Asked is the customer's request that an escort sets out with.
type Asked struct {
	Request task.Request
	Key     int64     // whose it is
	ID      string    // its own, which miners never see
	Miner   hotkey.ID // who serves it
}

// Escort is one of the validator's own requests that waits to set out.
type Escort struct {
	// Go yields once, when it is to begin at once: it is counted as begun.
	Go <-chan Escorted

	begin  chan Escorted
	ticks  float64 // still to come; guarded by the record's escorts
	record *record
	usual  *usual
}

// Escorted is a request of the validator's own that has begun, and with what.
type Escorted struct {
	Begun Begun
	With  Asked
}

// escorts are those that wait for one contender.
type escorts struct {
	waiting atomic.Int64 // len(list), to be read without the lock

	mu   sync.Mutex // guards list
	list []*Escort  // the oldest first
}

const (
	// escortPicks is how often a request picks again. More give escorts to more probes.
	escortPicks = 4
	// escortPart is which part of the time that a probe may wait it is to wait, on average.
	escortPart = 0.25
	// escortFew is how many ticks are to be expected in the time that it may
	// wait, so that waiting is worth while.
	escortFew = 6
)

// Escort has a request of the validator's own wait for a customer's to set out
// with, usually for less than within. e is drawn from an exponential distribution
// of mean 1, so that which of customers' requests it is does not depend on the one before. It is nil where
// customers' requests are too few, or there is one contender alone. Who waits must Leave.
func (b *Board) Escort(name string, miner hotkey.ID, now time.Time, within time.Duration, e float64) *Escort {
	f := b.now.Load().fields[name]
	if f == nil || len(f.seats) < 2 {
		return nil
	}
	s, ok := f.find(miner)
	if !ok {
		return nil
	}
	gap, last := s.record.rhythm.mean()
	if gap <= 0 || now.UnixNano()-last > int64(within) {
		return nil
	}
	expected := escortPicks * f.never() * float64(within) / float64(gap)
	if expected < escortFew {
		return nil
	}
	w := &Escort{begin: make(chan Escorted, 1), ticks: escortPart * expected * e, record: s.record, usual: f.usual}
	w.Go = w.begin
	l := &s.record.escorts
	l.mu.Lock()
	defer l.mu.Unlock()
	l.list = append(l.list, w)
	l.waiting.Store(int64(len(l.list)))
	f.usual.escorts.Add(1)
	return w
}

// Hurry has it set out with the next request that it can.
func (w *Escort) Hurry() {
	w.record.escorts.mu.Lock()
	defer w.record.escorts.mu.Unlock()
	w.ticks = 0
}

// Leave ends the waiting. If the request was counted as begun meanwhile, it has
// to be made all the same, or ended.
func (w *Escort) Leave() (Escorted, bool) {
	l := &w.record.escorts
	l.mu.Lock()
	l.remove(w)
	l.mu.Unlock()
	select {
	case x := <-w.begin:
		return x, true
	default:
		return Escorted{}, false
	}
}

// remove takes one that waits off the list, if it is on it. It is called with mu held.
func (l *escorts) remove(w *Escort) {
	for i, other := range l.list {
		if other == w {
			l.list = append(l.list[:i], l.list[i+1:]...)
			l.waiting.Store(int64(len(l.list)))
			w.usual.escorts.Add(-1)
			return
		}
	}
}

// AcquireFirst is AcquireNear for the first attempt of a customer's request, which
// probes that wait may set out with. For the request itself it makes no difference.
func (b *Board) AcquireFirst(name string, stream bool, now time.Time, u1, u2 uint64, prefix uint64, a Asked) (*Seat, time.Duration) {
	f := b.now.Load().fields[name]
	if f == nil || f.usual.escorts.Load() == 0 {
		return b.AcquireNear(name, stream, now, u1, u2, nil, prefix)
	}
	q := query{now: now.UnixNano(), stream: stream, usual: f.usual}
	var also [escortPicks]int
	v := mix(u1 ^ u2<<1)
	n := 0
	for range escortPicks { // before the request counts as begun, and so by what it finds itself
		v1, v2, v3 := mix(v), mix(v+1), mix(v+2)
		v = mix(v + 3)
		i := f.pick(&q, v1, v2)
		if i < 0 || f.seats[i].standing(&q) != Ready || f.seats[i].record.escorts.waiting.Load() == 0 {
			continue
		}
		if float64(v3>>11)/(1<<53) < f.even(&q, i) {
			also[n] = i
			n++
		}
	}
	s, wait := b.AcquireNear(name, stream, now, u1, u2, nil, prefix)
	if s == nil {
		return s, wait
	}
	a.Miner = s.Miner
	for k, i := range also[:n] {
		e := &f.seats[i]
		if e.Miner == s.Miner || slices.Contains(also[:k], i) {
			continue
		}
		times := 0
		for _, j := range also[k:n] {
			if j == i {
				times++
			}
		}
		f.tick(e, times, a) // one at most begins
	}
	return s, wait
}

// even is the probability with which a tick counts at a seat, so that they come
// in proportion to how often it is picked.
func (f *field) even(q *query, at int) float64 {
	all, most, dearer, equal := uint64(0), uint64(0), uint64(0), uint64(0) // sums of shares, of those that are Ready
	cost := Cost(f.seats[at].state(q))
	for i := range f.seats {
		s := &f.seats[i]
		if s.standing(q) != Ready {
			continue
		}
		share := f.shares.of(i)
		all, most = all+share, max(most, share)
		if i != at {
			switch c := Cost(s.state(q)); {
			case c > cost:
				dearer += share
			case c == cost:
				equal += share
			}
		}
	}
	own := f.shares.of(at)
	if all <= own {
		return 0
	}
	// Of all pairs it is picked in: with itself, with any dearer one, and first in those with an equal one.
	x := 1 / float64(all)
	picked := float64(own) * x * float64(own+2*dearer+equal) * x
	return never(float64(most)*x) / (1 - picked)
}

// never is the chance that a request does not go to the one that has most of the shares, if it is preferred to all.
func (f *field) never() float64 {
	most := uint64(0)
	for i := range f.shares {
		most = max(most, f.shares.of(i))
	}
	return never(float64(most) / float64(f.shares[len(f.shares)-1]))
}

// never is the chance that a request does not go to a seat that is preferred to all and has such a part of the shares.
func never(part float64) float64 { return (1 - part) * (1 - part) }

// tick counts a request, picked so many times, for all that wait at a seat, and lets one
// begin whose time has come, if a slot is free.
func (f *field) tick(s *Seat, times int, a Asked) {
	l := &s.record.escorts
	l.mu.Lock()
	defer l.mu.Unlock()
	var goes *Escort
	for _, w := range l.list {
		if w.ticks -= float64(times); goes == nil && w.ticks <= 0 {
			goes = w
		}
	}
	if goes == nil {
		return
	}
	begun, ok := s.own(f.usual, true)
	if !ok {
		return
	}
	l.remove(goes)
	goes.begin <- Escorted{Begun: begun, With: a}
}
