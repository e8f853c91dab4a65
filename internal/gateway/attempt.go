package gateway

import (
	"context"
	"time"

	"vision/internal/dispatch"
	"vision/internal/fault"
	"vision/internal/openai"
	"vision/internal/outcome"
	"vision/internal/proto"
	"vision/internal/relay"
	"vision/internal/task"
)

// attempts has the request answered, records what came of it, and answers.
func (x *exchange) attempts(t *task.Task, kind task.Kind, req task.Request) error {
	if task.Choices(req) > 1 {
		return x.several(t, kind, req)
	}
	if err := x.ask(t, kind, req); err != nil {
		return err
	}
	return x.finish(&x.call, &x.answer, x.entries)
}

// ask asks miners, one after another, until one has answered or none is to be
// asked any more. What came of it is in x.answer, or nobody could be asked.
func (x *exchange) ask(t *task.Task, kind task.Kind, req task.Request) error {
	g := x.g
	now := g.Now()
	by := now.Add(t.Timeouts.Total)
	call, answer := &x.call, &x.answer
	*call = relay.Call{
		ID: x.id, Key: x.event.Key, Source: outcome.Organic, Task: t, Kind: kind, Request: req,
		Payload: g.Relay.Payload(x.id, req, t),
	}
	if len(call.Payload) > proto.MaxRequest {
		return fault.New(fault.TooLarge, "request_too_large", "The request, with its pictures, has more than the %d bytes that miners are sent.", proto.MaxRequest)
	}
	stream := req.Stream()
	lane := g.lanes.of(t.Name, &g.Routing)
	lane.earn(now)
	x.asked = x.tried[:0]
	prefix := g.Routing.prefix(req)
	var seat *dispatch.Seat
	var wait time.Duration
	if x.choice == nil {
		seat, wait = g.Board.AcquireFirst(t.Name, stream, now, g.Random(), g.Random(), prefix,
			dispatch.Asked{Request: req, Key: x.event.Key, ID: x.id})
	} else { // another answer to it may be asked of whoever was given a probe like it
		seat, wait = g.Board.AcquireNear(t.Name, stream, now, g.Random(), g.Random(), nil, prefix)
	}
	if seat == nil {
		return nobody(t, wait)
	}
	for {
		call.Try = len(x.asked)
		x.asked = append(x.asked, seat.Miner)
		more := len(x.asked) < g.Limits.Tries && g.Board.Another(t.Name, now, x.asked)
		starved := more && !lane.retries.Has(now)
		call.Last = !more || starved
		d := deadlinesOf(now, by, t, kind, req, call.Last)
		call.FirstBy, call.By = d.firstBy, d.by
		x.asking = now
		x.tell(seat)
		x.aim(call, seat)
		if late := x.late(lane); late > 0 {
			x.raced(seat, d, lane, by, late)
		} else {
			x.try(x.r.Context(), seat, d, call, answer, nil)
		}
		now = g.Now()
		x.waited, x.asking = x.waited+now.Sub(x.asking), time.Time{}
		x.count(answer)
		var next *dispatch.Seat
		if x.another(answer) && by.Sub(now) >= least {
			switch {
			case starved, !call.Last && !lane.retries.Spend(now):
				x.event.Denied = true
			case !call.Last:
				if next, _ = g.Board.AcquireNear(t.Name, stream, now, g.Random(), g.Random(), x.asked, prefix); next == nil {
					lane.retries.GiveBack()
				}
			}
		}
		x.note(next == nil)
		if next == nil {
			return nil
		}
		seat = next
	}
}

// aim says in a call whom it is for.
func (x *exchange) aim(call *relay.Call, seat *dispatch.Seat) {
	call.Peer = relay.Peer{Miner: seat.Miner, Addr: seat.Addr}
	call.Keep = x.g.Sampler != nil && x.g.Sampler.Keep(call.ID, call.Task.Name, seat.Miner)
}

// try makes the call to one miner, into answer, and gives its slot back. In a
// race two run at once, and r is its part in it.
func (x *exchange) try(ctx context.Context, seat *dispatch.Seat, d deadlines, call *relay.Call, answer *relay.Answer, r *racer) {
	g := x.g
	*answer = relay.Answer{}
	answer.Outcome.Task, answer.Outcome.Miner, answer.Outcome.Status = call.Task.Name, seat.Miner, outcome.Ours
	defer func() { // a panic of the relay's must not keep the slot
		g.Board.Release(seat, answer.Outcome, answer.RetryAfter)
	}()
	overloaded := g.Board.Overloaded(call.Task.Name, seat, g.Now())
	if r == nil {
		*answer = g.Relay.Do(ctx, *call, x)
	} else {
		*answer = g.Relay.Do(ctx, *call, r)
		r.settle(answer)
	}
	relay.Excuse(answer, overloaded, call.Request)
	switch o := &answer.Outcome; {
	case o.Status == outcome.OK, o.Reason == outcome.Refused, o.Reason == outcome.Hedged:
	case context.Cause(ctx) == relay.ErrShutdown:
		if o.Status == outcome.Canceled {
			o.Status, o.Reason = outcome.Ours, "shutdown"
		}
		answer.Err = unavailable(true)
	case o.Status == outcome.Failed && fault.KindOf(answer.Err) == fault.Timeout && d.short(o.FirstOutput > 0, g.Now()):
		// It was given up before its time; that is not its failure.
		o.Status, o.Reason = outcome.Canceled, outcome.CutShort
	}
	if g.Observer != nil {
		g.Observer.Attempt(&answer.Outcome)
	}
}

// least is the time that another try must have at the least.
const least = 200 * time.Millisecond

// another says whether another miner is to be asked.
func (x *exchange) another(a *relay.Answer) bool {
	switch {
	case a.Outcome.Status == outcome.OK, a.Started, x.begun, x.r.Context().Err() != nil:
		return false
	}
	// One more miner may know better than the one that finds fault with the
	// request. What two find fault with is not asked of all the others.
	return x.refusals < 2
}

// count counts an attempt that found fault with the request.
func (x *exchange) count(a *relay.Answer) {
	if a.Outcome.Reason == outcome.Refused {
		x.refusals++
	}
}

// note adds an attempt to what will be recorded of the request.
func (x *exchange) note(last bool) {
	x.answer.Outcome.Last = last
	x.entries = append(x.entries, relay.Entry(&x.call, &x.answer, last))
}

// finish records a request's attempts and then ends the response. Nothing may
// look like success before the record is durable.
func (x *exchange) finish(call *relay.Call, a *relay.Answer, entries []outcome.Entry) error {
	a.Work = x.paid(a.Work)
	x.event.Prompt, x.event.Work, x.event.First = a.Work.Prompt, a.Work.Units, a.Outcome.FirstOutput
	x.event.Reason, x.event.Blocked = a.Outcome.Reason, a.Outcome.Blocked
	receipt, err := x.receipt(call, a)
	if err != nil {
		return fault.Wrap(err, fault.Internal, "no_receipt", "write the receipt")
	}
	last := &entries[len(entries)-1]
	last.Receipt = receipt
	var ending []byte
	if x.claim != nil && a.Outcome.Status == outcome.OK {
		ending = x.ending(call, a)
		last.Answer = x.remember(ending)
	}
	// The customer's leaving does not undo what the miner did.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(x.r.Context()), x.g.Limits.Record)
	err = x.g.Recorder.Record(ctx, entries...)
	cancel()
	x.settle(last, err)
	if err != nil {
		return fault.Wrap(err, fault.Internal, "not_recorded", "record %d outcomes", len(entries))
	}
	if a.Outcome.Status != outcome.OK {
		return x.why(a)
	}
	x.event.Status = 200
	if ending == nil {
		ending = x.ending(call, a)
	}
	if x.dialect != nil {
		x.dialect.Served(x.g.Now())
	}
	if !call.Request.Stream() {
		x.respond(200, ending)
		return nil
	}
	x.stream()
	x.write(ending, true)
	return nil
}

// ending is a good answer, or what ends it if it was streamed.
func (x *exchange) ending(call *relay.Call, a *relay.Answer) []byte {
	out := x.out[:0]
	switch {
	case x.dialect != nil && call.Request.Stream():
		return x.dialect.End(out, a.Work)
	case x.dialect != nil:
		return x.dialect.Answer(a.Body)
	case !call.Request.Stream():
		return a.Body
	case call.Request.Wants().Usage:
		out = openai.AppendUsageChunk(out, a.Meta, a.Work.Prompt, a.Work.Units)
	}
	return openai.AppendDone(out)
}

// why is what the customer is told of a request that came to nothing.
func (x *exchange) why(a *relay.Answer) error {
	switch {
	case a.Outcome.Status == outcome.RateLimited, a.Outcome.Reason == outcome.OurOverload: // 429 is for customers over their own limit
		e := fault.Wrap(a.Err, fault.Unavailable, "miners_busy", "All miners asked are busy. Try again soon.")
		e.RetryAfter = min(max(a.RetryAfter, time.Second), 30*time.Second)
		return e
	case a.Outcome.Reason == outcome.Refused || a.Outcome.Reason == outcome.CutShort:
		return a.Err
	case a.Outcome.Status == outcome.Canceled:
		return fault.Wrap(a.Err, fault.Canceled, "canceled", "The request was cancelled.")
	}
	if a.Err == nil {
		return fault.New(fault.Upstream, a.Outcome.Reason, "The miner's answer could not be used. Trying again may help.")
	}
	return a.Err
}

func nobody(t *task.Task, wait time.Duration) error {
	e := fault.New(fault.Unavailable, "no_capacity", "No miner can serve the model %q right now. Try again soon.", t.Name)
	e.RetryAfter = wait
	return e
}
