package dispatch

import (
	"math/bits"
	"sync/atomic"
	"time"

	"vision/internal/outcome"
)

// BreakerState is what a miner's record in a task lets through.
type BreakerState uint8

const (
	// BreakerClosed: it answers; nothing is held back.
	BreakerClosed BreakerState = iota
	// BreakerHalfOpen: its back-off is over. One request, a trial, shows
	// whether it answers again; until then others ask it last.
	BreakerHalfOpen
	// BreakerOpen: it failed again and again. It is asked only where nobody
	// better is to be had.
	BreakerOpen
)

func (s BreakerState) String() string {
	return [...]string{"closed", "half_open", "open"}[s]
}

const (
	failuresTrip = 3  // failures in a row that open a breaker
	windowTrip   = 10 // failures of the newest window answers that do so as well
	window       = 20
	failedMin    = time.Second // back-off of a breaker
	failedMax    = 30 * time.Second
	// trialMax is when a trial that has not ended is no longer waited for: a
	// long stream says nothing until its end.
	trialMax = 30 * time.Second
)

// breaker keeps requests from a miner that fails.
//
//	          3 failures in a row, or 10 of 20
//	closed ─────────────────────────────────────► open ◄────────┐
//	   ▲                                           │ back-off   │ failure of a request
//	   │  good answer to a request begun since     ▼            │ begun since
//	   └─────────────────────────────────────── half-open ──────┘
//
// The back-off is drawn anew each time, from half to all of a second the first
// time and up to 30 s later on, so that miners which failed together do not
// come back together. Whatever is asked of the miner decides, the validator's
// own requests as well as customers'; answers to requests begun before the
// breaker opened do not.
//
// until and trial are read without a lock; record.mu guards the rest, and
// writing until.
type breaker struct {
	until atomic.Int64 // open until then, then half-open, Unix nanoseconds; 0: closed
	trial atomic.Int64 // while it is half-open a trial is under way, at most until then

	opened int64  // when it last opened, Unix nanoseconds
	opens  int    // times in a row
	row    int    // failures in a row, while closed
	window uint32 // the newest answers while closed, the latest in bit 0; 1 is a failure
}

// state is the breaker's at a time in Unix nanoseconds.
func (b *breaker) state(now int64) BreakerState {
	switch until := b.until.Load(); {
	case until == 0:
		return BreakerClosed
	case until <= now:
		return BreakerHalfOpen
	}
	return BreakerOpen
}

// holds says whether requests are to go elsewhere if they can.
func (b *breaker) holds(now int64) bool {
	until := b.until.Load()
	return until != 0 && (until > now || b.trial.Load() > now)
}

// admit makes a request that is about to begin the trial, if one is due. It
// gives false if another request has become it in the meantime.
func (b *breaker) admit(now int64) bool {
	if until := b.until.Load(); until == 0 || until > now {
		return true
	}
	t := b.trial.Load()
	return t <= now && b.trial.CompareAndSwap(t, now+int64(trialMax))
}

// note learns from how an attempt ended, and says whether the breaker opened.
// The caller holds record.mu.
func (b *breaker) note(o *outcome.Outcome, end time.Time) (opened bool) {
	until, began := b.until.Load(), o.Start.UnixNano()
	switch {
	case o.Status == outcome.OK && until == 0:
		b.row, b.window = 0, b.window<<1
	case o.Status == outcome.OK && began >= b.opened:
		b.row, b.window, b.opens = 0, 0, 0
		b.until.Store(0)
		b.trial.Store(0)
	case o.Status == outcome.Failed && until == 0:
		b.row++
		b.window = b.window<<1 | 1
		if b.row >= failuresTrip || bits.OnesCount32(b.window&(1<<window-1)) >= windowTrip {
			b.open(end)
			return true
		}
	case o.Status == outcome.Failed && began >= until:
		b.open(end)
		return true
	case o.Status == outcome.OK, o.Status == outcome.Failed: // begun too early to decide
	default:
		b.trial.Store(0) // it decided nothing, if it was the trial
	}
	return false
}

func (b *breaker) open(now time.Time) {
	wait := backOff(failedMin, failedMax, b.opens)
	at := now.UnixNano()
	wait = wait/2 + time.Duration(below(mix(uint64(at)), int(wait/2)+1))
	b.opens++
	b.row, b.window, b.opened = 0, 0, at
	b.until.Store(at + int64(wait))
	b.trial.Store(0)
}
