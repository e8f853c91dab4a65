package relay

import (
	"errors"
	"io"

	"vision/internal/fault"
	"vision/internal/ledger"
	"vision/internal/openai"
	"vision/internal/outcome"
	"vision/internal/proto"
	"vision/internal/task"
)

// stream passes on a streamed answer.
func (a *attempt) stream(h head) bool {
	if !a.call.Keep { // an idle stream should hold little, and what was sent is not sent again
		a.call.Payload = nil
	}
	s := streams.Get().(*openai.Stream)
	defer streams.Put(s)
	worst := ledger.Worst(a.call.Task, a.call.Request)
	s.Reset(openai.Options{
		Limit: a.c.cfg.MaxEvent, Model: a.call.Task.Name, TokenIDs: a.call.Request.Wants().TokenIDs,
		Max: openai.Bounds{Completion: a.call.Request.Work(), Prompt: worst.Prompt},
	})
	b := newBody(h)
	b.wants = a.call.Keep
	ok, reusable := a.pass(s, &b)
	tally := s.Tally()
	a.ans.Work = task.Work{Units: tally.Completion - a.lost, Prompt: min(tally.Prompt, worst.Prompt)} // as in whole answers
	a.ans.Finish = tally.Finish
	a.ans.Meta = s.Meta()
	if !ok {
		return false
	}
	// The answer is whole; where the body's end is not far, wait for it, so as
	// to use the connection again.
	reusable = reusable && !h.close && b.framing != byClose && a.skip(&b)
	if a.call.Keep {
		a.prove(b.trailer(answerHeader))
	}
	if a.ctx.Err() != nil && a.ans.Outcome.Status != outcome.OK {
		reusable = false
	}
	a.end(outcome.OK, "", nil)
	return reusable
}

// pass passes on events until the answer is whole. If it is not to become so,
// the attempt has been ended and ok is false.
func (a *attempt) pass(s *openai.Stream, b *body) (ok, reusable bool) {
	defer a.unhush()
	gap := a.call.Task.Timeouts.Gap
	most := proto.MaxStream(task.MostPrompt(a.call.Request), a.call.Request.Work())
	for {
		var out *[]byte
		var wrong error
		before, tally := s.Chunks(), s.Tally()
		for a.cn.r < a.cn.w && !b.done && wrong == nil {
			var data []byte
			var n int
			data, n, wrong = b.take(a.cn.unread())
			a.cn.r += n
			a.read += int64(n)
			a.quiet += int64(n)
			if len(data) == 0 || wrong != nil {
				continue
			}
			if a.call.Keep { // all of it, or the attempt fails: a miner must not choose what is checked
				a.ans.Kept = append(a.ans.Kept, data...)
			}
			if out == nil {
				out = buffers.Get().(*[]byte)
			}
			*out, wrong = s.Feed(*out, data)
		}
		if wrong == nil && s.Tally().Excess {
			wrong = upstream("too_many_tokens", "The miner's answer is longer than was asked for.")
		}
		if s.Chunks() > before {
			a.quiet = 0
		}
		if wrong == nil && (a.read > most || a.quiet > proto.MaxQuiet) {
			wrong = upstream("too_large", "The miner's answer has more bytes than its output can need.")
		}
		if wrong == nil && b.done && !s.Done() {
			wrong = s.End()
		}
		if !a.flush(out, wrong, s.Chunks()-before, s) {
			a.lost = s.Tally().Completion - tally.Completion
			return false, false
		}
		switch {
		case wrong != nil && errors.Is(wrong, errFraming):
			return a.broken(wrong), false
		case wrong != nil:
			return a.end(outcome.Failed, codeOf(wrong), wrong), false
		case s.Done():
			return true, s.End() == nil
		}
		if s.Chunks() > before || s.Started() && tally.Finish != s.Tally().Finish {
			a.due = earlier(a.passed.Add(gap), a.call.By)
			// A deadline that is earlier is moved on when it has come; see fill.
			if quiet := a.silentBy(); quiet.Before(a.armed) || !a.due.After(a.passed) {
				a.arm(quiet, a.passed, false)
			}
		}
		if err := a.fill(); err != nil {
			if errors.Is(err, io.EOF) && b.framing == byClose {
				err := s.End()
				return a.end(outcome.Failed, codeOf(err), err), false
			}
			return a.broken(err), false
		}
	}
}

// flush passes on what one read gave, and gives its buffer back. Where nothing
// has been passed on yet and the same read held a mistake, nothing is: another
// miner can still be asked.
func (a *attempt) flush(out *[]byte, wrong error, events int, s *openai.Stream) (ok bool) {
	if out == nil {
		return true
	}
	defer putBuffer(out)
	if len(*out) == 0 || wrong != nil && !a.ans.Started {
		return true
	}
	before := a.c.cfg.Now()
	if events > 0 {
		at := a.took(before)
		if a.first == 0 {
			a.first = max(at, 1)
		}
		a.arrivals.note(at, s.Tally().Completion)
	}
	a.ans.Started = true
	a.c.net.hearOften(before)
	err := a.sink.Events(*out)
	a.passed = a.c.cfg.Now()
	a.blocked += a.passed.Sub(before)
	if err != nil {
		if a.ctx.Err() != nil {
			return a.gone()
		}
		return a.end(outcome.Canceled, outcome.CallerGone, fault.Wrap(err, fault.Canceled, "canceled", "The caller went away"))
	}
	return true
}
