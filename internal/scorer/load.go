package scorer

import (
	"math"

	"vision/internal/hotkey"
	"vision/internal/outcome"
)

// load is where a task's capacity went in a period so far, in its unit.
type load struct {
	customers int64               // work served to them
	own       int64               // to probes and beacons
	each      map[hotkey.ID]int64 // of own, by miner
}

// spend takes note of the work that an attempt took. It is called with mu held.
func (b *book) spend(o *outcome.Outcome) {
	if o.Work <= 0 || o.Status == outcome.Ours {
		return
	}
	l := b.load[o.Task]
	if l == nil {
		l = &load{each: map[hotkey.ID]int64{}}
		b.load[o.Task] = l
	}
	if o.Source == outcome.Organic {
		l.customers += min(o.Work, math.MaxInt64-l.customers)
	} else {
		l.own += min(o.Work, math.MaxInt64-l.own)
		l.each[o.Miner] += min(o.Work, math.MaxInt64-l.each[o.Miner])
	}
}

// Load is where the capacity of a task goes in the period under way, all of
// its contenders together.
type Load struct {
	Capacity  int64 `json:"capacity"`  // that counts for this validator, of the whole period
	Customers int64 `json:"customers"` // work served to customers so far
	Synthetic int64 `json:"synthetic"` // to probes and beacons
}

// Share is what the validator's own requests took of the capacity, in [0, 1].
func (l Load) Share() float64 {
	if l.Capacity <= 0 {
		return 0
	}
	return min(float64(l.Synthetic)/float64(l.Capacity), 1)
}

// loads gives each task's Load. It is called with mu held.
func (b *book) loads() map[string]Load {
	all := map[string]Load{}
	for i := range b.contenders {
		c := &b.contenders[i]
		l := all[c.Task]
		l.Capacity += min(c.Capacity, math.MaxInt64-l.Capacity)
		all[c.Task] = l
	}
	for name, n := range b.load {
		l := all[name]
		l.Customers, l.Synthetic = n.customers, n.own
		all[name] = l
	}
	return all
}

// taken is what counts of the validator's own requests against share, the part of a task's capacity
// that may go to them: of each contender no more than that part of its own capacity. So
// one that answers with masses of garbage ends the beacons of nobody. It is called with mu held.
func (b *book) taken(name string, share float64) (work float64) {
	l := b.load[name]
	if l == nil {
		return 0
	}
	for i := range b.contenders {
		if c := &b.contenders[i]; c.Task == name {
			work += min(float64(l.each[c.Miner]), share*float64(c.Capacity))
		}
	}
	return work
}

// Loads is where capacity goes in the period under way, by task.
func (s *Scorer) Loads() map[string]Load {
	b := s.running.Load()
	if b == nil {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.loads()
}
