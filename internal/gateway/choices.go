package gateway

import (
	"context"
	"errors"
	"net/http"
	"runtime/debug"
	"sync"

	"vision/internal/fault"
	"vision/internal/openai"
	"vision/internal/outcome"
	"vision/internal/task"
)

// A request for several answers (n) is put to miners as so many requests for
// one, at once, each with an id, a seed and tries of its own. So miners and
// checks know of no such thing. Customers see one answer, and pay by one
// receipt: for the prompt once, and for what all answers hold. If one of them
// fails, the request has failed.
//
//	              ┌─ choice 0 ─ ask ─┐
//	x ── several ─┼─ choice 1 ─ ask ─┼─ merged ── finish
//	              └─ …               ┘

// choices are the answers to one request.
type choices struct {
	x      *exchange // the request's
	cancel context.CancelCauseFunc

	mu sync.Mutex // guards x's response, and what follows
	id string     // of the stream's chunks: the first one's

	failed *exchange // the choice that failed first; others may have ended for its sake
}

// choice is the part of an exchange that makes one of several answers.
type choice struct {
	of    *choices
	index int
	err   error // nobody could be asked
}

// errOther ends choices when another has failed.
var errOther = errors.New("another choice failed")

// several serves a request for more answers than one.
func (x *exchange) several(t *task.Task, kind task.Kind, req task.Request) error {
	ctx, cancel := context.WithCancelCause(x.r.Context())
	defer cancel(nil)
	c := &choices{x: x, cancel: cancel}
	parts := make([]*exchange, task.Choices(req))
	for i := range parts { // before any of them begins
		p := &exchange{g: x.g, w: unwritten{}, r: x.r.WithContext(ctx), id: x.id, arrived: x.arrived, event: x.event, choice: &choice{of: c, index: i}}
		if i > 0 {
			p.id = outcome.NewID(x.arrived, x.g.Random(), x.g.Random())
		}
		parts[i] = p
	}
	var all sync.WaitGroup
	for i, p := range parts {
		all.Go(func() { p.make(t, kind, task.Choice(req, i)) })
	}
	all.Wait()
	if err := x.merge(parts); err != nil {
		return err
	}
	x.call.Request = req
	return x.finish(&x.call, &x.answer, x.entries)
}

// make has one answer made. A failure ends the others.
func (x *exchange) make(t *task.Task, kind task.Kind, req task.Request) {
	defer func() {
		if p := recover(); p != nil {
			x.g.Log.Error("a bug: making one of several answers panicked", "id", x.id, "panic", p, "stack", string(debug.Stack()))
			x.choice.err = fault.New(fault.Internal, "panic", "%v", p)
		}
		if x.choice.err != nil || x.answer.Outcome.Status != outcome.OK {
			x.choice.of.fail(x)
		}
	}()
	x.choice.err = x.ask(t, kind, req)
}

// fail notes that a choice has failed, and ends the others.
func (c *choices) fail(part *exchange) {
	c.mu.Lock()
	if c.failed == nil {
		c.failed = part
	}
	c.mu.Unlock()
	c.cancel(errOther)
}

// merge makes one answer of all, in x.answer, and the entries of all x's own,
// those of the choice that bears the request's id at the end. An error is one of
// a choice for which nobody could be asked; what others did is recorded.
func (x *exchange) merge(parts []*exchange) error {
	for i := range parts {
		x.entries = append(x.entries, parts[len(parts)-1-i].entries...)
	}
	var work task.Work
	var bodies [][]byte
	for _, p := range parts {
		if p.choice.err != nil {
			return x.unserved(p.choice.err)
		}
		a := &p.answer
		x.event.Hedged = x.event.Hedged || p.event.Hedged
		x.event.Outrun = x.event.Outrun || p.event.Outrun
		x.event.Denied = x.event.Denied || p.event.Denied
		bodies = append(bodies, a.Body)
		work.Units += a.Work.Units
		work.Prompt = max(work.Prompt, a.Work.Prompt)
	}
	first := parts[0]
	x.call, x.answer, x.asked = first.call, first.answer, first.asked
	x.event.Miner, x.event.Tries = first.event.Miner, len(first.asked)
	if !x.begun && first.event.Miner != nil {
		x.tell(first.event.Miner)
	}
	a := &x.answer
	a.Work, a.Meta.ID = work, x.chunksID(parts)
	switch failed := first.choice.of.failed; {
	case failed == nil:
		if !first.call.Request.Stream() {
			a.Body = openai.AppendMerged(nil, bodies, work.Prompt, work.Units)
		}
	case left(&failed.answer.Outcome): // and pays for what all have said until then
		a.Outcome.Status, a.Outcome.Reason, a.Err = outcome.Canceled, failed.answer.Outcome.Reason, failed.answer.Err
	default:
		*a = failed.answer
	}
	return nil
}

func (x *exchange) chunksID(parts []*exchange) string {
	if id := parts[0].choice.of.id; id != "" {
		return id
	}
	return parts[0].answer.Meta.ID
}

// unserved records what was done for a request that has failed since nobody
// could be asked for one of its choices, and gives the reason.
func (x *exchange) unserved(why error) error {
	if len(x.entries) == 0 {
		return why
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(x.r.Context()), x.g.Limits.Record)
	defer cancel()
	if err := x.g.Recorder.Record(ctx, x.entries...); err != nil {
		return fault.Wrap(err, fault.Internal, "not_recorded", "record %d outcomes", len(x.entries))
	}
	return why
}

// events passes events of one choice on as such.
func (c *choice) events(part *exchange, p []byte) error {
	of := c.of
	of.mu.Lock()
	defer of.mu.Unlock()
	x := of.x
	if of.id == "" {
		of.id = openai.ChunkID(p)
		if !x.g.Anonymous {
			x.event.Miner, x.asked, x.waited, x.asking = part.event.Miner, part.asked, part.waited, part.asking
			x.tell(part.event.Miner)
		}
	}
	return x.Events(openai.AppendAsChoice(nil, p, c.index, of.id))
}

// unwritten is the response of a choice: nothing is written to it.
type unwritten struct{}

func (unwritten) Header() http.Header         { return http.Header{} }
func (unwritten) Write(p []byte) (int, error) { return len(p), nil }
func (unwritten) WriteHeader(int)             {}
