package beacon

import (
	"sync"
	"time"
)

// Windows are the times in which the last beacons asked, for who tells what else happened meanwhile. The zero value
// knows of none. It is safe for concurrent use.
type Windows struct {
	mu   sync.Mutex // guards the rest
	list [16]window // the newest at next-1
	next int
}

type window struct{ from, until time.Time }

// Add notes that a beacon asks from one time until another. It may be told before.
func (w *Windows) Add(from, until time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.list[w.next%len(w.list)] = window{from, until}
	w.next++
}

// Within gives the part of a time in which a beacon asked; of several beacons, that of the last. ok is false if
// none did, or it is not known any more.
func (w *Windows) Within(start, end time.Time) (from, until time.Time, ok bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := range w.list {
		of := w.list[(w.next+len(w.list)-1-i)%len(w.list)] // the newest first
		if from, until = later(of.from, start), earlier(of.until, end); from.Before(until) {
			return from, until, true
		}
	}
	return time.Time{}, time.Time{}, false
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
