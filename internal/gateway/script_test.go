package gateway

import (
	"context"
	"fmt"
	"sync"
	"time"

	"vision/internal/fault"
	"vision/internal/openai"
	"vision/internal/outcome"
	"vision/internal/relay"
	"vision/internal/task"
)

// A script is how the fake relay's attempts go, in turn; the last goes on for ever.
type step func(ctx context.Context, c relay.Call, s relay.Sink) relay.Answer

// fakeRelay makes no attempt but plays a script. It keeps what it was asked.
type fakeRelay struct {
	mu    sync.Mutex
	steps []step
	calls []relay.Call
}

func (f *fakeRelay) Payload(id string, r task.Request, t *task.Task) []byte { return r.Payload(42) }

func (f *fakeRelay) Do(ctx context.Context, c relay.Call, s relay.Sink) relay.Answer {
	f.mu.Lock()
	next := f.steps[min(len(f.calls), len(f.steps)-1)]
	f.calls = append(f.calls, c)
	f.mu.Unlock()
	begun := time.Now()
	a := next(ctx, c, s)
	a.Outcome.Request, a.Outcome.Try, a.Outcome.Last, a.Outcome.Key = c.ID, c.Try, c.Last, c.Key
	a.Outcome.Source, a.Outcome.Task, a.Outcome.Miner = c.Source, c.Task.Name, c.Peer.Miner
	a.Outcome.Stream, a.Outcome.Start, a.Outcome.Total = c.Request.Stream(), begun, time.Since(begun)
	a.Outcome.Work, a.Outcome.PromptWork = a.Work.Units, a.Work.Prompt
	return a
}

func (f *fakeRelay) called() []relay.Call {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]relay.Call(nil), f.calls...)
}

func chunk(text, finish string) []byte {
	reason := "null"
	if finish != "" {
		reason = `"` + finish + `"`
	}
	return fmt.Appendf(nil, `data: {"id":"c1","object":"chat.completion.chunk","created":7,"model":"talker-8b","choices":[{"index":0,"delta":{"content":%q},"finish_reason":%s}]}`+"\n\n", text, reason)
}

// send passes n chunks on, and says whether the customer took them all.
func send(s relay.Sink, n int) bool {
	for i := range n {
		if s.Events(chunk(fmt.Sprintf("w%d ", i), "")) != nil {
			return false
		}
	}
	return true
}

// ok is a good answer of n tokens.
func ok(n int) step {
	return func(ctx context.Context, c relay.Call, s relay.Sink) relay.Answer {
		a := relay.Answer{Work: task.Work{Units: int64(n), Prompt: 3}, Kept: []byte("kept"), Finish: "stop",
			Meta: openai.Meta{ID: "c1", Created: 7, Object: "chat.completion.chunk", Model: "talker-8b"}}
		if !c.Request.Stream() {
			a.Body = fmt.Appendf(nil, `{"id":"c1","object":"chat.completion","created":7,"model":%q,"choices":[{"index":0,"message":{"role":"assistant","content":"good"},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":%d,"total_tokens":%d}}`, c.Task.Name, n, n+3)
			return a
		}
		a.Started = true
		if !send(s, n-1) || s.Events(chunk("end", "stop")) != nil {
			a.Outcome.Status, a.Outcome.Reason = outcome.Canceled, "client_gone"
		}
		a.Outcome.FirstOutput = time.Millisecond
		return a
	}
}

// failing ends without a good answer, after n chunks of a stream.
func failing(status outcome.Status, n int, err *fault.Error) step {
	return func(ctx context.Context, c relay.Call, s relay.Sink) relay.Answer {
		a := relay.Answer{Err: err, Outcome: outcome.Outcome{Status: status, Reason: err.Code}}
		if n > 0 && c.Request.Stream() {
			a.Started = true
			a.Work.Units = int64(n)
			send(s, n)
		}
		return a
	}
}

var (
	badGateway = fault.New(fault.Upstream, "http_500", "The miner answered 500.")
	truncated  = fault.New(fault.Upstream, "truncated", "The answer ended before it was whole.")
	internal   = fault.New(fault.Internal, "no_descriptors", "secret detail")
)

// refusing answers with a status as the relay reports it.
func refusing(status int) step {
	return failing(outcome.Failed, 0, fault.New(fault.Upstream, fmt.Sprintf("http_%d", status), "The miner answered with status %d.", status))
}

func busy(after time.Duration) step {
	return func(context.Context, relay.Call, relay.Sink) relay.Answer {
		return relay.Answer{Outcome: outcome.Outcome{Status: outcome.RateLimited, Reason: "http_429"}, RetryAfter: after,
			Err: fault.New(fault.RateLimited, "http_429", "The miner answered 429.")}
	}
}

// hanging waits as a miner does that says nothing, or nothing more after n chunks.
func hanging(n int) step {
	return func(ctx context.Context, c relay.Call, s relay.Sink) relay.Answer {
		a := relay.Answer{Started: n > 0, Work: task.Work{Units: int64(n)}}
		by := c.FirstBy
		if n > 0 {
			send(s, n)
			by = c.By
			a.Outcome.FirstOutput = time.Millisecond
		}
		timer := time.NewTimer(max(time.Until(by), 1))
		defer timer.Stop()
		select {
		case <-ctx.Done():
			a.Outcome.Status, a.Outcome.Reason = outcome.Canceled, "canceled"
			a.Err = fault.New(fault.Canceled, "canceled", "The customer went away.")
		case <-timer.C:
			a.Outcome.Status, a.Outcome.Reason = outcome.Failed, "timeout"
			a.Err = fault.New(fault.Timeout, "first_token_timeout", "The miner did not answer in time.")
		}
		return a
	}
}
