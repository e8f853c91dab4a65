package checker

import (
	"errors"
	"fmt"
	"slices"

	"vision/internal/checker/calibration"
	"vision/internal/checker/evidence"
	"vision/internal/checker/likeness"
	"vision/internal/task"
)

// calibrate loads a reference's calibration. One of another model or make of
// reference is a mistake in the configuration.
func (r *slotted) calibrate(c ReferenceConfig, d Deps) error {
	if d.Calibration == nil {
		return errors.New("no calibrations can be read here")
	}
	f, err := d.Calibration(c.Calibration)
	if err != nil {
		return err
	}
	switch {
	case f.Reference != c.Engine:
		return fmt.Errorf("it was measured on a reference of engine %q, this one is %q", f.Reference, c.Engine)
	case len(c.Tasks) > 0 && !slices.Contains(c.Tasks, f.Task), len(c.Tasks) == 0 && f.Model != c.Serves:
		return fmt.Errorf("it is of task %q, model %q", f.Task, f.Model)
	}
	r.calibration, r.measured, r.measuredAlike = f, f.Bounds(), f.Alike()
	return nil
}

// boundsOf gives what honest miners of a task stay below: measured bounds if
// there are any of its very model, else conservative ones, of which people are
// told once.
func (c *Checker) boundsOf(r *slotted, t *task.Task) *evidence.Bounds {
	kind, ok := task.KindNamed(t.Kind)
	f := r.calibration
	switch {
	case !ok || kind.Evidence() != task.Tokens:
	case f != nil && calibrates(f, t):
		return &r.measured
	case f != nil:
		if c.first("calibration of " + t.Name) {
			c.deps.Log.Warn("the calibration is of another revision or quantisation: conservative bounds on honest noise are used",
				"task", t.Name, "revision", f.Revision, "quantisation", f.Quantisation)
		}
	case r.config.Engine != "builtin": // whose noise is known
		if c.first("calibration of " + t.Name) {
			c.deps.Log.Warn("there is no calibration: conservative bounds on honest noise are used; `vision checker calibrate` measures better ones",
				"task", t.Name, "noise_nats", r.bounds.Noise)
		}
	}
	return &r.bounds
}

// alikeOf gives what honest pictures and vectors of a task stay below: as
// boundsOf does.
func (c *Checker) alikeOf(r *slotted, t *task.Task) *likeness.Bounds {
	kind, ok := task.KindNamed(t.Kind)
	f := r.calibration
	switch {
	case !ok || kind.Evidence() == task.Tokens:
	case f != nil && calibrates(f, t) && f.Task == t.Name && r.measuredAlike.Measured != nil: // kinds that share a model differ in noise
		return &r.measuredAlike
	case f != nil || r.config.Engine != "builtin":
		if c.first("calibration of " + t.Name) {
			c.deps.Log.Warn("no calibration fits, or it has too few pairs: assumed bounds are used; `vision checker calibrate` measures better ones", "task", t.Name)
		}
	}
	return &r.alike
}

func calibrates(f *calibration.File, t *task.Task) bool {
	return f.Model == t.Model.Name && f.Revision == t.Model.Revision && f.Quantisation == t.Model.Quantisation
}
