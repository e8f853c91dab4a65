package scorer

import (
	"context"
	"fmt"
	"time"

	"vision/internal/hotkey"
	"vision/internal/outcome"
	"vision/internal/sampling"
)

// RateSource is what sampling rates follow from.
type RateSource interface {
	CheckCounts(ctx context.Context, since time.Time) (map[outcome.Pair]int, error)
	Judgements(ctx context.Context) ([]outcome.Judgement, error)
	Copies(ctx context.Context, miner hotkey.ID, limit int) ([]outcome.Copied, error)
	Accusations(ctx context.Context, since time.Time) ([]outcome.Accusation, error)
	Pending(ctx context.Context) (int, error)
}

// RefreshRates sets a table's rates from the checks since a time and what is
// known of miners. A gateway without a scorer in its process calls it too.
func RefreshRates(ctx context.Context, st RateSource, table *sampling.Table, c sampling.Config, since time.Time) error {
	list, err := st.Judgements(ctx)
	if err != nil {
		return fmt.Errorf("read what is known of miners: %w", err)
	}
	copies, err := lately(ctx, st, since)
	if err != nil {
		return err
	}
	_, err = refresh(ctx, st, table, c, since, list, copies, time.Now())
	return err
}

// mostLately is how many of the newest copies are looked at.
const mostLately = 1000

// lately are the answers since a time that were the same as another miner's.
func lately(ctx context.Context, st RateSource, since time.Time) ([]outcome.Copied, error) {
	list, err := st.Copies(ctx, hotkey.ID{}, mostLately)
	if err != nil {
		return nil, fmt.Errorf("read which answers were alike: %w", err)
	}
	for i := range list { // newest first
		if list[i].At.Before(since) {
			return list[:i], nil
		}
	}
	return list, nil
}

// refresh works out rates anew, and says how many pairs are looked into for what others showed.
func refresh(ctx context.Context, st RateSource, table *sampling.Table, c sampling.Config, since time.Time, list []outcome.Judgement, copies []outcome.Copied, now time.Time) (looked int, err error) {
	counts, err := st.CheckCounts(ctx, since)
	if err != nil {
		return 0, fmt.Errorf("count checks: %w", err)
	}
	known := make(map[outcome.Pair]sampling.Known, len(counts))
	for pair, n := range counts {
		known[pair] = sampling.Known{Checks: n}
	}
	for _, j := range list {
		pair := outcome.Pair{Miner: j.Miner, Task: j.Task}
		k := known[pair]
		k.Standing, k.Weak = j.State.Standing, j.Weak
		known[pair] = k
	}
	for _, alike := range copies {
		for _, miner := range []hotkey.ID{alike.Miner, alike.Other} {
			pair := outcome.Pair{Miner: miner, Task: alike.Task}
			k := known[pair]
			k.Alike = true
			known[pair] = k
		}
	}
	open, err := accused(ctx, st, list, now)
	if err != nil {
		return 0, err
	}
	for pair := range open {
		k := known[pair]
		k.Accused = true
		known[pair] = k
	}
	table.Set(known, c)
	return len(open), nil
}

// BacklogEvery is how often the samples that wait should be counted, for a period
// of some length: much more often than rates change, for when checks fall behind.
func BacklogEvery(length time.Duration) time.Duration { return min(5*time.Second, length/20) }

// FollowBacklog keeps a table up to date with the number of samples that wait, until
// ctx ends; told, if not nil, hears of it too.
func FollowBacklog(ctx context.Context, st RateSource, table *sampling.Table, c sampling.Config, every time.Duration, told func(int, error)) {
	for ok := true; ok; ok = sleep(ctx, every) {
		pending, err := st.Pending(ctx)
		if err == nil {
			table.SetPending(pending, c)
		}
		if told != nil && ctx.Err() == nil {
			told(pending, err)
		}
	}
}

// RateWindow is how far back checks count as evidence for sampling rates.
func RateWindow(length time.Duration) time.Duration { return 8 * length }

// tune keeps sampling rates and the shape of probes up to date.
func (s *Scorer) tune(ctx context.Context) error {
	every := min(time.Minute, s.c.Period/5)
	for {
		since := s.c.Now().Add(-RateWindow(s.c.Period))
		list, err := s.learnStandings(ctx)
		var copies []outcome.Copied
		if err == nil {
			copies, err = lately(ctx, s.c.Store, since)
		}
		if err == nil {
			s.partners.set(copies)
			var looked int
			if looked, err = refresh(ctx, s.c.Store, s.c.Sampling, s.c.Rates, since, list, copies, s.c.Now()); err == nil {
				s.receipts.count(func(c *ReceiptStats) { c.Accused = looked })
			}
		}
		if err != nil && ctx.Err() == nil {
			s.log.Warn("sampling rates stay as they are", "err", err)
		}
		s.Forget()
		if err := s.learn(ctx); err != nil && ctx.Err() == nil {
			s.log.Warn("probes keep their shape", "err", err)
		}
		if !sleep(ctx, every) {
			return nil
		}
	}
}

// followBacklog makes sampling follow how far checks are behind.
func (s *Scorer) followBacklog(ctx context.Context) error {
	FollowBacklog(ctx, s.c.Store, s.c.Sampling, s.c.Rates, BacklogEvery(s.c.Period), func(pending int, err error) {
		if err != nil {
			s.log.Warn("cannot count the samples that wait", "err", err)
			return
		}
		if was := s.backlog.Swap(int64(pending)); pending >= s.c.Rates.Backlog && was < int64(s.c.Rates.Backlog) {
			s.log.Warn("checks are behind: less is sampled", "waiting", pending, "part", s.c.Rates.Behind(pending))
		}
	})
	return nil
}

// Backlog is how many samples waited for a check when they were last counted.
func (s *Scorer) Backlog() int { return int(s.backlog.Load()) }
