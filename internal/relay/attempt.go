package relay

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"time"

	"vision/internal/fault"
	"vision/internal/openai"
	"vision/internal/outcome"
	"vision/internal/proto"
	"vision/internal/task"
)

// attempt is one call under way.
type attempt struct {
	c    *Client
	ctx  context.Context
	call *Call
	sink Sink
	cn   *conn
	ans  Answer

	start    time.Time     // the first write's, once sent
	sent     bool          // something has been written, on this connection or one before it
	due      time.Time     // when what we wait for must have come
	armed    time.Time     // the connection's read deadline; not after due
	passed   time.Time     // when output was last passed on
	blocked  time.Duration // spent in the Sink
	read     int64         // bytes of the body, framing included
	quiet    int64         // of them, since the last read with output
	first    time.Duration
	arrivals arrivals
}

// Do makes one attempt. See the package's comment for what it promises.
func (c *Client) Do(ctx context.Context, call Call, sink Sink) Answer {
	a := attempt{c: c, ctx: ctx, call: &call, sink: sink}
	a.ans.Outcome = outcome.Outcome{
		Request: call.ID, Try: call.Try, Last: call.Last, Key: call.Key, Source: call.Source,
		Task: call.Task.Name, Miner: call.Peer.Miner, Stream: call.Request.Stream(),
	}
	a.start = c.cfg.Now()
	reusable := a.run()
	a.ans.Outcome.Start = a.start
	a.ans.Outcome.FirstOutput = a.first
	a.ans.Outcome.Total = max(a.took(c.cfg.Now()), 0)
	a.ans.Outcome.Arrivals = a.arrivals.sum(a.ans.Outcome.Total)
	a.ans.Outcome.Work = a.ans.Work.Units
	a.ans.Outcome.PromptWork = a.ans.Work.Prompt
	if a.cn != nil {
		if reusable {
			c.pool.put(a.cn)
		} else {
			a.drop()
		}
	}
	return a.ans
}

// took is the miner's time until now: what the Sink took is not its doing.
func (a *attempt) took(now time.Time) time.Duration { return now.Sub(a.start) - a.blocked }

// drop closes the connection.
func (a *attempt) drop() {
	a.cn.Close()
	a.cn.giveBack()
	a.cn = nil
}

// end settles how the attempt ended; it is the one place that does. It gives
// false, for a connection that is not to be used again.
func (a *attempt) end(status outcome.Status, reason string, err error) bool {
	a.ans.Outcome.Status = status
	a.ans.Outcome.Reason = reason
	a.ans.Err = err
	return false
}

// fail is end for what the miner did wrong.
func (a *attempt) fail(reason string, format string, args ...any) bool {
	return a.end(outcome.Failed, reason, upstream(reason, format, args...))
}

// run does everything, and says whether the connection can be used again.
func (a *attempt) run() bool {
	c := a.c
	switch {
	case c.closed.Load():
		return a.ours("shutdown", ErrShutdown)
	case a.ctx.Err() != nil:
		return a.gone()
	case len(a.call.Payload) > proto.MaxRequest: // which no miner takes, and no check
		return a.end(outcome.Ours, "request_too_large", fault.New(fault.TooLarge, "request_too_large",
			"The request has %d bytes as miners get it, more than the %d allowed.", len(a.call.Payload), proto.MaxRequest))
	case !visible(a.call.Peer.Addr):
		return a.fail("bad_address", "The miner's address is not one.")
	}
	firstBy := a.call.By
	if a.call.Request.Stream() || a.call.Kind.Unit() != task.Token {
		firstBy = earlier(a.call.FirstBy, a.call.By)
	}
	for fresh := false; ; fresh = true {
		dialled := c.cfg.Now()
		if !dialled.Before(firstBy) {
			return a.late()
		}
		cn, err := c.connect(a.ctx, a.call.Peer, firstBy, fresh)
		if err != nil {
			switch {
			case a.ctx.Err() != nil:
				return a.gone()
			case local(err):
				return a.ours("local_resources", err)
			}
			if unreached(err) && c.net.lose(a.call.Peer.Miner, dialled) {
				return a.ours("network_down", err)
			}
			reason := c.dialReason(err)
			return a.end(outcome.Failed, reason, fault.Wrap(err, fault.Upstream, reason, "The miner cannot be reached"))
		}
		a.cn = cn
		again, reusable := a.exchange(firstBy)
		if !again {
			return reusable
		}
		a.drop()
	}
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// deathShows is how long after a request's writing the death of an idle
// connection shows at the latest. Whoever hangs up later may have read the
// request and worked on it: that is an answer, if a bad one.
const deathShows = 100 * time.Millisecond

// exchange sends the request and takes the response. It says again if an idle
// connection turns out to have been dead. The time that this took stays in the
// attempt's: hanging up buys a miner none.
func (a *attempt) exchange(firstBy time.Time) (again, reusable bool) {
	cn := a.cn
	stop := context.AfterFunc(a.ctx, func() { cn.Close() })
	defer func() {
		if !stop() { // the caller has gone meanwhile, and the connection with it
			reusable = false
		}
	}()
	begun := a.c.cfg.Now()
	if !a.sent {
		a.sent, a.start = true, begun
	}
	a.due = firstBy
	a.arm(begun, true)
	writing, err := a.write()
	// Even where writing failed, there may be an answer to read.
	h, readErr := cn.head()
	if readErr != nil {
		if writing != nil {
			cn.Close()
			<-writing
		}
		if cn.reused && !cn.got && dead(readErr) && a.ctx.Err() == nil && a.c.cfg.Now().Sub(begun) <= deathShows {
			return true, false
		}
		return false, a.broken(readErr)
	}
	a.c.net.hear(a.c.cfg.Now())
	reusable = a.respond(h)
	if writing != nil {
		select {
		case err := <-writing:
			reusable = reusable && err == nil
		default: // answered before the request was read
			cn.Close()
			<-writing
			reusable = false
		}
	}
	return false, reusable && err == nil
}

// inOneWrite is how large a payload may be to be written together with the
// head, before anything is read. It fits in the buffers of any socket, so that
// a miner that answers without reading cannot hold us up.
const inOneWrite = 32 << 10

// write sends the request. A large one is sent while the response is already
// being read; then writing tells the end.
func (a *attempt) write() (writing chan error, err error) {
	b := buffers.Get().(*[]byte)
	*b = a.c.appendHead((*b)[:0], a.call)
	if len(a.call.Payload) <= inOneWrite {
		*b = append(*b, a.call.Payload...)
		_, err = a.cn.Write(*b)
		putBuffer(b)
		return nil, err
	}
	writing = make(chan error, 1)
	go func(cn *conn, payload []byte) {
		_, err := cn.Write(*b)
		if err == nil {
			_, err = cn.Write(payload)
		}
		putBuffer(b)
		writing <- err
	}(a.cn, a.call.Payload)
	return writing, nil
}

// dead says whether an error is that of a connection closed by the peer.
func dead(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ECONNABORTED)
}

// arm sets the connection's deadline to due, given the time.
func (a *attempt) arm(now time.Time, writes bool) {
	a.armed = a.due
	at := time.Now().Add(a.due.Sub(now))
	if writes {
		a.cn.SetDeadline(at)
		return
	}
	a.cn.SetReadDeadline(at)
}

// fill reads more of the response. A deadline that is not yet due is moved on:
// so it is not set anew for every read.
func (a *attempt) fill() error {
	for {
		err := a.cn.fill()
		if err == nil || !errors.Is(err, os.ErrDeadlineExceeded) {
			return err
		}
		now := a.c.cfg.Now()
		if !a.due.After(now) || !a.due.After(a.armed) {
			return err
		}
		a.arm(now, false)
	}
}

// ours ends the attempt for a reason that is not the miner's.
func (a *attempt) ours(reason string, err error) bool {
	return a.end(outcome.Ours, reason, fault.Wrap(err, fault.Internal, reason, "relay to a miner"))
}

// gone ends the attempt because the context has ended.
func (a *attempt) gone() bool {
	if errors.Is(context.Cause(a.ctx), ErrShutdown) || a.c.closed.Load() {
		return a.ours("shutdown", ErrShutdown)
	}
	if errors.Is(a.ctx.Err(), context.DeadlineExceeded) && !a.c.cfg.Now().Before(a.call.By) {
		return a.late()
	}
	return a.end(outcome.Canceled, "caller_gone", fault.New(fault.Canceled, "canceled", "The caller went away."))
}

// late ends the attempt because a deadline has passed.
func (a *attempt) late() bool {
	now := a.c.cfg.Now()
	reason := "gap_timeout"
	switch {
	case !now.Before(a.call.By) && a.blocked > now.Sub(a.start)/4:
		// The caller took a good part of the time: the miner is not to blame.
		return a.end(outcome.Canceled, "caller_slow", fault.New(fault.Canceled, "canceled", "The caller reads too slowly."))
	case !now.Before(a.call.By):
		reason = "total_timeout"
	case !a.call.Request.Stream():
		reason = "timeout"
	case a.first == 0:
		reason = "first_token_timeout"
	}
	return a.end(outcome.Failed, reason, fault.New(fault.Timeout, reason, "The miner did not answer in time."))
}

// broken ends the attempt because reading failed.
func (a *attempt) broken(err error) bool {
	switch {
	case a.ctx.Err() != nil:
		return a.gone()
	case errors.Is(err, os.ErrDeadlineExceeded):
		return a.late()
	case local(err):
		return a.ours("local_resources", err)
	case errors.Is(err, errHead), errors.Is(err, errFraming):
		return a.fail("malformed_http", "The miner's response is not HTTP.")
	case errors.Is(err, errHeadSize):
		return a.fail("head_too_large", "The head of the miner's response is too large.")
	}
	if a.c.cfg.DialReason != nil && !a.cn.got { // TLS may tell only now
		if reason := a.c.cfg.DialReason(err); reason != "" {
			return a.end(outcome.Failed, reason, fault.Wrap(err, fault.Upstream, reason, "The miner cannot be reached"))
		}
	}
	reason := "truncated"
	if !a.cn.got {
		reason = "no_response"
	} else if errors.Is(err, syscall.ECONNRESET) {
		reason = "connection_reset"
	}
	return a.end(outcome.Failed, reason, fault.Wrap(err, fault.Upstream, reason, "The miner's response broke off"))
}

// respond takes a response whose head has come.
func (a *attempt) respond(h head) bool {
	switch {
	case h.status == 429:
		wait := parseRetryAfter(h.retryAfter, a.c.cfg.Now())
		a.ans.RetryAfter = wait
		e := fault.New(fault.RateLimited, "rate_limited", "The miner takes no more requests for now.")
		e.RetryAfter = wait
		a.end(outcome.RateLimited, "http_429", e)
		return a.drain(h)
	case h.status != 200:
		a.fail(fmt.Sprintf("http_%d", h.status), "The miner answered with status %d.", h.status)
		return a.drain(h)
	case h.encoded:
		return a.fail("malformed_http", "The miner's response is compressed, which was not asked for.")
	case !a.call.Request.Stream():
		return a.whole(h)
	case !h.events:
		return a.fail("not_a_stream", "The miner's response is not a stream.")
	}
	return a.stream(h)
}

// maxDrained and drainTime bound what is done to keep a connection whose
// response does not matter.
const (
	maxDrained = 16 << 10
	drainTime  = 50 * time.Millisecond
)

// drain reads an unwanted body to its end, if that is near, and says whether
// the connection can be used again.
func (a *attempt) drain(h head) bool {
	if h.close || h.status == 204 || h.status == 304 {
		return false
	}
	b := newBody(h)
	return b.framing != byClose && a.skip(&b)
}

// skip reads the rest of a body without looking at it.
func (a *attempt) skip(b *body) bool {
	armed := false
	for read := 0; !b.done; {
		_, n, err := b.take(a.cn.unread())
		a.cn.r += n
		if read += n; err != nil || read > maxDrained {
			return false
		}
		if b.done || n > 0 {
			continue
		}
		if !armed {
			armed = true
			a.cn.SetReadDeadline(time.Now().Add(drainTime))
		}
		if a.cn.fill() != nil {
			return false
		}
	}
	return a.cn.r == a.cn.w // what follows a response was not asked for
}

// whole takes an answer that is not streamed.
func (a *attempt) whole(h head) bool {
	if h.length > a.c.cfg.MaxResponse {
		return a.fail("too_large", "The miner's answer is too large.")
	}
	buf := buffers.Get().(*[]byte)
	defer putBuffer(buf)
	b := newBody(h)
	for !b.done {
		data, n, err := b.take(a.cn.unread())
		a.cn.r += n
		if err != nil {
			return a.broken(err)
		}
		// Framing may be as much as the data, which no server comes near.
		a.read += int64(n)
		if *buf = append(*buf, data...); int64(len(*buf)) > a.c.cfg.MaxResponse || a.read/2 > a.c.cfg.MaxResponse {
			return a.fail("too_large", "The miner's answer is too large.")
		}
		if n > 0 || b.done {
			continue
		}
		if err := a.fill(); err != nil {
			if b.framing == byClose && errors.Is(err, io.EOF) {
				break
			}
			return a.broken(err)
		}
	}
	at := a.c.cfg.Now().Sub(a.start)
	reusable := !h.close && b.framing != byClose && a.cn.r == a.cn.w
	work, err := a.call.Kind.Count(*buf, a.call.Request)
	if err == nil {
		a.ans.Body, err = a.call.Kind.Show(*buf, work, a.call.Request, a.call.Task)
	}
	if a.call.Keep {
		a.ans.Kept = append([]byte(nil), *buf...)
	}
	if err != nil {
		a.end(outcome.Failed, codeOf(err), err)
		return reusable
	}
	a.first = max(at, 1)
	a.arrivals.note(at, 1)
	a.ans.Work = work
	a.end(outcome.OK, "", nil)
	return reusable
}

// codeOf is the reason that an error of the answer's form gives.
func codeOf(err error) string {
	var e *fault.Error
	if errors.As(err, &e) && e.Code != "" {
		return e.Code
	}
	return "malformed_answer"
}

// stream passes on a streamed answer.
func (a *attempt) stream(h head) bool {
	s := streams.Get().(*openai.Stream)
	defer streams.Put(s)
	s.Reset(openai.Options{
		Limit: a.c.cfg.MaxEvent, Model: a.call.Task.Name, TokenIDs: a.call.Request.Wants().TokenIDs,
		Max: openai.Bounds{Completion: a.call.Request.Work(), Prompt: task.MostPrompt(a.call.Request)},
	})
	b := newBody(h)
	ok, reusable := a.pass(s, &b)
	tally := s.Tally()
	a.ans.Work = task.Work{Units: tally.Completion, Prompt: tally.Prompt}
	a.ans.Finish = tally.Finish
	a.ans.Meta = s.Meta()
	if !ok {
		return false
	}
	// The answer is whole; where the body's end is not far, wait for it, so as
	// to use the connection again.
	reusable = reusable && !h.close && b.framing != byClose && a.skip(&b)
	if a.ctx.Err() != nil && a.ans.Outcome.Status != outcome.OK {
		reusable = false
	}
	a.end(outcome.OK, "", nil)
	return reusable
}

// pass passes on events until the answer is whole. If it is not to become so,
// the attempt has been ended and ok is false.
func (a *attempt) pass(s *openai.Stream, b *body) (ok, reusable bool) {
	gap := a.call.Task.Timeouts.Gap
	most := proto.MaxStream(task.MostPrompt(a.call.Request), a.call.Request.Work())
	for {
		var out *[]byte
		var wrong error
		before, finish := s.Chunks(), s.Tally().Finish
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
		if !a.flush(out, wrong, s.Chunks()-before) {
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
		if s.Chunks() > before || s.Started() && finish != s.Tally().Finish {
			a.due = earlier(a.passed.Add(gap), a.call.By)
			if a.due.Sub(a.armed) > gap/8 || a.due.Before(a.armed) {
				a.arm(a.passed, false)
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
func (a *attempt) flush(out *[]byte, wrong error, events int) (ok bool) {
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
		a.arrivals.note(at, events)
	}
	a.ans.Started = true
	err := a.sink.Events(*out)
	a.passed = a.c.cfg.Now()
	a.blocked += a.passed.Sub(before)
	if err != nil {
		if a.ctx.Err() != nil {
			return a.gone()
		}
		return a.end(outcome.Canceled, "caller_gone", fault.Wrap(err, fault.Canceled, "canceled", "The caller went away"))
	}
	return true
}
