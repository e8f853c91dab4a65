package dispatch

import (
	"sync"
	"sync/atomic"
	"time"

	"vision/internal/hotkey"
)

// A validator may serve customers through several processes, each with a Board of
// its own, and ask at beacons from one of them. That one's Board is told of the customers'
// requests that are under way through the others:
//
//	gateway's Board ── Follow, Changed ──► (package sibling) ──► Elsewhere ── scorer's Board
//
// There they are to beacons and probes what its own customers' requests are: they take slots, and one that begins breaks
// off a beacon's. Picking does not see them: each gateway picks by what it knows itself.

// Under is how many customers' requests are under way at a contender through one process.
type Under struct {
	Task  string
	Miner hotkey.ID
	N     int64
}

// changes are the contenders of which the number of customers' requests under way has changed since that
// was last asked. Nothing is noted while nobody follows.
type changes struct {
	on   atomic.Bool
	wake chan struct{} // holds a token when list was empty and is not

	mu   sync.Mutex // guards list
	list []*record  // each once, as its changed says
}

// mark notes that a contender's number has changed.
func (c *changes) mark(r *record) {
	if c == nil || !c.on.Load() || r.changed.Swap(true) {
		return
	}
	c.mu.Lock()
	c.list = append(c.list, r)
	c.mu.Unlock()
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// Follow begins to note changes, for one who follows at a time: all contenders at which customers' requests are
// under way count as changed. wake yields when there are changes; stop ends it.
func (b *Board) Follow() (wake <-chan struct{}, stop func()) {
	c := &b.changes
	c.on.Store(true)
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, f := range b.now.Load().fields {
		for i := range f.seats {
			if r := f.seats[i].record; r.customers() > 0 {
				c.mark(r)
			}
		}
	}
	for _, r := range b.gone {
		if r.customers() > 0 {
			c.mark(r)
		}
	}
	return c.wake, func() {
		c.on.Store(false)
		_ = b.Changed(nil)
	}
}

// Changed appends to list what has changed since it was last called: the numbers of
// this moment, whatever they were meanwhile.
func (b *Board) Changed(list []Under) []Under {
	c := &b.changes
	c.mu.Lock()
	changed := c.list
	c.list = nil
	c.mu.Unlock()
	for _, r := range changed {
		r.changed.Store(false) // before it is read: what changes from here on is noted again
		list = append(list, Under{Task: r.of.task, Miner: r.of.miner, N: r.customers()})
	}
	return list
}

// customers is how many of their requests are under way through this process.
func (r *record) customers() int64 { return max(r.inFlight.Load()-r.probes.Load(), 0) }

// Elsewhere takes note that so many more customers' requests (fewer, if it is below 0) are under way at a
// contender through another process. Each that begins breaks off one of a beacon's, as one of this process does.
func (b *Board) Elsewhere(task string, miner hotkey.ID, more int64, now time.Time) {
	s, _ := b.lookup(task, miner)
	if s == nil {
		var r *record
		if s, _, r = b.recordBefore(task, miner); s == nil {
			r.elsewhere.Add(more)
			return
		}
	}
	under := s.record.elsewhere.Add(more) + s.InFlight()
	for ; more > 0 && s.bursting() > 0; more-- {
		s.preempt(under-more+1, now.UnixNano())
	}
}
