package gateway

import (
	"context"
	"errors"
	"runtime/debug"
	"sync"
	"time"

	"vision/internal/dispatch"
	"vision/internal/fault"
	"vision/internal/outcome"
	"vision/internal/relay"
)

// race is a try that becomes two if the first miner is late: then a second is
// asked as well, and the first to speak (the first output of a stream, a whole
// answer otherwise) is the one whose answer the customer gets. The other is
// cancelled, as by a customer that leaves.
//
//	             late, capacity and budget to spare
//	first asked ───────────────────────────────────► second asked
//	     │                                                │
//	     └── speaks: the second is cancelled              └── speaks: the first is cancelled
//
// The first runs on the exchange's goroutine, the second on its timer's. Until
// somebody has spoken neither touches the exchange, then only who spoke; the
// exchange goes on when both have ended.
type race struct {
	x    *exchange
	lane *lane
	by   time.Time // the request's own deadline

	mu     sync.Mutex    // guards the rest, and x.asked until both have ended
	winner *racer        // nil: nobody has spoken
	over   bool          // the first has ended, so no second begins
	done   chan struct{} // closed when the second has ended; nil: none has begun
	first  racer
	second racer
}

// racer is one of the two. It is the relay's Sink.
type racer struct {
	race   *race
	seat   *dispatch.Seat
	cancel context.CancelCauseFunc
	call   *relay.Call
	answer *relay.Answer
	spoke  bool // it is the winner; its own goroutine's
}

// errOutrun ends the attempt of a miner when another was first.
var errOutrun = errors.New("another miner was first")

// late is how long a miner has before a second is asked as well; 0 is for ever.
func (x *exchange) late(l *lane) time.Duration {
	if l.hedges == nil || x.call.Last {
		return 0
	}
	late := x.g.Board.Late(x.call.Task.Name, x.call.Request.Stream(), x.call.Request.Work())
	if late > x.call.FirstBy.Sub(x.asking)-least {
		return 0 // then it is given up, and another asked anyway
	}
	return late
}

// raced makes a try that becomes two when the miner is late. Afterwards x.call
// and x.answer are those of the try that the customer gets, or of the second
// if both came to nothing; the other has been noted.
func (x *exchange) raced(seat *dispatch.Seat, d deadlines, l *lane, by time.Time, late time.Duration) {
	r := &race{x: x, lane: l, by: by}
	ctx, cancel := context.WithCancelCause(x.r.Context())
	defer cancel(nil)
	r.first = racer{race: r, seat: seat, cancel: cancel, call: &x.call, answer: &x.answer}
	timer := time.AfterFunc(late, r.hedge)
	defer r.wait(true) // in a panic
	x.try(ctx, seat, d, &x.call, &x.answer, &r.first)
	timer.Stop()
	if !r.wait(false) {
		return
	}
	x.event.Hedged = true
	x.call.Last = x.call.Last || r.second.call.Last
	if r.winner == &r.first {
		x.count(r.second.answer)
		x.entries = append(x.entries, relay.Entry(r.second.call, r.second.answer, false))
		return
	}
	x.tell(r.second.seat)
	x.event.Outrun = r.winner != nil
	x.count(&x.answer)
	x.note(false)
	r.second.call.Last = x.call.Last
	x.call, x.answer = *r.second.call, *r.second.answer
}

// wait returns when nothing of the second is under way, and says whether there
// was one. At once says to cancel it.
func (r *race) wait(atOnce bool) bool {
	r.mu.Lock()
	r.over = true
	done := r.done
	r.mu.Unlock()
	if done == nil {
		return false
	}
	if atOnce {
		r.second.cancel(errOutrun)
	}
	<-done
	return true
}

// hedge asks a second miner, if that is still of use and there is one to spare.
func (r *race) hedge() {
	x, g := r.x, r.x.g
	now := g.Now()
	r.mu.Lock()
	if r.over || r.winner != nil || r.by.Sub(now) < least || !r.lane.hedges.Spend(now) {
		r.mu.Unlock()
		return
	}
	first := r.first.call
	t := first.Task
	seat := g.Board.AcquireSpare(t.Name, first.Request.Stream(), now, g.Random(), g.Random(), x.asked)
	if seat == nil {
		r.lane.hedges.GiveBack()
		r.mu.Unlock()
		return
	}
	ctx, cancel := context.WithCancelCause(x.r.Context())
	defer cancel(nil)
	r.done = make(chan struct{})
	defer close(r.done)
	call := *first
	call.Try = len(x.asked)
	x.asked = append(x.asked, seat.Miner)
	call.Last = len(x.asked) >= g.Limits.Tries || !g.Board.Another(t.Name, now, x.asked)
	d := deadlinesOf(now, r.by, t, call.Kind, call.Request, call.Last)
	call.FirstBy, call.By = d.firstBy, d.by
	x.aim(&call, seat)
	r.second = racer{race: r, seat: seat, cancel: cancel, call: &call, answer: new(relay.Answer)}
	r.mu.Unlock()
	defer func() {
		if p := recover(); p != nil { // the first may do well, and has the exchange
			g.Log.Error("a bug: asking a second miner panicked", "id", x.id, "panic", p, "stack", string(debug.Stack()))
			o := &r.second.answer.Outcome
			o.Request, o.Try, o.Key, o.Start, o.Stream = call.ID, call.Try, call.Key, now, call.Request.Stream()
			o.Status, o.Reason = outcome.Ours, "panic"
			r.second.answer.Err = fault.New(fault.Internal, "panic", "%v", p)
		}
	}()
	x.try(ctx, seat, d, &call, r.second.answer, &r.second)
}

// speak makes a racer the winner, if nobody is it yet, and says whether it is.
func (r *racer) speak() bool {
	if r.spoke {
		return true
	}
	c := r.race
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.winner != nil {
		return false
	}
	c.winner, r.spoke = r, true
	other := &c.first
	if r == other {
		other = &c.second
	}
	if other.cancel != nil {
		other.cancel(errOutrun)
	}
	if c.done != nil {
		c.x.tell(r.seat)
	}
	return true
}

// Events implements relay.Sink.
func (r *racer) Events(p []byte) error {
	if !r.speak() {
		return errOutrun
	}
	return r.race.x.Events(p)
}

// settle looks at how the attempt ended: a good whole answer speaks, and who
// was not first has not failed for that.
func (r *racer) settle(a *relay.Answer) {
	o := &a.Outcome
	switch {
	case r.spoke, o.Status == outcome.OK && r.speak():
	case o.Status == outcome.OK, o.Status == outcome.Canceled && r.outrun():
		o.Status, o.Reason = outcome.Canceled, outcome.Hedged
		if a.Started = false; !o.Stream {
			a.Body, a.Kept = nil, nil // what is kept of an attempt that is cancelled is part of a stream
		}
		a.Err = fault.Wrap(errOutrun, fault.Canceled, "canceled", "The request was cancelled.")
	}
}

// outrun says whether the other has spoken.
func (r *racer) outrun() bool {
	r.race.mu.Lock()
	defer r.race.mu.Unlock()
	return r.race.winner != nil && r.race.winner != r
}
