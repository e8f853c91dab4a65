package scorer

import (
	"context"
	"fmt"
	"time"

	"vision/internal/outcome"
	"vision/internal/sampling"
)

// RateSource is what sampling rates follow from.
type RateSource interface {
	CheckCounts(ctx context.Context, since time.Time) (map[outcome.Pair]int, error)
	Pending(ctx context.Context) (int, error)
}

// RefreshRates sets a table's rates from the checks since a time and the
// samples that wait. A gateway without a scorer in its process calls it too.
func RefreshRates(ctx context.Context, st RateSource, table *sampling.Table, c sampling.Config, since time.Time) error {
	counts, err := st.CheckCounts(ctx, since)
	if err != nil {
		return fmt.Errorf("count checks: %w", err)
	}
	pending, err := st.Pending(ctx)
	if err != nil {
		return fmt.Errorf("count samples that wait: %w", err)
	}
	table.Set(counts, pending, c)
	return nil
}

// RateWindow is how far back checks count as evidence for sampling rates.
func RateWindow(length time.Duration) time.Duration { return 8 * length }

// tune keeps sampling rates and the shape of probes up to date.
func (s *Scorer) tune(ctx context.Context) error {
	every := min(time.Minute, s.c.Period/5)
	for {
		if err := RefreshRates(ctx, s.c.Store, s.c.Sampling, s.c.Rates, s.c.Now().Add(-RateWindow(s.c.Period))); err != nil && ctx.Err() == nil {
			s.log.Warn("sampling rates stay as they are", "err", err)
		}
		if err := s.learn(ctx); err != nil && ctx.Err() == nil {
			s.log.Warn("probes keep their shape", "err", err)
		}
		if !sleep(ctx, every) {
			return nil
		}
	}
}
