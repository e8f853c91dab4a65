package dispatch

import (
	"math"
	"time"

	"vision/internal/hotkey"
)

// Seat is a contender's place on the Board: what the period says of it, and
// its record. Its fields do not change.
type Seat struct {
	Miner    hotkey.ID
	Addr     string // host:port
	UID      uint16
	Capacity int64 // units this period, > 0
	Slots    int64 // requests at once; 0 is unknown

	record *record
	usual  *usual // its task's, as long as the seat is on the Board
}

// InFlight is how many requests it is serving for us.
func (s *Seat) InFlight() int64 { return max(s.record.inFlight.Load(), 0) }

// elsewhere is how many of customers' requests it is serving for us through other processes.
func (s *Seat) elsewhere() int64 { return max(s.record.elsewhere.Load(), 0) }

// Used is how many units it has served us this period.
func (s *Seat) Used() int64 { return s.record.used.Load() }

// left is the share of capacity left, with what requests under way will
// probably use taken off. Negative when overdrawn.
func (s *Seat) left(u *usual) float64 {
	used := float64(s.record.used.Load()) + float64(s.InFlight())*u.work.value()
	return 1 - used/float64(s.Capacity)
}

// spent says whether its capacity is used up by what it has served and what
// requests under way will probably use, all but one of them: the one that is asked about.
func (s *Seat) spent(u *usual) bool {
	return float64(s.record.whole.Load())+float64(max(s.InFlight()-1, 0))*u.work.value() >= float64(s.Capacity)
}

// Name is the miner's address as text, worked out once.
func (s *Seat) Name() string {
	if name := s.record.name.Load(); name != nil {
		return *name
	}
	name := s.Miner.String()
	s.record.name.Store(&name)
	return name
}

// Breaker is the state of its breaker in the task.
func (s *Seat) Breaker(now time.Time) BreakerState { return s.record.breaker.state(now.UnixNano()) }

func (s *Seat) full() bool { return s.Slots > 0 && s.record.inFlight.Load() >= s.Slots }

func (s *Seat) standing(q *query) Standing {
	r := s.record
	switch {
	case r.refused.Load() > q.now || s.full():
		return Closed
	case r.breaker.holds(q.now):
		return Tripped
	case s.left(q.usual) <= 0:
		return Spare
	}
	return Ready
}

// state is the seat as Cost sees it. What was measured long ago fades: a slow
// time towards what is usual, a low success towards the prior, so that who has
// recovered is found out.
func (s *Seat) state(q *query) State {
	r := s.record
	mine, usually := r.pace.Load(), q.usual.pace.value()
	if q.stream {
		mine, usually = r.first.Load(), q.usual.first.value()
	}
	if usually == 0 {
		usually = noWait
	}
	idle := float64(max(q.now-r.seen.Load(), 0))
	fresh := float64(forgetAfter) / (float64(forgetAfter) + idle)
	wait := usually * priorWait
	if mine != 0 {
		wait = usually + (math.Float64frombits(mine)-usually)*fresh
	}
	success := math.Float64frombits(r.success.Load())
	if success < priorSuccess {
		success = priorSuccess + (success-priorSuccess)*fresh
	}
	return State{Wait: wait, Success: success, InFlight: s.InFlight(), Slots: s.Slots, Left: s.left(q.usual)}
}
