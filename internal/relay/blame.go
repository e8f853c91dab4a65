package relay

import (
	"context"
	"errors"
	"os"
	"syscall"

	"vision/internal/fault"
	"vision/internal/outcome"
)

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
	return a.end(outcome.Canceled, outcome.CallerGone, fault.New(fault.Canceled, "canceled", "The caller went away."))
}

// late ends the attempt because a deadline has passed.
func (a *attempt) late() bool {
	now := a.c.cfg.Now()
	reason := "gap_timeout"
	switch {
	case !now.Before(a.call.By) && a.blocked > now.Sub(a.start)/4:
		// The caller took a good part of the time: the miner is not to blame.
		return a.end(outcome.Canceled, outcome.CallerSlow, fault.New(fault.Canceled, "canceled", "The caller reads too slowly."))
	case !now.Before(a.call.By):
		reason = "total_timeout"
	case !a.call.Request.Stream():
		reason = "timeout"
	case a.first == 0:
		reason = "first_token_timeout"
	}
	return a.end(outcome.Failed, reason, fault.New(fault.Timeout, reason, "The miner did not answer in time."))
}

// cutOff says whether a miner that sent nothing for as long as it had, though we
// waited for it, could not: nobody was heard meanwhile, and several should have
// been. A stream that broke off has the others as witnesses from the moment it
// did; to one that has not begun it can happen at any time.
func (a *attempt) cutOff() bool {
	now, patience := a.c.cfg.Now(), a.patience()
	from, since := a.written, now.Add(-patience)
	if !a.passed.IsZero() {
		from = a.passed
		since = earlier(since, from.Add(patience))
	}
	return patience > 0 && now.Sub(from) >= patience && a.c.net.lose(a.call.Peer.Miner, since)
}

// broken ends the attempt because reading failed.
func (a *attempt) broken(err error) bool {
	switch {
	case a.ctx.Err() != nil:
		return a.gone()
	case errors.Is(err, os.ErrDeadlineExceeded):
		if a.cutOff() {
			return a.ours("network_down", err)
		}
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
	if unreached(err) && a.cutOff() { // the system gave the connection up
		return a.ours("network_down", err)
	}
	reason := "truncated"
	if !a.cn.got {
		reason = "no_response"
	} else if errors.Is(err, syscall.ECONNRESET) {
		reason = "connection_reset"
	}
	return a.end(outcome.Failed, reason, fault.Wrap(err, fault.Upstream, reason, "The miner's response broke off"))
}

// codeOf is the reason that an error of the answer's form gives.
func codeOf(err error) string {
	var e *fault.Error
	if errors.As(err, &e) && e.Code != "" {
		return e.Code
	}
	return "malformed_answer"
}
