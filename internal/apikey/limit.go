package apikey

import (
	"sync/atomic"
	"time"
)

// Limit allows a number of requests a minute: that many at once after a pause,
// and then one each time its share of the minute has passed. It is safe for
// any number of goroutines, takes no lock, and needs no timer: all it keeps is
// the instant at which it would be unused again.
type Limit struct {
	full      time.Duration // time in which PerMinute requests are earned: a minute
	each      time.Duration // time in which one is
	perMinute int
	unused    atomic.Int64 // Unix nanoseconds
}

// Standing is where a limit stands after a request.
type Standing struct {
	OK        bool
	Limit     int           // requests a minute
	Remaining int           // that may follow at once
	Reset     time.Duration // until Remaining is Limit again
	Retry     time.Duration // until the next request is allowed; 0 if OK
}

// NewLimit makes a limit of perMinute requests, > 0.
func NewLimit(perMinute int) *Limit {
	each := time.Minute / time.Duration(perMinute)
	return &Limit{full: each * time.Duration(perMinute), each: each, perMinute: perMinute}
}

// Take counts a request at now, if it is allowed. One that is not costs nothing.
func (l *Limit) Take(now time.Time) Standing {
	at := now.UnixNano()
	for {
		old := l.unused.Load()
		next := max(old, at) + int64(l.each)
		over := time.Duration(next-at) - l.full
		if over > 0 {
			return Standing{Limit: l.perMinute, Reset: time.Duration(old - at), Retry: over}
		}
		if l.unused.CompareAndSwap(old, next) {
			return Standing{OK: true, Limit: l.perMinute, Remaining: int(-over / l.each), Reset: time.Duration(next - at)}
		}
	}
}

// Idle says whether the limit is as good as new at now.
func (l *Limit) Idle(now time.Time) bool { return l.unused.Load() <= now.UnixNano() }
