package dispatch

import (
	"math"
	"sync"
	"sync/atomic"
	"time"

	"vision/internal/outcome"
)

const (
	// priorSuccess is what is expected of a miner without a record. It is
	// pessimistic; that it is asked all the same is priorWait's doing.
	priorSuccess = 0.6
	// priorWait is the expected wait of a miner without a record, as a share
	// of what is usual in its task: short enough that it is tried soon, and
	// load keeps it from getting much before its first answer.
	priorWait = 0.5
	// noWait stands for the usual wait while nobody has been asked, seconds.
	noWait = 1

	recent      = 0.1  // weight of the newest outcome in a miner's averages
	recentUsual = 0.02 // the same in a task's
	forgetAfter = 10 * time.Minute
	refusedMin  = time.Second // back-off after a 429
	refusedMax  = 30 * time.Second
)

// record is what was seen of one miner in one task. It outlives periods.
type record struct {
	// What is read to pick comes first: it fits into a cache line.
	inFlight atomic.Int64
	used     atomic.Int64  // units consumed this period
	first    atomic.Uint64 // average time to a stream's first output, bits of seconds; 0 is unknown
	pace     atomic.Uint64 // average time of a whole answer per unit, bits of seconds; 0 is unknown
	success  atomic.Uint64 // average of good (1) and bad (0) answers, as bits
	seen     atomic.Int64  // when the last outcome came, Unix nanoseconds
	refused  atomic.Int64  // Closed until then
	breaker  breaker
	probes   atomic.Int64 // of inFlight, the validator's own
	whole    atomic.Int64 // of used, those in answers that were good
	bursts   bursts
	rhythm   rhythm  // of customers' requests; has a lock of its own
	escorts  escorts // that wait for a customer's request; has a lock of its own

	elsewhere atomic.Int64 // customers' requests under way through other processes; see elsewhere.go
	changed   atomic.Bool  // it is in the list of changes
	changes   *changes     // nil: nobody ever follows
	of        pair         // whose record it is

	name atomic.Pointer[string] // the miner's address as text

	mu       sync.Mutex // serialises updates of all but inFlight and used; guards the rest
	answers  int        // good or bad so far
	refusals int        // in a row
	absent   int        // periods without this contender; guarded by Board.mu instead
}

func newRecord() *record {
	r := new(record)
	r.success.Store(math.Float64bits(priorSuccess))
	return r
}

// usual is what is normal in one task: averages over all its miners.
type usual struct {
	first  average // seconds to a stream's first output
	pace   average // seconds per unit of a whole answer
	work   average // units of an answer
	firsts quantile
	paces  quantile
	load   atomic.Int64 // requests under way at seats on the Board
	trips  atomic.Int64 // breakers that opened so far

	escorts atomic.Int64 // that wait at its contenders
}

// average is an exponentially decaying mean that any goroutine may add to.
// 0 means that nothing was added yet.
type average struct{ bits atomic.Uint64 }

func (a *average) value() float64 { return math.Float64frombits(a.bits.Load()) }

func (a *average) add(x, weight float64) {
	for {
		old := a.bits.Load()
		v := math.Float64frombits(old)
		if v == 0 {
			v = x
		} else {
			v += weight * (x - v)
		}
		if a.bits.CompareAndSwap(old, math.Float64bits(v)) {
			return
		}
	}
}

// note updates the averages with how an attempt ended.
func (r *record) note(o *outcome.Outcome, u *usual, retryAfter time.Duration) {
	end := o.End()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.breaker.note(o, end) {
		u.trips.Add(1)
	}
	if o.Status == outcome.Ours {
		return
	}
	r.seen.Store(max(r.seen.Load(), end.UnixNano()))
	if o.Stream && o.FirstOutput > 0 {
		// A chunk that runs ahead of the rest makes nobody look quick.
		r.first.Store(blend(r.first.Load(), o.FirstUseful().Seconds(), recent))
		u.first.add(o.FirstOutput.Seconds(), recentUsual)
		u.firsts.add(o.FirstOutput.Seconds())
	}
	switch o.Status {
	case outcome.Canceled:
		switch o.Reason {
		case outcome.Refused:
			// It counts for no score, but who refuses what others serve is
			// asked less. A wrong request costs all whom it meets the same.
			r.judge(0)
		case outcome.OurOverload:
			r.leave(end, retryAfter)
		case outcome.Hedged:
			r.noteHedged(o, u)
		}
	case outcome.OK:
		if o.Work > 0 && o.Total > 0 && o.Blocked <= o.Total/10 { // else its pace is not known
			pace := o.Total.Seconds() / float64(o.Work)
			r.pace.Store(blend(r.pace.Load(), pace, recent))
			u.pace.add(pace, recentUsual)
			u.paces.add(pace)
			u.work.add(float64(o.Work), recentUsual)
		}
		r.judge(1)
		r.refusals = 0
	case outcome.RateLimited:
		r.judge(0)
		r.leave(end, retryAfter)
	case outcome.Failed:
		r.judge(0)
	}
}

// leave leaves a miner that has just answered 429 alone for a while.
func (r *record) leave(now time.Time, retryAfter time.Duration) {
	wait := backOff(refusedMin, refusedMax, r.refusals)
	if retryAfter > 0 {
		wait = min(max(retryAfter, refusedMin), refusedMax)
	}
	r.refusals++
	r.refused.Store(now.Add(wait).UnixNano())
}

// judge moves the success average; the first few answers weigh more, so that a
// record is soon the miner's own.
func (r *record) judge(x float64) {
	r.answers++
	s := math.Float64frombits(r.success.Load())
	s += max(recent, 1/float64(r.answers+2)) * (x - s)
	r.success.Store(math.Float64bits(s))
}

func blend(bits uint64, x, weight float64) uint64 {
	if bits == 0 {
		return math.Float64bits(x)
	}
	v := math.Float64frombits(bits)
	return math.Float64bits(v + weight*(x-v))
}

// backOff doubles low n times, at most to high.
func backOff(low, high time.Duration, n int) time.Duration {
	return min(low<<min(n, 16), high)
}
