package gateway

import (
	"context"
	"errors"
	"strconv"
	"time"

	"vision/internal/fault"
	"vision/internal/ledger"
	"vision/internal/outcome"
	"vision/internal/relay"
	"vision/internal/task"
)

// bill is what a request has reserved until it ends: a place among its key's
// requests under way, tokens of its minute, and money. The zero bill has
// reserved nothing.
type bill struct {
	holder *holder
	worst  task.Work // what the answer can hold at most, as far as it is paid for
	hold   ledger.Hold
	tokens int64 // taken of the key's minute
	used   int64 // of them
	placed bool  // among those under way
}

// may says whether the request's key may use a task.
func (x *exchange) may(t *task.Task) error {
	if x.holder != nil && !x.holder.key.Tasks.Allows(t.Name) {
		return fault.New(fault.Forbidden, "model_not_allowed", "This API key may not use the model %q; %s lists those that it may.", t.Name, modelsPath)
	}
	return nil
}

// reserve takes what a request may need of its key's limits and its project's
// money at worst. What it has taken is given back by release, also if it fails.
func (x *exchange) reserve(t *task.Task, req task.Request) error {
	h, b := x.holder, &x.bill
	if h == nil {
		return nil
	}
	b.holder = h
	if h.key.Concurrent > 0 {
		most := max(int64(h.key.Concurrent)/x.g.keys.alive.Load(), 1)
		b.placed = true
		if h.use.underWay.Add(1) > most {
			h.use.underWay.Add(-1) // at once: telling the customer may take a while
			b.placed = false
			e := fault.New(fault.RateLimited, "concurrency_limit_exceeded", "This API key may have %d requests under way at once. Wait until one has ended.", most)
			e.RetryAfter = time.Second
			return e
		}
	}
	b.worst = ledger.Worst(t, req)
	if h.tokens != nil {
		if err := x.takeTokens(h, t, req); err != nil {
			return err
		}
	}
	if h.purse == nil {
		return nil
	}
	cost, err := ledger.Cost(t.Price, b.worst)
	if err != nil || cost > ledger.MaxCost {
		return fault.New(fault.Invalid, "request_too_expensive", "This request may cost more than any request can. Ask for less output.")
	}
	ctx := x.r.Context()
	b.hold, err = h.purse.Hold(ctx, cost)
	switch {
	case err == nil || ctx.Err() == nil:
		return err
	case context.Cause(ctx) == relay.ErrShutdown:
		return unavailable(true)
	}
	return fault.New(fault.Canceled, "canceled", "The request was cancelled.")
}

// takeTokens counts what a request is expected to use against the tokens that
// its key has a minute: the most that it may write, and the prompt as long as
// texts of its size usually are. What is left of it in the end is given back.
func (x *exchange) takeTokens(h *holder, t *task.Task, req task.Request) error {
	n := min(x.bill.worst.Prompt, int64(req.Features().PromptBytes)/bytesPerToken)
	if kindUnit(t) == task.Token {
		n += x.bill.worst.Units
	}
	s := h.tokens.TakeN(x.g.Now(), n) // it may have arrived long ago
	header := x.w.Header()
	header["X-Ratelimit-Limit-Tokens"] = []string{strconv.FormatInt(s.Limit, 10)}
	header["X-Ratelimit-Remaining-Tokens"] = []string{strconv.FormatInt(s.Remaining, 10)}
	header["X-Ratelimit-Reset-Tokens"] = []string{span(s.Reset)}
	if s.OK {
		x.bill.tokens = h.tokens.Taken(n)
		return nil
	}
	e := fault.New(fault.RateLimited, "rate_limit_exceeded", "This API key may use %d tokens a minute, and this request may take %d. Try again in %s, or ask for less output.", s.Limit, n, span(s.Retry))
	e.RetryAfter = s.Retry
	return e
}

// bytesPerToken is how long a token of a text is as a rule.
const bytesPerToken = 4

func kindUnit(t *task.Task) task.Unit {
	kind, _ := task.KindNamed(t.Kind)
	return kind.Unit()
}

// release gives back what a request has reserved and not used.
func (x *exchange) release() {
	b := &x.bill
	b.hold.Release()
	if b.holder == nil {
		return
	}
	if b.holder.tokens != nil && b.tokens > 0 {
		b.holder.tokens.Back(b.tokens - b.used)
	}
	if b.placed {
		b.holder.use.underWay.Add(-1)
	}
	*b = bill{}
}

// paid is the part of an answer's work that is paid for, and reported: no more
// than was reserved.
func (x *exchange) paid(w task.Work) task.Work {
	if x.bill.holder == nil {
		return w
	}
	return ledger.Clamp(w, x.bill.worst)
}

// receipt says what an attempt that ended a request costs its customer: nil is
// nothing. Who hangs up on a stream pays for what had been passed on; nothing
// is passed on of an answer that comes whole before all of it is there.
func (x *exchange) receipt(call *relay.Call, a *relay.Answer) (*ledger.Receipt, error) {
	h := x.holder
	if h == nil || h.key.Project == 0 {
		return nil, nil
	}
	class := ledger.Complete
	switch {
	case a.Outcome.Status == outcome.OK:
	case left(&a.Outcome) && x.streams && a.Work.Units > 0:
		class = ledger.Partial
	default:
		return nil, nil
	}
	cost, err := ledger.Cost(call.Task.Price, a.Work)
	if err != nil {
		return nil, err
	}
	r := &ledger.Receipt{
		Request: x.id, Project: h.key.Project, Key: h.key.ID, Task: call.Task.Name, At: x.g.Now(), Unit: call.Kind.Unit(),
		Work: a.Work, Price: call.Task.Price, Cost: cost, Class: class, Miner: a.Outcome.Miner, Tries: x.event.Tries,
	}
	if h.purse != nil {
		r.Charged = cost
	}
	return r, nil
}

// left says whether an attempt ended by its customer's doing: who takes a
// stream so slowly that its time runs out must not have it for nothing.
func left(o *outcome.Outcome) bool {
	return o.Status == outcome.Canceled && (o.Reason == outcome.CallerGone || o.Reason == outcome.CallerSlow)
}

// settle ends the hold as the recording of the request's last entry went.
func (x *exchange) settle(e *outcome.Entry, err error) {
	if err != nil && !errors.Is(err, ledger.ErrUnknown) {
		return
	}
	if e.Answer != nil {
		x.claim.settled = true
	}
	r := e.Receipt
	if r == nil {
		return
	}
	x.event.Charged = r.Charged
	x.bill.used = r.Work.Prompt
	if r.Unit == task.Token {
		x.bill.used += r.Work.Units
	}
	x.bill.hold.Settle(r.Charged)
}
