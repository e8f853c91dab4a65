package randomness

import (
	"context"
	"time"

	"vision/internal/beacon"
)

// Source gives values in their order.
type Source interface {
	// Next waits for the value after one, which is the zero Round at first, and
	// gives that or, if it is too late for it, a later one. An error says that
	// there is none for now; ask again.
	Next(ctx context.Context, after beacon.Round) (beacon.Round, error)
}

// sleep waits; false means that ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}
