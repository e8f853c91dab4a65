package relay

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"time"

	"vision/internal/fault"
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

	start    time.Time     // the first write's, once sent; or when connecting began, see slowConnection
	written  time.Time     // the first write's
	sent     bool          // something has been written, on this connection or one before it
	due      time.Time     // when what we wait for must have come
	armed    time.Time     // the connection's read deadline; not after due
	passed   time.Time     // when output was last passed on
	hushed   bool          // the network knows that the stream is silent
	blocked  time.Duration // spent in the Sink
	lost     int64         // units that the Sink did not take: the miner's work, but not the caller's
	read     int64         // bytes of the body, framing included
	quiet    int64         // of them, since the last read with output
	first    time.Duration
	arrivals arrivals
	signed   proto.Signed // what was signed of the request, the names of both sides left out
}

// prove keeps the miner's signature of what is kept, if it sent one.
func (a *attempt) prove(answer string) {
	if answer != "" && a.signed.ID != "" {
		a.ans.Proof = &proto.Proof{Path: a.signed.Path, ID: a.signed.ID, Expires: a.signed.Expires.Truncate(time.Millisecond).UTC(), Answer: answer, Public: a.call.Public}
	}
}

// lineEnds says whether a few bytes are nothing but ends of lines.
func lineEnds(p []byte) bool {
	return len(p) <= 4 && len(bytes.Trim(p, "\r\n")) == 0
}

// Do makes one attempt. See the package's comment for what it promises.
func (c *Client) Do(ctx context.Context, call Call, sink Sink) Answer {
	a := attempt{c: c, ctx: ctx, call: &call, sink: sink}
	a.ans.Outcome = outcome.Outcome{
		Request: call.ID, Try: call.Try, Last: call.Last, Key: call.Key, Source: call.Source,
		Task: call.Task.Name, Miner: call.Peer.Miner, Stream: call.Request.Stream(),
		Asked: max(call.Request.Work(), 0),
	}
	a.start = c.cfg.Now()
	reusable := a.run()
	a.ans.Outcome.Start = a.start
	a.ans.Outcome.FirstOutput = a.first
	a.ans.Outcome.Total = max(a.took(c.cfg.Now()), 0)
	a.ans.Outcome.Blocked = a.blocked
	a.ans.Outcome.Arrivals = a.arrivals.sum(a.ans.Outcome.Total)
	if f := c.cfg.Beacons; f != nil && a.arrivals.chunks > 0 && a.ans.Outcome.Stream {
		if from, until, ok := f(a.start.Add(a.first), a.start.Add(a.ans.Outcome.Total)); ok {
			a.ans.Outcome.Beacon = outcome.During{Time: until.Sub(from), Work: a.arrivals.between(from.Sub(a.start), until.Sub(a.start))}
		}
	}
	a.ans.Outcome.Work = a.ans.Work.Units + a.lost
	a.ans.Outcome.PromptWork = a.ans.Work.Prompt
	if a.cn != nil {
		a.ans.Outcome.Floor = a.cn.roundTrip()
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
			if unreached(err) && !c.cfg.Now().Before(firstBy) {
				return a.late() // the time that it had was up, which the caller set
			}
			reason := c.dialReason(err)
			return a.end(outcome.Failed, reason, fault.Wrap(err, fault.Upstream, reason, "The miner cannot be reached"))
		}
		a.cn = cn
		again, reusable := a.exchange(firstBy, dialled)
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

// deathShows is how long after a request's writing has begun the death of an idle
// connection shows at the latest. Whoever hangs up later may have read the
// request and worked on it: that is an answer, if a bad one.
const deathShows = 100 * time.Millisecond

// slowConnection is how long a connection may take to be made before that counts as the miner's time. It does not as long as it
// is what distance and a busy validator may take; beyond, a miner could have requests wait
// for a free GPU without its answers being any slower. A beacon makes very many at once, and allows for that itself; what
// others wait for meanwhile is our doing.
const slowConnection = time.Second

// exchange sends the request and takes the response. It says again if an idle
// connection turns out to have been dead. The time that this took stays in the
// attempt's: hanging up buys a miner none.
func (a *attempt) exchange(firstBy, dialled time.Time) (again, reusable bool) {
	cn := a.cn
	stop := context.AfterFunc(a.ctx, func() { cn.Close() })
	defer func() {
		if !stop() { // the caller has gone meanwhile, and the connection with it
			reusable = false
		}
	}()
	begun := a.c.cfg.Now()
	if !a.sent {
		a.sent, a.start, a.written = true, begun, begun
		if begun.Sub(dialled) > slowConnection && a.call.Source != outcome.Burst && !a.besideBeacon(dialled, begun) {
			a.start = dialled
		}
	}
	a.due = firstBy
	a.arm(a.due, begun, true)
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

// besideBeacon says whether a beacon asked between two times.
func (a *attempt) besideBeacon(from, until time.Time) bool {
	if a.c.cfg.Beacons == nil {
		return false
	}
	_, _, asked := a.c.cfg.Beacons(from, until)
	return asked
}

// inOneWrite is how large a payload may be to be written together with the
// head, before anything is read. It fits in the buffers of any socket, so that
// a miner that answers without reading cannot hold us up.
const inOneWrite = 32 << 10

// write sends the request. A large one is sent while the response is already
// being read; then writing tells the end.
func (a *attempt) write() (writing chan error, err error) {
	b := buffers.Get().(*[]byte)
	if *b, a.signed, err = a.c.appendHead((*b)[:0], a.call, a.cn.signer); err != nil {
		putBuffer(b)
		a.cn.Close() // there will be no answer to what was not sent
		return nil, err
	}
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

// arm sets the connection's deadline, given the time.
func (a *attempt) arm(at, now time.Time, writes bool) {
	a.armed = at
	at = time.Now().Add(at.Sub(now))
	if writes {
		a.cn.SetDeadline(at)
		return
	}
	a.cn.SetReadDeadline(at)
}

// fill reads more of the response. A deadline that is not yet due is moved on:
// so it is not set anew for every read. On the way, a stream that is silent
// tells the network so.
func (a *attempt) fill() error {
	for {
		err := a.cn.fill()
		if err == nil {
			a.unhush()
			return nil
		}
		now := a.c.cfg.Now()
		if !errors.Is(err, os.ErrDeadlineExceeded) || !a.due.After(now) || !a.due.After(a.armed) {
			return err
		}
		next := a.due
		if !a.passed.IsZero() {
			if quiet := a.silentBy(); quiet.After(a.armed) { // something has come since
				next = quiet
			} else if !a.hushed {
				a.hushed = true
				a.c.net.hush(a.call.Peer.Miner)
			}
		}
		a.arm(next, now, false)
	}
}

// patience is how long a stream must say nothing to be silent.
func (a *attempt) patience() time.Duration { return min(silence, a.call.Task.Timeouts.Gap/2) }

// silentBy is when a stream is silent if nothing comes before; not after due.
func (a *attempt) silentBy() time.Time { return earlier(a.passed.Add(a.patience()), a.due) }

// unhush says that the stream is not silent, or no more.
func (a *attempt) unhush() {
	if a.hushed {
		a.hushed = false
		a.c.net.unhush(a.call.Peer.Miner)
	}
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
		data, n, err := b.take(a.cn.unread())
		a.cn.r += n
		if b.wants && a.call.Keep && lineEnds(data) { // of [DONE], which are signed too
			a.ans.Kept = append(a.ans.Kept, data...)
		}
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
