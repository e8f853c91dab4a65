package dispatch

import (
	"cmp"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"vision/internal/hotkey"
	"vision/internal/outcome"
	"vision/internal/period"
)

// remember is for how many periods a contender's record is kept after it was
// last one, so that leaving for a while wipes nothing out.
const remember = 24

// Board is what is known of the current period's contenders. All methods are
// safe for any number of goroutines; only Set takes a lock, and TryBegin for a
// contender that is not on the Board.
type Board struct {
	now atomic.Pointer[snapshot]

	changes changes // of customers' requests under way, for who follows

	mu   sync.Mutex       // serialises Set; guards gone
	gone map[pair]*record // records of those who are not contenders now, or not yet
}

type pair struct {
	task  string
	miner hotkey.ID
}

// snapshot is one period's contenders. It does not change; what it points to does.
type snapshot struct {
	period int64
	start  time.Time
	fields map[string]*field
}

// field is the contenders of one task, ascending by miner.
type field struct {
	seats  []Seat
	shares Shares   // of the seats
	keys   []uint64 // of the seats' miners; see near
	usual  *usual   // outlives the period
}

func (f *field) find(miner hotkey.ID) (*Seat, bool) {
	i, ok := slices.BinarySearchFunc(f.seats, miner, func(s Seat, id hotkey.ID) int { return s.Miner.Compare(id) })
	if !ok {
		return nil, false
	}
	return &f.seats[i], true
}

// NewBoard makes a Board without contenders.
func NewBoard() *Board {
	b := &Board{gone: map[pair]*record{}}
	b.changes.wake = make(chan struct{}, 1)
	b.now.Store(&snapshot{period: -1})
	return b
}

// Period is the id of the period on the Board, -1 before the first.
func (b *Board) Period() int64 { return b.now.Load().period }

// Set puts a period's contenders on the Board in place of all others. Records
// and loads go on; used capacity starts anew if the period is another one.
// Contenders without capacity or address are left out.
func (b *Board) Set(p period.Period, contenders []period.Contender) {
	b.mu.Lock()
	defer b.mu.Unlock()
	old := b.now.Load()
	next := &snapshot{period: p.ID, start: p.Start, fields: map[string]*field{}}
	for _, c := range contenders {
		if c.Capacity <= 0 || c.Addr == "" {
			continue
		}
		f := next.fields[c.Task]
		if f == nil {
			f = &field{usual: new(usual)}
			if o := old.fields[c.Task]; o != nil {
				f.usual = o.usual
			}
			next.fields[c.Task] = f
		}
		f.seats = append(f.seats, Seat{Miner: c.Miner, Addr: c.Addr, UID: c.UID, Capacity: c.Capacity, Slots: int64(c.Slots)})
	}
	anew := p.ID != old.period
	for name, f := range next.fields {
		slices.SortStableFunc(f.seats, func(a, b Seat) int { return cmp.Or(a.Miner.Compare(b.Miner), cmp.Compare(a.Addr, b.Addr)) })
		f.seats = slices.CompactFunc(f.seats, func(a, b Seat) bool { return a.Miner == b.Miner })
		f.keys = make([]uint64, len(f.seats))
		slots := make([]int64, len(f.seats))
		for i := range f.seats {
			s := &f.seats[i]
			s.usual, f.keys[i], slots[i] = f.usual, keyOf(s.Miner), s.Slots
			s.record = b.recordOf(old, name, s.Miner)
			s.record.absent = 0
			if anew {
				s.record.used.Store(0)
				s.record.whole.Store(0)
			}
		}
		f.shares = SharesOf(slots)
	}
	b.retire(old, next, anew)
	b.now.Store(next)
}

// recordOf finds the record of a contender, now or formerly one, or starts it.
func (b *Board) recordOf(old *snapshot, task string, miner hotkey.ID) *record {
	if f := old.fields[task]; f != nil {
		if s, ok := f.find(miner); ok {
			return s.record
		}
	}
	if r, ok := b.gone[pair{task, miner}]; ok {
		delete(b.gone, pair{task, miner})
		return r
	}
	return b.newRecord(pair{task, miner})
}

// newRecord starts one that tells of its changes.
func (b *Board) newRecord(of pair) *record {
	r := newRecord()
	r.of, r.changes = of, &b.changes
	return r
}

// retire keeps the records of contenders that are none any more, for a while.
func (b *Board) retire(old, next *snapshot, anew bool) {
	if anew {
		for p, r := range b.gone {
			if r.absent++; r.absent > remember {
				delete(b.gone, p)
			}
		}
	}
	for name, f := range old.fields {
		now := next.fields[name]
		for i := range f.seats {
			s := &f.seats[i]
			if now != nil {
				if _, still := now.find(s.Miner); still {
					continue
				}
			}
			b.gone[pair{name, s.Miner}] = s.record
		}
	}
}

// Overloaded says whether a 429 to a request just acquired would be our doing:
// the miner has more of our requests than it declared slots, with those that
// were broken off just now, or they use up its capacity without this one.
func (b *Board) Overloaded(task string, s *Seat, now time.Time) bool {
	f := b.now.Load().fields[task]
	return f != nil && s.spent(f.usual) ||
		s.Slots > 0 && s.InFlight()+s.elsewhere()+s.bursting()+s.record.bursts.lingering(now.UnixNano()) > s.Slots
}

// Replay learns from an outcome of the past, after a restart: it touches no load.
func (b *Board) Replay(o outcome.Outcome) {
	if s, u := b.lookup(o.Task, o.Miner); s != nil {
		b.charge(s.record, &o)
		s.record.note(&o, u, 0)
	}
}

func (b *Board) end(r *record, o *outcome.Outcome, retryAfter time.Duration) {
	lower(&r.inFlight)
	r.changes.mark(r)
	b.charge(r, o)
	if f := b.now.Load().fields[o.Task]; f != nil {
		r.note(o, f.usual, retryAfter)
	} else {
		r.note(o, new(usual), retryAfter)
	}
}

// lower counts one down, never below 0.
func lower(count *atomic.Int64) {
	for {
		n := count.Load()
		if n <= 0 || count.CompareAndSwap(n, n-1) {
			return
		}
	}
}

// charge takes an answer's work off the period's capacity. What a miner served
// of an answer that failed or that nobody waited for is used up as well.
func (b *Board) charge(r *record, o *outcome.Outcome) {
	if o.Status != outcome.Ours && o.Work > 0 && !o.Start.Before(b.now.Load().start) {
		r.used.Add(o.Work)
		if o.Status == outcome.OK {
			r.whole.Add(o.Work)
		}
	}
}

func (b *Board) lookup(task string, miner hotkey.ID) (*Seat, *usual) {
	f := b.now.Load().fields[task]
	if f == nil {
		return nil, nil
	}
	s, _ := f.find(miner)
	return s, f.usual
}
