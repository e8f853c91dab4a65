package scorer

import (
	"slices"
	"time"
)

// Between the asking of a slot and the sending of the request that it answers lie the making of a connection and, if the
// miner refused optional fields, that refusal. Neither is in the answer's time, and the miner has both in its hand: one that
// declares twice its slots could hold every second connection back until it has answered on the others, and be credited with both.
//
// So what a slot waited counts as its answer's time, but for freeWait, which connections may take across the world, and for
// what others waited at the same beacon: where most contenders' connections are slow, it is our doing, for all are made at once.

// freeWait is what a slot may wait for nothing.
const freeWait = time.Second

// allowance is how long slots of a beacon may wait before that counts: twice what half of the contenders waited at
// most for any of their answers, and freeWait at least.
func allowance(asked []*burst) time.Duration {
	var longest []time.Duration
	for _, t := range asked {
		if wait, any := t.waited(); any {
			longest = append(longest, wait)
		}
	}
	if len(longest) == 0 {
		return freeWait
	}
	slices.Sort(longest)
	return max(freeWait, 2*longest[(len(longest)-1)/2])
}

// waited is the longest that a slot of t waited, if any has answered.
func (t *burst) waited() (longest time.Duration, any bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := range t.slots {
		for _, wait := range t.slots[i].waits {
			longest, any = max(longest, wait), true
		}
	}
	return longest, any
}
