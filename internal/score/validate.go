package score

import (
	"fmt"
	"math"

	"vision/internal/hotkey"
)

// weightsTolerance is how far the sum of the tasks' weights may be from 1.
const weightsTolerance = 1e-9

// validateTasks is the one place that decides which tasks can be weighed; what of a
// contender can be scored is decided below. The errors name the task and the contender.
func validateTasks(tasks []taskFactors) error {
	var total sum
	names := make(map[string]bool, len(tasks))
	for _, t := range tasks {
		if names[t.name] {
			return fmt.Errorf("score: task %q is given twice", t.name)
		}
		names[t.name] = true
		if !within(t.weight, 1) {
			return fmt.Errorf("score: task %q has weight %v, want 0 to 1", t.name, t.weight)
		}
		total.add(t.weight)
		seen := make(map[hotkey.ID]bool, len(t.contenders))
		for i := range t.contenders {
			id := t.contenders[i].Hotkey
			if seen[id] {
				return fmt.Errorf("score: task %q, miner %s: given twice", t.name, id)
			}
			seen[id] = true
		}
	}
	if len(tasks) > 0 && math.Abs(total.value()-1) > weightsTolerance {
		return fmt.Errorf("score: the tasks' weights sum to %v, want 1", total.value())
	}
	return nil
}

func (e Evidence) validate() error {
	if e.Declared < 0 || e.Capacity < 0 {
		return fmt.Errorf("declared %d, capacity %d: neither may be negative", e.Declared, e.Capacity)
	}
	for _, p := range e.History {
		if err := p.validate(); err != nil {
			return fmt.Errorf("period %d: %w", p.Number, err)
		}
	}
	for i, c := range e.Checks {
		if err := c.validate(); err != nil {
			return fmt.Errorf("check %d from the newest: %w", i, err)
		}
	}
	return nil
}

func (c Check) validate() error {
	switch {
	case !within(c.Quality, 1):
		return fmt.Errorf("quality %v, want 0 to 1", c.Quality)
	case !within(c.Speed, MaxSpeed):
		return fmt.Errorf("speed factor %v, want 0 to %v", c.Speed, MaxSpeed)
	case c.Work < 0:
		return fmt.Errorf("work %d is negative", c.Work)
	}
	return nil
}

func (a Answer) validate() error {
	switch {
	case a.Kind != OK && a.Kind != RateLimited && a.Kind != Failed:
		return fmt.Errorf("an answer of %s", a.Kind)
	case a.Asked < 0 || a.Served < 0:
		return fmt.Errorf("asked %d, served %d: neither volume may be negative", a.Asked, a.Served)
	case a.Took < 0:
		return fmt.Errorf("an answer that took %v, want a time of at least 0", a.Took)
	}
	return nil
}

func (c Counts) validate() error {
	for _, n := range []int{c.Requests, c.OK, c.RateLimited, c.Failed} {
		if n < 0 {
			return fmt.Errorf("a count of %d requests", n)
		}
	}
	if c.Consumed < 0 || c.Declared < 0 {
		return fmt.Errorf("consumed %d, declared %d: neither may be negative", c.Consumed, c.Declared)
	}
	if c.Asked < 0 || c.AskedRateLimited < 0 || c.AskedFailed < 0 || c.AskedRateLimited > c.Asked || c.AskedFailed > c.Asked-c.AskedRateLimited {
		return fmt.Errorf("asked %d, of which %d rate limited and %d failed", c.Asked, c.AskedRateLimited, c.AskedFailed)
	}
	if left := c.Requests - c.OK - c.RateLimited - c.Failed; left != 0 {
		return fmt.Errorf("%d requests, but %d ok, %d rate limited and %d failed", c.Requests, c.OK, c.RateLimited, c.Failed)
	}
	return nil
}

// within reports whether x is a number in [0, most].
func within(x, most float64) bool { return x >= 0 && x <= most }
