package gateway

import (
	"context"
	"time"

	"vision/internal/dispatch"
	"vision/internal/fault"
	"vision/internal/hotkey"
	"vision/internal/openai"
	"vision/internal/outcome"
	"vision/internal/relay"
	"vision/internal/task"
)

// attempts asks miners, one after another, until one has answered or none is
// to be asked any more; then it records and answers.
func (x *exchange) attempts(t *task.Task, kind task.Kind, req task.Request) error {
	g := x.g
	call := relay.Call{
		ID: x.id, Key: x.event.Key, Source: outcome.Organic, Task: t, Kind: kind, Request: req,
		Payload: g.Relay.Payload(x.id, req, t), By: g.Now().Add(t.Timeouts.Total),
	}
	stream := req.Stream()
	var room [maxTries]hotkey.ID
	tried := room[:0]
	entries := make([]outcome.Entry, 0, 1)
	seat, wait := g.Board.Acquire(t.Name, stream, g.Now(), g.Random(), g.Random(), tried)
	if seat == nil {
		return nobody(t, wait)
	}
	for {
		call.Try = len(tried)
		tried = append(tried, seat.Miner)
		now := g.Now()
		call.Last = len(tried) >= g.Limits.Tries || !g.Board.Another(t.Name, now, tried)
		call.FirstBy = firstBy(now, call.By, t, kind, req, call.Last)
		answer := x.attempt(&call, seat, now)
		var next *dispatch.Seat
		if now = g.Now(); !call.Last && x.another(&answer) && call.By.Sub(now) >= least {
			next, _ = g.Board.Acquire(t.Name, stream, now, g.Random(), g.Random(), tried)
		}
		answer.Outcome.Last = next == nil
		entries = append(entries, entry(&call, &answer, next == nil))
		if next == nil {
			return x.finish(&call, &answer, entries)
		}
		seat = next
	}
}

// attempt asks one miner and gives its slot back.
func (x *exchange) attempt(call *relay.Call, seat *dispatch.Seat, now time.Time) relay.Answer {
	g := x.g
	x.event.Miner = seat
	x.event.Tries = call.Try + 1
	if !g.Anonymous && !x.begun {
		h := x.w.Header()
		h["X-Vision-Miner"] = []string{seat.Name()}
		h["X-Vision-Tries"] = tries[call.Try]
	}
	call.Peer = relay.Peer{Miner: seat.Miner, Addr: seat.Addr}
	call.Keep = g.Sampler != nil && g.Sampler.Keep(call.ID, call.Task.Name, seat.Miner)
	answer := relay.Answer{Outcome: outcome.Outcome{Task: call.Task.Name, Miner: seat.Miner, Status: outcome.Ours}}
	defer func() { // a panic of the relay's must not keep the slot
		g.Board.Release(seat, answer.Outcome, answer.RetryAfter)
	}()
	answer = g.Relay.Do(x.r.Context(), *call, x)
	switch {
	case answer.Outcome.Status == outcome.Canceled && context.Cause(x.r.Context()) == errStopping:
		answer.Outcome.Status, answer.Outcome.Reason = outcome.Ours, "stopping"
		answer.Err = unavailable(true)
	case answer.Outcome.Status == outcome.Failed && cutShort(call, &answer, now):
		answer.Outcome.Status, answer.Outcome.Reason = outcome.Canceled, "cut_short"
	}
	if g.Observer != nil {
		g.Observer.Attempt(&answer.Outcome)
	}
	return answer
}

var tries = func() (all [maxTries][]string) {
	for i := range all {
		all[i] = []string{string(rune('1' + i))}
	}
	return all
}()

// cutShort says whether a miner was given up earlier than its task lets it
// take, to leave time for another or because others had used it up. That is
// not the miner's failure.
func cutShort(call *relay.Call, a *relay.Answer, began time.Time) bool {
	if fault.KindOf(a.Err) != fault.Timeout {
		return false
	}
	limits, over := call.Task.Timeouts, began.Add(a.Outcome.Total)
	if a.Outcome.FirstOutput == 0 && !over.Before(call.FirstBy) {
		return call.FirstBy.Before(began.Add(limits.First))
	}
	return call.Try > 0 && !over.Before(call.By) && call.By.Before(began.Add(limits.Total))
}

// least is the time that another try must have at the least.
const least = 200 * time.Millisecond

// another says whether another miner is to be asked.
func (x *exchange) another(a *relay.Answer) bool {
	switch {
	case a.Outcome.Status == outcome.OK, a.Started, x.begun, x.r.Context().Err() != nil:
		return false
	case a.Err != nil && fault.KindOf(a.Err) == fault.Invalid:
		return false // the request is at fault, and would be with any miner
	}
	return true
}

// entry is what is recorded of an attempt.
func entry(call *relay.Call, a *relay.Answer, last bool) outcome.Entry {
	e := outcome.Entry{Outcome: a.Outcome}
	if call.Keep && a.Outcome.Status == outcome.OK && len(a.Kept) > 0 {
		e.Sample = &outcome.Sample{Outcome: a.Outcome, Request: call.Payload, Response: a.Kept}
	}
	if last {
		f := call.Request.Features()
		e.Features, e.Kind = &f, call.Kind.Name()
	}
	return e
}

// finish records a request's attempts and then ends the response. Nothing may
// look like success before the record is durable.
func (x *exchange) finish(call *relay.Call, a *relay.Answer, entries []outcome.Entry) error {
	x.event.Prompt, x.event.Work, x.event.First = a.Outcome.PromptWork, a.Outcome.Work, a.Outcome.FirstOutput
	x.event.Reason = a.Outcome.Reason
	// The customer's leaving does not undo what the miner did.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(x.r.Context()), x.g.Limits.Record)
	err := x.g.Recorder.Record(ctx, entries...)
	cancel()
	if err != nil {
		return fault.Wrap(err, fault.Internal, "not_recorded", "record %d outcomes", len(entries))
	}
	if a.Outcome.Status != outcome.OK {
		return x.why(a)
	}
	x.event.Status = 200
	if !call.Request.Stream() {
		x.respond(200, a.Body)
		return nil
	}
	out := x.out[:0]
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
	case a.Outcome.Status == outcome.RateLimited: // 429 is for customers over their own limit
		e := fault.Wrap(a.Err, fault.Unavailable, "miners_busy", "All miners asked are busy. Try again soon.")
		e.RetryAfter = min(max(a.RetryAfter, time.Second), 30*time.Second)
		return e
	case a.Outcome.Status == outcome.Canceled && a.Outcome.Reason != "cut_short":
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

// firstBy is when a try's first output must be there. Unless nobody else is
// to be asked it leaves time for another try within the request's own.
func firstBy(now, by time.Time, t *task.Task, kind task.Kind, req task.Request, last bool) time.Time {
	room := by.Sub(now)
	wait := t.Timeouts.First
	if !req.Stream() && kind.Unit() == task.Token {
		// All tokens come at once: give them the time that a miner may take
		// whose speed earns next to nothing.
		if last {
			return by
		}
		wait += time.Duration(slowest * (t.Speed.Overhead + t.Speed.Mean*float64(req.Work())) * float64(time.Second))
		return now.Add(min(wait, room-min(t.Timeouts.First, room/4)))
	}
	if !last {
		return now.Add(min(wait, room/2))
	}
	return now.Add(min(wait, room))
}

// slowest is how many times slower than a task's mean an answer may come that
// is not streamed.
const slowest = 4
