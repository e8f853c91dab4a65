package scorer

import (
	"context"
	"slices"
	"sync"
	"time"

	"vision/internal/fault"
	"vision/internal/judgement"
	"vision/internal/outcome"
)

// retries are what is known of samples that could not be checked, and of the
// judges that could not check them. A task has a judge of its own.
type retries struct {
	mu     sync.Mutex // guards the rest
	tries  map[int64]*backoff
	judges map[string]*judge // by task
	turns  map[string]int    // checks under way, by task
}

// newRetries knows of no trouble.
func newRetries() *retries {
	return &retries{tries: map[int64]*backoff{}, judges: map[string]*judge{}, turns: map[string]int{}}
}

// begin and end count a task's checks under way.
func (r *retries) begin(task string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.turns[task]++
}

func (r *retries) end(task string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.turns[task]--; r.turns[task] == 0 {
		delete(r.turns, task)
	}
}

// apart lists the tasks whose judges are left alone for now, and those that have
// as many checks under way as they should at most.
func (r *retries) apart(now time.Time, most int) (paused, crowded []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for name, j := range r.judges {
		if now.Before(j.until) {
			paused = append(paused, name)
		}
	}
	for name, n := range r.turns {
		if n >= most {
			crowded = append(crowded, name)
		}
	}
	return paused, crowded
}

// judge is one that does not answer.
type judge struct {
	row   backoff // samples in a row that it gave no answer for, beyond the first
	last  int64   // the last of them
	until time.Time
}

// again says when a sample that was not checked is due again.
func (r *retries) again(id int64) time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	b := r.tries[id]
	if b == nil {
		b = new(backoff)
		r.tries[id] = b
	}
	return b.next(2*time.Second, 10*time.Minute)
}

// failed notes why a sample could not be checked. Only a judge that does not
// answer, and not for one sample alone, is left alone for a while: whatever
// else is wrong with a sample must not delay others.
func (r *retries) failed(id int64, task string, err error, now time.Time) {
	if kind := fault.KindOf(err); kind != fault.Unavailable && kind != fault.Timeout {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	j := r.judges[task]
	if j == nil {
		r.judges[task] = &judge{last: id}
		return
	}
	if j.last != id {
		j.last, j.until = id, now.Add(j.row.next(200*time.Millisecond, 30*time.Second))
	}
}

// passed notes that a sample is done with, and that its judge answers.
func (r *retries) passed(id int64, task string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.tries, id)
	delete(r.judges, task)
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
	r := newRetries()
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
	for ctx.Err() == nil {
		sample, err := s.claim(ctx, r)
		switch {
		case sample != nil:
			s.checkOne(ctx, sample, r)
			r.end(sample.Outcome.Task)
			continue
		case err != nil && ctx.Err() == nil:
			s.log.Warn("samples are not checked for now", "err", err)
		}
		if !sleep(ctx, idle) {
			return
		}
	}
}

// claim takes the next sample: of tasks whose judge is not left alone, and rather of one that
// does not take half of all turns already, so that a slow reference does not hold up the
// others for longer than one of its checks. nil if none is due.
func (s *Scorer) claim(ctx context.Context, r *retries) (*outcome.Sample, error) {
	paused, crowded := r.apart(s.c.Now(), max(1, s.c.CheckAtOnce/2))
	tries := [][]string{paused}
	if len(crowded) > 0 {
		tries = [][]string{slices.Concat(paused, crowded), paused}
	}
	for _, except := range tries {
		samples, err := s.c.Store.ClaimSamples(ctx, s.c.Now(), 3*s.c.CheckWithin, 1, except...)
		if err != nil {
			return nil, err
		}
		if len(samples) > 0 {
			r.begin(samples[0].Outcome.Task)
			return &samples[0], nil
		}
	}
	return nil, nil
}

// checkOne has one claimed sample judged and keeps the verdict, or gives the
// sample back.
func (s *Scorer) checkOne(ctx context.Context, sample *outcome.Sample, r *retries) {
	name := sample.Outcome.Task
	s.learnFrom(sample)
	check, err := s.judge(ctx, sample)
	if err == nil {
		// A verdict is kept even while we shut down.
		keep, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		var change judgement.Change
		change, err = s.c.Store.SaveCheck(keep, check, s.c.Judgement)
		if err == nil {
			s.judged(check, change)
		}
		if err == nil || fault.KindOf(err) == fault.NotFound { // somebody else judged it first
			r.passed(sample.ID, name)
			return
		}
	}
	if ctx.Err() != nil {
		return // its lease runs out
	}
	if fault.KindOf(err) == fault.Invalid { // nobody can ever judge it
		r.passed(sample.ID, name)
		s.unjudged.Add(1)
		s.log.Info("a sample cannot be judged and is dropped", "sample", sample.ID, "task", name, "err", err)
		if err := s.c.Store.DropSample(ctx, sample.ID); err != nil && fault.KindOf(err) != fault.NotFound && ctx.Err() == nil {
			s.log.Warn("a sample could not be dropped; its lease runs out", "sample", sample.ID, "err", err)
		}
		return
	}
	r.failed(sample.ID, name, err, s.c.Now())
	wait := r.again(sample.ID)
	s.log.Warn("a sample could not be checked", "sample", sample.ID, "task", name, "err", err, "retry", wait)
	s.postpone(ctx, sample.ID, wait, err.Error())
}

// postpone gives a claimed sample back.
func (s *Scorer) postpone(ctx context.Context, id int64, wait time.Duration, why string) {
	if err := s.c.Store.PostponeSample(ctx, id, s.c.Now().Add(wait), why); err != nil && ctx.Err() == nil {
		s.log.Warn("a sample could not be given back; its lease runs out", "sample", id, "err", err)
	}
}

// dropOld drops samples that have waited too long to say anything of today.
func (s *Scorer) dropOld(ctx context.Context, r *retries) {
	n, err := s.c.Store.DropSamples(ctx, s.c.Now().Add(-s.c.CheckMaxAge))
	switch {
	case err != nil && ctx.Err() == nil:
		s.log.Warn("old samples are not dropped", "err", err)
	case n > 0:
		s.unchecked.Add(int64(n))
		s.log.Warn("samples dropped unchecked: the checker is behind", "samples", n)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.tries) > 10000 { // of samples long gone
		clear(r.tries)
	}
}

// Dropped counts the samples that were dropped without a verdict since the start, by why: "unjudgeable"
// by any test of any reference, or "old" when their turn came.
func (s *Scorer) Dropped() map[string]int64 {
	return map[string]int64{"unjudgeable": s.unjudged.Load(), "old": s.unchecked.Load()}
}
