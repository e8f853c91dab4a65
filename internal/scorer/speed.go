package scorer

import (
	"context"
	"fmt"
	"time"

	"vision/internal/outcome"
	"vision/internal/score"
	"vision/internal/task"
)

// timedAmong is among how many of the newest checks those are looked for that
// show how fast a miner is.
const timedAmong = 4 * score.MaxChecks

// doubt is by how much the bounds of a speed factor may differ before the
// answer says too little of the miner's speed.
const doubt = 0.02

// speed is what an answer's speed multiplies its quality by, of the time that we
// measured and the work that was verified; and whether it had to be taken from
// other answers, for this one does not show it.
//
// How long a whole answer took lies between the two bounds of Outcome.Taken, which
// counts output that is held back as later than it is. Where they differ much, the factor is the mean of the miner's answers that were
// timed, but within what the two bounds allow: a customer who reads slowly
// makes no miner faster than it shows itself to others, nor slower. One that
// was broken off says nothing, for whoever left chose when: the mean alone counts.
// A miner that nothing is known of yet has the factor 1.
func (s *Scorer) speed(ctx context.Context, t *task.Task, o *outcome.Outcome, work int64) (factor float64, untimed bool, err error) {
	least, most := o.Taken(overhead(t))
	low, high := speedFactor(t, most, work), speedFactor(t, least, work)
	if o.Status != outcome.OK {
		low, high = 0, score.MaxSpeed
	}
	if high-low <= doubt {
		return low, false, nil
	}
	usual, err := s.usualSpeed(ctx, outcome.Pair{Miner: o.Miner, Task: o.Task})
	return min(max(usual, low), high), true, err
}

// usualSpeed is the mean speed factor of a pair's newest good answers that were
// timed; 1 if there are none.
func (s *Scorer) usualSpeed(ctx context.Context, p outcome.Pair) (float64, error) {
	checks, err := s.c.Store.Checks(ctx, p.Miner, p.Task, timedAmong)
	if err != nil {
		return 0, fmt.Errorf("read how fast the miner's other answers were: %w", err)
	}
	sum, n := 0.0, 0
	for i := range checks {
		if c := &checks[i]; !c.Untimed && c.Quality > 0 && n < score.MaxChecks {
			sum += c.Speed
			n++
		}
	}
	if n == 0 {
		return 1, nil
	}
	return sum / float64(n), nil
}

// speedFactor is the mechanism's factor for work done in a time.
func speedFactor(t *task.Task, took time.Duration, work int64) float64 {
	speed := speedOf(t)
	return speed.Factor(speed.PerUnit(took, work))
}

// speedOf is what a task expects of an answer's time.
func speedOf(t *task.Task) score.Speed {
	return score.Speed{
		Overhead:  overhead(t),
		Mean:      t.Speed.Mean,
		Steepness: t.Speed.Steepness,
	}
}

// overhead is what a task allows any answer besides its work.
func overhead(t *task.Task) time.Duration {
	return time.Duration(t.Speed.Overhead * float64(time.Second))
}
