package score

import (
	"fmt"
	"math"
	"time"
)

// bestBonus is what an answer in no time earns above 1. Most of it is earned by the first step
// below the mean: it goes with the fourth root.
const bestBonus = 0.6

// MaxSpeed is the largest speed factor: an answer within the task's overhead.
const MaxSpeed = 1 + bestBonus

// Speed is what a task expects of the time that an answer takes.
type Speed struct {
	Overhead  time.Duration // taken off every answer's time before it is divided by its work
	Mean      float64       // seconds per unit of work that earn a factor of 1, above 0
	Steepness float64       // how fast slower answers lose, per second per unit, at least 0
}

// Validate says which parameter is out of range.
func (s Speed) Validate() error {
	switch {
	case s.Overhead < 0:
		return fmt.Errorf("overhead %v is negative", s.Overhead)
	case !(s.Mean > 0) || math.IsInf(s.Mean, 1):
		return fmt.Errorf("mean %v seconds per unit, want a number above 0", s.Mean)
	case !(s.Steepness >= 0) || math.IsInf(s.Steepness, 1):
		return fmt.Errorf("steepness %v, want a number of at least 0", s.Steepness)
	}
	return nil
}

// PerUnit is the seconds that one unit of work took, the overhead aside:
// max(0, elapsed - Overhead) / units. An answer without work counts as one unit.
func (s Speed) PerUnit(elapsed time.Duration, units int64) float64 {
	return max(0, elapsed-s.Overhead).Seconds() / float64(max(units, 1))
}

// Beyond is the part of an answer's time that its work took: what is beyond the overhead, but at least 5/8 of
// the whole. The overhead is what a task grants, not what a miner has; of answers hardly longer than that it would leave nothing, which
// says nothing of a pace. 1.6 (Params7.Late) times 5/8 is the whole again: by its own pace, whatever answers it comes from, no answer is late.
func (s Speed) Beyond(elapsed time.Duration) time.Duration {
	return max(elapsed-s.Overhead, elapsed/8*5, 0)
}

// Factor is what the speed of an answer multiplies its quality by, in
// [0, MaxSpeed]: 1 at the mean, up to 1.6 below it, falling towards 0 above.
func (s Speed) Factor(secondsPerUnit float64) float64 {
	t := max(secondsPerUnit, 0)
	if t <= s.Mean {
		return 1 + float64(bestBonus*math.Sqrt(math.Sqrt((s.Mean-t)/s.Mean)))
	}
	return exp((s.Mean - t) * s.Steepness)
}

// WorkText is the original's estimate of the tokens in a text: a quarter of
// its characters, 1 if it is empty. This project counts token ids and keeps
// the estimate for servers that send none.
func WorkText(characters int) float64 {
	if characters <= 0 {
		return 1
	}
	return float64(characters) / 4
}
