package scorer

import (
	"context"
	"fmt"
	"sync"
	"time"

	"vision/internal/fault"
	"vision/internal/outcome"
	"vision/internal/proto"
	"vision/internal/score"
	"vision/internal/task"
)

// retries are how often a sample was given back, by its ID.
type retries struct {
	mu    sync.Mutex // guards the rest
	tries map[int64]*backoff
	row   backoff // failures of the checker in a row, over all samples
}

// failed counts a failure and says when the sample is due again.
func (r *retries) failed(id int64) time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	b := r.tries[id]
	if b == nil {
		b = new(backoff)
		r.tries[id] = b
	}
	r.row++
	return b.next(2*time.Second, 10*time.Minute)
}

func (r *retries) passed(id int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.tries, id)
	r.row = 0
}

// pause is how long to leave the checker alone after failures in a row.
func (r *retries) pause() time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.row == 0 {
		return 0
	}
	row := r.row - 1
	return row.next(200*time.Millisecond, 30*time.Second)
}

// checking has samples checked, several at once, until ctx ends.
func (s *Scorer) checking(ctx context.Context) error {
	if s.c.Checker == nil {
		return nil
	}
	select { // what miners run is part of what is checked
	case <-s.asked:
	case <-ctx.Done():
		return nil
	}
	r := &retries{tries: map[int64]*backoff{}}
	var all sync.WaitGroup
	for range s.c.CheckAtOnce {
		all.Go(func() { s.checkNext(ctx, r) })
	}
	for ok := true; ok; ok = sleep(ctx, min(s.c.CheckMaxAge/24, time.Hour)) {
		s.dropOld(ctx, r)
	}
	all.Wait()
	return nil
}

// checkNext checks one sample after the other.
func (s *Scorer) checkNext(ctx context.Context, r *retries) {
	idle := min(time.Second, s.c.Period/20)
	for sleep(ctx, r.pause()) {
		samples, err := s.c.Store.ClaimSamples(ctx, s.c.Now(), 2*s.c.CheckWithin, 1)
		if err != nil && ctx.Err() == nil {
			s.log.Warn("samples are not checked for now", "err", err)
		}
		for i := range samples {
			s.checkOne(ctx, &samples[i], r)
		}
		if len(samples) == 0 && !sleep(ctx, idle) {
			return
		}
	}
}

// checkOne has one claimed sample judged and keeps the verdict, or gives the
// sample back.
func (s *Scorer) checkOne(ctx context.Context, sample *outcome.Sample, r *retries) {
	check, err := s.judge(ctx, sample)
	if err == nil {
		// A verdict is kept even while we shut down.
		keep, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		err = s.c.Store.SaveCheck(keep, check)
		if err == nil || fault.KindOf(err) == fault.NotFound { // somebody else judged it first
			r.passed(sample.ID)
			return
		}
	}
	if ctx.Err() != nil {
		return // its lease runs out
	}
	if fault.KindOf(err) == fault.Invalid { // nobody can ever judge it
		r.passed(sample.ID)
		s.log.Info("a sample cannot be judged and is dropped", "sample", sample.ID, "task", sample.Outcome.Task, "err", err)
		if err := s.c.Store.DropSample(ctx, sample.ID); err != nil && fault.KindOf(err) != fault.NotFound && ctx.Err() == nil {
			s.log.Warn("a sample could not be dropped; its lease runs out", "sample", sample.ID, "err", err)
		}
		return
	}
	wait := r.failed(sample.ID)
	s.log.Warn("a sample could not be checked", "sample", sample.ID, "task", sample.Outcome.Task, "err", err, "retry", wait)
	if err := s.c.Store.PostponeSample(ctx, sample.ID, s.c.Now().Add(wait), err.Error()); err != nil && ctx.Err() == nil {
		s.log.Warn("a sample could not be given back; its lease runs out", "sample", sample.ID, "err", err)
	}
}

// judge asks the checker and adds the speed that we measured ourselves.
func (s *Scorer) judge(ctx context.Context, sample *outcome.Sample) (outcome.Check, error) {
	o := sample.Outcome
	t, ok := s.c.Catalogue().Lookup(o.Task)
	if !ok {
		return outcome.Check{}, fmt.Errorf("task %q is not in the catalogue any more", o.Task)
	}
	ctx, cancel := context.WithTimeout(ctx, s.c.CheckWithin)
	defer cancel()
	spec := s.declared.spec(outcome.Pair{Miner: o.Miner, Task: o.Task})
	v, err := s.c.Checker.Check(ctx, proto.CheckRequest{Task: *t, Spec: spec, Sample: *sample})
	if err != nil {
		return outcome.Check{}, fmt.Errorf("ask the checker: %w", err)
	}
	if !(v.Quality >= 0 && v.Quality <= 1) || v.Work < 0 || !(v.E >= 0) {
		return outcome.Check{}, fmt.Errorf("the checker's verdict is out of range: quality %v, work %d, e %v", v.Quality, v.Work, v.E)
	}
	work := min(v.Work, o.Work)
	return outcome.Check{
		Sample: sample.ID, Task: o.Task, Miner: o.Miner, Source: o.Source, At: s.c.Now(),
		Quality: v.Quality, Speed: speedFactor(t, o.Total, work), Work: work, Test: v.Test, Detail: v.Detail, E: v.E,
	}, nil
}

// speedFactor is what an answer's speed multiplies its quality by: of the time
// that we measured and the work that was verified.
func speedFactor(t *task.Task, total time.Duration, work int64) float64 {
	speed := score.Speed{
		Overhead:  time.Duration(t.Speed.Overhead * float64(time.Second)),
		Mean:      t.Speed.Mean,
		Steepness: t.Speed.Steepness,
	}
	return speed.Factor(speed.PerUnit(total, work))
}

// dropOld drops samples that have waited too long to say anything of today.
func (s *Scorer) dropOld(ctx context.Context, r *retries) {
	n, err := s.c.Store.DropSamples(ctx, s.c.Now().Add(-s.c.CheckMaxAge))
	switch {
	case err != nil && ctx.Err() == nil:
		s.log.Warn("old samples are not dropped", "err", err)
	case n > 0:
		s.log.Warn("samples dropped unchecked: the checker is behind", "samples", n)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.tries) > 10000 { // of samples long gone
		clear(r.tries)
	}
}
