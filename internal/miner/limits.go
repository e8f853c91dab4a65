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

// volumes meters each validator's share of each task's declared units: a
// bucket that holds at most one period's share and refills evenly.
type volumes struct {
	mu      sync.Mutex // guards buckets and what they hold
	buckets map[account]*bucket
}

type bucket struct {
	left float64 // units that may be asked for now; at most the share
	at   time.Time
}

// take reserves units out of a share of units a period. If there are not
// enough, it says after how long there will be, at most a period. A request
// larger than the whole share is let through when the bucket is full, or it
// could never be served.
func (v *volumes) take(who account, units int64, share float64, period time.Duration, now time.Time) (wait time.Duration, ok bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.buckets == nil {
		v.buckets = map[account]*bucket{}
	}
	b := v.buckets[who]
	if b == nil {
		b = &bucket{left: share, at: now}
		v.buckets[who] = b
	}
	perSecond := share / period.Seconds()
	if passed := now.Sub(b.at).Seconds(); passed > 0 {
		b.left += passed * perSecond
		b.at = now
	}
	b.left = math.Min(b.left, share)
	want := math.Min(float64(units), share)
	if b.left < want || share <= 0 {
		missing := want - b.left
		if share <= 0 {
			return period, false
		}
		return min(time.Duration(missing/perSecond*float64(time.Second)), period), false
	}
	b.left -= float64(units)
	return 0, true
}

// giveBack returns reserved units that were not served.
func (v *volumes) giveBack(who account, units int64) {
	if units <= 0 {
		return
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if b := v.buckets[who]; b != nil {
		b.left += float64(units) // take cuts it to the share
	}
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
