package eval

import (
	"context"
	"fmt"
	"math/rand/v2"

	"vision/internal/checker/calibration"
	"vision/internal/fault"
	"vision/internal/prompt"
	"vision/internal/task"
)

// likeness asks for pictures or vectors once and counts how far they are from the
// reference's.
func (c *Calibrator) likeness(ctx context.Context, s Stack, kind task.Kind, r *rand.Rand, i int, counts *calibration.Counts, _ float64, honest bool) error {
	sample, err := c.answered(ctx, s, kind, r, i, kind.Synthesise(r, plausible{}, &c.Task))
	if err != nil {
		return err
	}
	got, err := c.Checker.MeasureLikeness(ctx, sample)
	if fault.KindOf(err) == fault.Invalid && !honest {
		return nil // what is wrong at first sight needs no bounds
	}
	if err != nil {
		return fmt.Errorf("measure answer %d of %s: %w", i, s.Name, err)
	}
	counts.AddLikeness(got)
	return nil
}

// plausible is what made-up requests for pictures and vectors are like.
type plausible struct{}

// itemsAtOnce is how many vectors are asked for at once, and stepsOf how many steps a picture takes.
const (
	itemsAtOnce = 16
	stepsOf     = 20
)

// Draw implements task.Shape.
func (plausible) Draw(r *rand.Rand, t *task.Task) task.Features {
	f := task.Features{Turns: 1, Temperature: -1, TopP: -1, PromptBytes: 40 + r.IntN(160), Output: stepsOf, Task: t.Name}
	if t.Limits.Steps > 0 {
		f.Output = min(f.Output, t.Limits.Steps)
	}
	if t.Limits.Items > 0 {
		f.Output = min(itemsAtOnce, t.Limits.Items)
		f.PromptBytes *= f.Output
	}
	if n := len(t.Limits.Sizes); n > 0 {
		f.Size = t.Limits.Sizes[r.IntN(n)]
	}
	return f
}

// Written implements task.Shape: there are no texts but those made up.
func (plausible) Written(*rand.Rand, *task.Task, int, int) []prompt.Turn { return nil }
