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

// attempts asks miners, one after another, until one has answered or none is
// to be asked any more; then it records and answers.
func (x *exchange) attempts(t *task.Task, kind task.Kind, req task.Request) error {
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
	tried := x.tried[:0]
	seat, wait := g.Board.Acquire(t.Name, stream, now, g.Random(), g.Random(), tried)
	if seat == nil {
		return nobody(t, wait)
	}
	for {
		call.Try = len(tried)
		tried = append(tried, seat.Miner)
		call.Last = len(tried) >= g.Limits.Tries || !g.Board.Another(t.Name, now, tried)
		d := deadlinesOf(now, by, t, kind, req, call.Last)
		call.FirstBy, call.By = d.firstBy, d.by
		x.attempt(seat, d)
		var next *dispatch.Seat
		if now = g.Now(); !call.Last && x.another(answer) && by.Sub(now) >= least {
			next, _ = g.Board.Acquire(t.Name, stream, now, g.Random(), g.Random(), tried)
		}
		x.note(next == nil)
		if next == nil {
			return x.finish(call, answer, x.entries)
		}
		seat = next
	}
}

// attempt makes the call to one miner, into x.answer, and gives its slot back.
func (x *exchange) attempt(seat *dispatch.Seat, d deadlines) {
	g, call, answer := x.g, &x.call, &x.answer
	x.event.Miner = seat
	x.event.Tries = call.Try + 1
	if !g.Anonymous && !x.begun {
		h := x.w.Header()
		h["X-Vision-Miner"] = []string{seat.Name()}
		h["X-Vision-Tries"] = tries[call.Try]
	}
	call.Peer = relay.Peer{Miner: seat.Miner, Addr: seat.Addr}
	call.Keep = g.Sampler != nil && g.Sampler.Keep(call.ID, call.Task.Name, seat.Miner)
	*answer = relay.Answer{}
	answer.Outcome.Task, answer.Outcome.Miner, answer.Outcome.Status = call.Task.Name, seat.Miner, outcome.Ours
	defer func() { // a panic of the relay's must not keep the slot
		g.Board.Release(seat, answer.Outcome, answer.RetryAfter)
	}()
	ctx := x.r.Context()
	overloaded := g.Board.Overloaded(call.Task.Name, seat)
	*answer = g.Relay.Do(ctx, *call, x)
	relay.Excuse(answer, overloaded)
	switch o := &answer.Outcome; {
	case o.Status == outcome.OK:
	case o.Reason == outcome.Refused:
		x.refusals++
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

var tries = func() (all [maxTries][]string) {
	for i := range all {
		all[i] = []string{string(rune('1' + i))}
	}
	return all
}()

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
	entries[len(entries)-1].Receipt = receipt
	// The customer's leaving does not undo what the miner did.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(x.r.Context()), x.g.Limits.Record)
	err = x.g.Recorder.Record(ctx, entries...)
	cancel()
	x.settle(receipt, err)
	if err != nil {
		return fault.Wrap(err, fault.Internal, "not_recorded", "record %d outcomes", len(entries))
	}
	if a.Outcome.Status != outcome.OK {
		return x.why(a)
	}
	x.event.Status = 200
	if !call.Request.Stream() {
		body := a.Body
		if x.dialect != nil {
			body = x.dialect.Answer(body)
		}
		x.respond(200, body)
		return nil
	}
	out := x.out[:0]
	if x.dialect != nil {
		x.stream()
		x.write(x.dialect.End(out, a.Work), true)
		return nil
	}
	if call.Request.Wants().Usage {
		out = openai.AppendUsageChunk(out, a.Meta, a.Work.Prompt, a.Work.Units)
	}
	x.stream()
	x.write(openai.AppendDone(out), true)
	return nil
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
