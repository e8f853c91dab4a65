package dispatch

import (
	"sync"
	"sync/atomic"
	"time"

	"vision/internal/hotkey"
	"vision/internal/outcome"
)

// kept is how many of a miner's slots a burst leaves to customers' requests: one
// in 16, so none of fewer. What a burst does not ask for is paid all the same, so it
// must be little; where none is kept, a customer's request breaks one of the burst off.
func kept(slots int64) int64 { return slots / 16 }

// bursts are a miner's requests of a beacon that are under way in a task.
//
// They take no place from customers' requests: those don't see them when a miner
// is picked, and one that begins and leaves fewer slots than are kept for the next
// breaks one of them off, at once. So a customer's request finds a slot that
// is free already, while the one that was broken off makes room for another.
// A miner takes a moment to notice that, and until then serves it all the same.
type bursts struct {
	n        atomic.Int64 // of list; read without the lock
	breaking atomic.Int64 // broken off, and not ended yet
	broken   atomic.Int64 // broken off since a time when none had been for a while
	brokeAt  atomic.Int64 // when the last was broken off or ended so, Unix nanoseconds
	mu       sync.Mutex   // guards list; held where the counts above change
	// The newest is last, and the first to be broken off: it has cost the miner least.
	list []*Burst
}

// Lingers is for how long a miner may still be serving what was broken off.
const Lingers = time.Second

// lingering is how many requests that were broken off a miner may still be
// serving at a time in Unix nanoseconds: never fewer than it does.
func (l *bursts) lingering(now int64) int64 {
	n := l.breaking.Load()
	if now-l.brokeAt.Load() < int64(Lingers) {
		n = max(n, l.broken.Load())
	}
	return n
}

// Burst is one of the validator's own requests under way that a beacon asked for.
type Burst struct {
	record    *record
	stop      func()
	preempted atomic.Bool
}

// Preempted says that a customer's request took its slot: whatever became of it
// was our doing.
func (p *Burst) Preempted() bool { return p.preempted.Load() }

// Room is what a beacon finds at a contender.
type Room struct {
	Customers int // their requests under way there
	Free      int // how many requests of a burst may be sent; a large number if nobody knows
}

// unbounded is Room.Free of a contender that says nothing of its slots.
const unbounded = 1 << 30

// Room says what a beacon finds. ok is false for a contender that is not on the Board.
func (b *Board) Room(task string, miner hotkey.ID) (r Room, ok bool) {
	s, _ := b.lookup(task, miner)
	if s == nil {
		return Room{}, false
	}
	under, own, elsewhere := s.InFlight(), s.record.probes.Load(), s.elsewhere()
	r = Room{Customers: int(max(under-own, 0) + elsewhere), Free: unbounded}
	if s.Slots > 0 {
		r.Free = int(max(s.Slots-kept(s.Slots)-under-elsewhere-s.record.bursts.n.Load(), 0))
	}
	return r, true
}

// BeginBurst counts a request of a beacon as begun. stop breaks it off and must
// not block; it is called once at most. ok is false if there is no room for it.
func (b *Board) BeginBurst(task string, miner hotkey.ID, stop func()) (p *Burst, ok bool) {
	s, _ := b.lookup(task, miner)
	if s == nil {
		return nil, false
	}
	r := s.record
	p = &Burst{record: r, stop: stop}
	r.bursts.mu.Lock()
	defer r.bursts.mu.Unlock()
	if s.Slots > 0 && s.InFlight()+s.elsewhere()+int64(len(r.bursts.list)) >= s.Slots-kept(s.Slots) {
		return nil, false
	}
	r.bursts.list = append(r.bursts.list, p)
	r.bursts.n.Store(int64(len(r.bursts.list)))
	return p, true
}

// EndedBurst ends what BeginBurst began, once. What it served is taken off the
// capacity; nothing else is learned of it, for nobody asks so much at other times.
func (b *Board) EndedBurst(p *Burst, o outcome.Outcome) {
	list := &p.record.bursts
	list.mu.Lock()
	if p.Preempted() {
		list.breaking.Add(-1)
		list.brokeAt.Store(max(list.brokeAt.Load(), o.End().UnixNano()))
	} else {
		list.remove(p)
	}
	list.mu.Unlock()
	b.charge(p.record, &o)
}

// remove is called with mu held.
func (l *bursts) remove(p *Burst) {
	for i := range l.list {
		if l.list[i] == p {
			l.list = append(l.list[:i], l.list[i+1:]...)
			break
		}
	}
	l.n.Store(int64(len(l.list)))
}

// preempt breaks off a burst's request if a customer's, which has just begun as
// one of n under way, leaves fewer slots than are kept. now is in Unix nanoseconds.
func (s *Seat) preempt(n, now int64) {
	l := &s.record.bursts
	if l.n.Load() == 0 {
		return
	}
	l.mu.Lock()
	var last *Burst
	if m := len(l.list); m > 0 && (s.Slots == 0 || n+int64(m) > s.Slots-kept(s.Slots)) {
		last = l.list[m-1]
		last.preempted.Store(true)
		if l.lingering(now) == 0 {
			l.broken.Store(0)
		}
		l.breaking.Add(1)
		l.broken.Add(1)
		l.brokeAt.Store(max(l.brokeAt.Load(), now))
		l.remove(last)
	}
	l.mu.Unlock()
	if last != nil {
		last.stop()
	}
}

// bursting says whether a miner has a burst's requests under way in a task,
// so that its slots are fewer than they seem.
func (s *Seat) bursting() int64 { return s.record.bursts.n.Load() }
