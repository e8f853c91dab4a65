package apikey

import (
	"math"
	"sync/atomic"
	"time"
)

// Limit allows a number of units a minute, requests or tokens: that many at once
// after a pause, and then each as its share of the minute has passed. It is
// safe for any number of goroutines, takes no lock, and needs no timer: all it
// keeps is the instant at which it would be unused again.
type Limit struct {
	perMinute int64
	share     atomic.Int64 // of how many limits this is one; see Share
	unused    atomic.Int64 // Unix nanoseconds
	latest    atomic.Int64 // of the instants that it was asked at since the clock was set back last, Unix nanoseconds
}

// setBack is how much earlier than another an instant must be for the clock to have been set back: requests that come slowly
// are asked about late. A limit that waited for the old time to come again would refuse everything until then.
const setBack = 2 * time.Minute

// Standing is where a limit stands after a request.
type Standing struct {
	OK        bool
	Limit     int64         // units a minute
	Remaining int64         // that may follow at once
	Reset     time.Duration // until Remaining is Limit again
	Retry     time.Duration // until as much as was asked for is allowed; 0 if OK
}

// NewLimit makes a limit of perMinute units, 1 to MaxPerMinute.
func NewLimit(perMinute int64) *Limit {
	l := &Limit{perMinute: perMinute}
	l.share.Store(1)
	return l
}

// Share makes the limit one of n that allow perMinute together, and at least one
// unit a minute each.
func (l *Limit) Share(n int) { l.share.Store(int64(max(n, 1))) }

// size is what is allowed a minute.
func (l *Limit) size() int64 { return max(l.perMinute/l.share.Load(), 1) }

// earned is the time in which n units are, of size a minute, rounded up.
func earned(n, size int64) int64 {
	if n > math.MaxInt64/int64(time.Minute)-1 {
		return int64(float64(n) / float64(size) * float64(time.Minute))
	}
	return (n*int64(time.Minute) + size - 1) / size
}

// full is the time in which size units are earned one by one: a minute, and
// what rounding adds.
func full(size int64) int64 { return earned(1, size) * size }

// Take counts a request at now, if it is allowed. One that is not costs nothing.
func (l *Limit) Take(now time.Time) Standing { return l.TakeN(now, 1) }

// TakeN counts n units at now, if they are allowed, all or none. As many as are
// allowed a minute stand for more: whatever waits long enough is allowed.
func (l *Limit) TakeN(now time.Time, n int64) Standing {
	at, size := now.UnixNano(), l.size()
	l.follow(at)
	n = min(max(n, 0), size)
	for {
		old := l.unused.Load()
		next := max(old, at) + earned(n, size)
		over := time.Duration(next - at - full(size))
		if over > 0 {
			left := full(size) - max(old-at, 0)
			return Standing{Limit: size, Remaining: max(units(left, size), 0), Reset: shown(old - at), Retry: over}
		}
		if l.unused.CompareAndSwap(old, next) {
			return Standing{OK: true, Limit: size, Remaining: units(int64(-over), size), Reset: shown(next - at)}
		}
	}
}

// follow has what is used stay used when the clock is set back.
func (l *Limit) follow(at int64) {
	for {
		latest := l.latest.Load()
		switch back := latest - at; {
		case back > int64(setBack):
			if l.latest.CompareAndSwap(latest, at) {
				l.unused.Add(-back)
				return
			}
		case back >= 0 || l.latest.CompareAndSwap(latest, at):
			return
		}
	}
}

// shown leaves out what rounding adds.
func shown(ns int64) time.Duration { return time.Duration(max(ns, 0)).Truncate(time.Microsecond) }

// units is how many units are earned in a time.
func units(ns, size int64) int64 {
	if ns > math.MaxInt64/size {
		return int64(float64(ns) / float64(time.Minute) * float64(size))
	}
	return ns * size / int64(time.Minute)
}

// Taken is what TakeN counted for n: what Back is to be called with.
func (l *Limit) Taken(n int64) int64 { return min(max(n, 0), l.size()) }

// Back undoes the counting of n units that were taken and not used; below 0 are
// units that were used and not taken, which are owed.
func (l *Limit) Back(n int64) {
	size := l.size()
	if n < 0 {
		l.unused.Add(earned(min(-n, 60*size), size))
		return
	}
	l.unused.Add(-earned(n, size))
}

// Idle says whether the limit is as good as new at now.
func (l *Limit) Idle(now time.Time) bool { return l.unused.Load() <= now.UnixNano() }
