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
	seats []Seat
	keys  []uint64 // of the seats' miners; see near
	usual *usual   // outlives the period
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
		for i := range f.seats {
			s := &f.seats[i]
			s.usual, f.keys[i] = f.usual, keyOf(s.Miner)
			s.record = b.recordOf(old, name, s.Miner)
			s.record.absent = 0
			if anew {
				s.record.used.Store(0)
				s.record.whole.Store(0)
			}
		}
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
	return newRecord()
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
		i := pick(f.seats, &q, u1, u2)
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
	s.preempt(n, q.now)
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
	if n := r.inFlight.Add(1); s.Slots > 0 && n+burst > s.Slots && (free || burst > 0 || r.probes.Load() < s.Slots) {
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
		r = newRecord()
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

// Overloaded says whether a 429 to a request just acquired would be our doing:
// the miner has more of our requests than it declared slots, with those that
// were broken off just now, or they use up its capacity without this one.
func (b *Board) Overloaded(task string, s *Seat, now time.Time) bool {
	f := b.now.Load().fields[task]
	return f != nil && s.spent(f.usual) ||
		s.Slots > 0 && s.InFlight()+s.bursting()+s.record.bursts.lingering(now.UnixNano()) > s.Slots
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

// Supply is what a task's miners can give now.
type Supply struct {
	Miners   int     // contenders with capacity
	Ready    int     // those that may be asked now
	Slots    int64   // requests that Ready miners would take now, of those that say
	Capacity int64   // units, all of the period
	Left     int64   // units, what is left of it
	First    float64 // average seconds to a stream's first output; 0 is unknown
	Pace     float64 // average seconds per unit of a whole answer; 0 is unknown
}

// Supply sums a task up.
func (b *Board) Supply(task string, now time.Time) Supply {
	var sum Supply
	f := b.now.Load().fields[task]
	if f == nil {
		return sum
	}
	q := query{now: now.UnixNano(), usual: f.usual}
	sum.First, sum.Pace = f.usual.first.value(), f.usual.pace.value()
	for i := range f.seats {
		s := &f.seats[i]
		sum.Miners++
		sum.Capacity += s.Capacity
		sum.Left += max(s.Capacity-s.Used(), 0)
		if s.standing(&q) == Ready {
			sum.Ready++
			if s.Slots > 0 {
				sum.Slots += s.Slots - s.InFlight()
			}
		}
	}
	return sum
}

// Seats calls f for each contender of a task, ascending by miner.
func (b *Board) Seats(task string, f func(*Seat)) {
	if field := b.now.Load().fields[task]; field != nil {
		for i := range field.seats {
			f(&field.seats[i])
		}
	}
}

// Trips is how many breakers have opened in a task so far.
func (b *Board) Trips(task string) int64 {
	if f := b.now.Load().fields[task]; f != nil {
		return f.usual.trips.Load()
	}
	return 0
}
