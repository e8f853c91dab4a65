package scorer

import (
	"context"
	"encoding/json"
	"fmt"
	"math"

	"vision/internal/checker/evidence"
	"vision/internal/fault"
	"vision/internal/judgement"
	"vision/internal/outcome"
	"vision/internal/proto"
)

// judge asks the checker, once more if the answer fails, and adds the speed that we
// measured ourselves. What watched miners answered is judged by the second
// reference first, if there is one. An error of either time is an error: no
// guilt, and no pass.
func (s *Scorer) judge(ctx context.Context, sample *outcome.Sample) (outcome.Check, error) {
	o := sample.Outcome
	pair := outcome.Pair{Miner: o.Miner, Task: o.Task}
	t, ok := s.c.Catalogue().Lookup(o.Task)
	if !ok {
		return outcome.Check{}, fmt.Errorf("task %q is not in the catalogue any more", o.Task)
	}
	r := proto.CheckRequest{Task: *t, Spec: s.declared.spec(pair), Sample: *sample}
	if s.standings.of(pair) == judgement.Watched {
		r.Turn = 1
	}
	v, err := s.askChecker(ctx, r)
	if err != nil {
		return outcome.Check{}, err
	}
	again := ""
	if suspect(v) {
		r.Turn++
		second, err := s.askChecker(ctx, r)
		if err != nil {
			return outcome.Check{}, fmt.Errorf("judge it again: %w", err)
		}
		again = fmt.Sprintf("%s: %s, quality %.3g, E %.3g", second.Reference, second.Test, second.Quality, second.E)
		if v.Copy.IsZero() {
			v.Copy = second.Copy
		}
		v.Quality, v.E, v.Work = max(v.Quality, second.Quality), min(v.E, second.E), max(v.Work, second.Work)
	}
	work := min(v.Work, o.Work)
	declared, err := json.Marshal(r.Spec)
	if err != nil {
		return outcome.Check{}, err
	}
	speed, untimed, err := s.speed(ctx, t, &o, work)
	if err != nil {
		return outcome.Check{}, err
	}
	return outcome.Check{
		Sample: sample.ID, Task: o.Task, Miner: o.Miner, Source: o.Source, At: s.c.Now(),
		Quality: v.Quality, Speed: speed, Untimed: untimed, Work: work, Test: v.Test, Detail: v.Detail, E: v.E,
		Reference: v.Reference, Again: again, Failed: v.E >= judgement.Failing || v.Quality < 0.5,
		Weak: v.Weak, Abandoned: o.Status != outcome.OK, Copy: v.Copy, Spec: string(declared),
	}, nil
}

// askChecker asks the checker once.
func (s *Scorer) askChecker(ctx context.Context, r proto.CheckRequest) (proto.CheckResponse, error) {
	ctx, cancel := context.WithTimeout(ctx, s.c.CheckWithin)
	defer cancel()
	v, err := s.c.Checker.Check(ctx, r)
	if err != nil {
		return v, fmt.Errorf("ask the checker: %w", err)
	}
	if !(v.Quality >= 0 && v.Quality <= 1) || v.Work < 0 || !(v.E >= 0) || math.IsInf(v.E, 0) {
		return v, fmt.Errorf("the checker's verdict is out of range: quality %v, work %d, e %v", v.Quality, v.Work, v.E)
	}
	if v.Test == "" || v.Test == evidence.Untested { // no judgement, which must not count as a check that was passed
		return v, fault.New(fault.Invalid, "not_checkable", "The checker's verdict is by no test.")
	}
	if !v.Copy.IsZero() {
		if err := v.Copy.Validate(r.Sample.Outcome.Miner); err != nil || v.Copy.Request != r.Sample.Outcome.Request {
			return v, fmt.Errorf("the checker's verdict names a copy that cannot be: %+v", v.Copy)
		}
	}
	return v, nil
}

// suspect says that a verdict speaks against the miner, and is checked itself
// before it counts.
func suspect(v proto.CheckResponse) bool { return v.E >= judgement.Suspect || v.Quality < 0.5 }
