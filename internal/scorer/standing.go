package scorer

import (
	"context"
	"fmt"
	"math"
	"sync"

	"vision/internal/judgement"
	"vision/internal/outcome"
	"vision/internal/score"
)

// standings are what miners are taken for, as far as this process knows.
type standings struct {
	mu     sync.Mutex // guards the rest
	known  map[outcome.Pair]judgement.Standing
	counts map[verdictKind]int64 // checks by test and how they ended, since the start
}

// verdictKind is what checks are counted by.
type verdictKind struct {
	Test   string
	Failed bool
}

func (s *standings) of(p outcome.Pair) judgement.Standing {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.known[p]
}

// judged notes a verdict that was kept, and tells of a standing that changed.
func (s *Scorer) judged(c outcome.Check, change judgement.Change) {
	s.standings.mu.Lock()
	s.standings.known[outcome.Pair{Miner: c.Miner, Task: c.Task}] = change.After.Standing
	s.standings.counts[verdictKind{c.Test, c.Failed}]++
	s.standings.mu.Unlock()
	if !c.Copy.IsZero() {
		s.partners.add(outcome.Copied{Task: c.Task, Miner: c.Miner, Copy: c.Copy})
		s.log.Warn("two miners wrote the same under different seeds", "miner", c.Miner.String(), "other", c.Copy.Other.String(), "task", c.Task,
			"tokens", c.Copy.Tokens, "log10_probability", c.Copy.LogP/math.Ln10, "request", c.Copy.Request, "other_request", c.Copy.To, "sample", c.Sample)
	}
	if change.Standing() {
		s.log.Warn("a miner's standing changed", "miner", c.Miner.String(), "task", c.Task,
			"before", change.Before.Standing.String(), "standing", change.After.Standing.String(),
			"wealth", change.Before.Wealth(), "e", c.E, "test", c.Test, "checked", change.After.Checked,
			"since_response", change.Before.Rise, "convictions", change.After.Convictions, "sample", c.Sample)
	}
}

// learnStandings reads what is known of all miners.
func (s *Scorer) learnStandings(ctx context.Context) ([]outcome.Judgement, error) {
	list, err := s.c.Store.Judgements(ctx)
	if err != nil {
		return nil, fmt.Errorf("read what is known of miners: %w", err)
	}
	known := make(map[outcome.Pair]judgement.Standing, len(list))
	for _, j := range list {
		known[outcome.Pair{Miner: j.Miner, Task: j.Task}] = j.State.Standing
	}
	s.standings.mu.Lock()
	defer s.standings.mu.Unlock()
	s.standings.known = known
	return list, nil
}

// Verdicts counts the checks kept since the start, by test and whether they failed.
func (s *Scorer) Verdicts() map[string][2]int64 {
	s.standings.mu.Lock()
	defer s.standings.mu.Unlock()
	all := map[string][2]int64{}
	for k, n := range s.standings.counts {
		c := all[k.Test]
		if k.Failed {
			c[1] = n
		} else {
			c[0] = n
		}
		all[k.Test] = c
	}
	return all
}

// Standings counts the pairs of a miner and a task by standing.
func (s *Scorer) Standings() map[judgement.Standing]int {
	s.standings.mu.Lock()
	defer s.standings.mu.Unlock()
	counts := map[judgement.Standing]int{judgement.Trusted: 0, judgement.Watched: 0, judgement.Convicted: 0}
	for _, standing := range s.standings.known {
		counts[standing]++
	}
	return counts
}

// paid is what a miner's checks are worth, newest first. Nothing counts of one
// that is convicted now; after its redemption, what was checked since then.
func paid(checks []outcome.Check) (list []score.Check) {
	convicted := len(checks) > 0 && checks[0].Standing == judgement.Convicted
	for _, c := range checks {
		switch {
		case convicted:
			c.Quality = 0
		case c.Standing == judgement.Convicted:
			return list
		}
		list = append(list, score.Check{Quality: c.Quality, Speed: c.Speed, Failed: c.Failed, Convicted: c.Convicted, Work: c.Work})
	}
	return list
}
