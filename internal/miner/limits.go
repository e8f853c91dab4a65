package miner

import (
	"math"
	"sync"
	"time"

	"vision/internal/hotkey"
)

// slots is a limit on requests at once. Its size may change while requests run.
type slots struct {
	mu   sync.Mutex // guards both
	used int
	size int
}

func (s *slots) resize(size int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.size = size
}

func (s *slots) tryAcquire() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.used >= s.size {
		return false
	}
	s.used++
	return true
}

func (s *slots) release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.used--
}

func (s *slots) inUse() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.used
}

// account is whom a volume is counted for.
type account struct {
	validator hotkey.ID
	task      string
}

// burst is how many periods' shares a bucket holds. A validator's periods
// begin when it likes. With room for two, and two to begin with, one that uses
// no more than its share in each of its own periods is never refused, whether
// it uses it early or late in them; with less, one that used a period's share
// late would find too little early in the next. Over time it is served its
// share a period all the same.
const burst = 2

// volumes meters each validator's share of each task's declared units: a
// bucket that holds burst periods' shares and refills evenly.
type volumes struct {
	mu      sync.Mutex // guards buckets and what they hold
	buckets map[account]*bucket
}

type bucket struct {
	left float64 // units that may be asked for now; below 0 if more was served than reserved
	at   time.Time
}

// take reserves units out of a share of units a period. If there are not
// enough, it says after how long there will be, at most a period. A request
// larger than the whole share is let through when that share is there, or it
// could never be served.
func (v *volumes) take(who account, units int64, share float64, period time.Duration, now time.Time) (wait time.Duration, ok bool) {
	if share <= 0 {
		return period, false
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.buckets == nil {
		v.buckets = map[account]*bucket{}
	}
	b := v.buckets[who]
	if b == nil {
		b = &bucket{left: burst * share, at: now}
		v.buckets[who] = b
	}
	perSecond := share / period.Seconds()
	if passed := now.Sub(b.at).Seconds(); passed > 0 {
		b.left += passed * perSecond
		b.at = now
	}
	b.left = math.Min(b.left, burst*share)
	if missing := math.Min(float64(units), share) - b.left; missing > 0 {
		return min(time.Duration(missing/perSecond*float64(time.Second)), period), false
	}
	b.left -= float64(units)
	return 0, true
}

// settle puts what was served in the place of what was reserved. More served
// than reserved overdraws the bucket, but by no more than a share and the
// request itself: many long answers at once cost at most about a period's wait.
func (v *volumes) settle(who account, reserved, served int64, share float64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	b := v.buckets[who]
	if b == nil {
		return
	}
	least := math.Min(b.left, -share-float64(served))
	b.left = math.Max(b.left+float64(reserved-served), least) // take cuts it to the burst
}

// prune forgets buckets that nobody used for two periods: they are full.
func (v *volumes) prune(before time.Time) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for who, b := range v.buckets {
		if b.at.Before(before) {
			delete(v.buckets, who)
		}
	}
}
