package scorer

import (
	"context"
	"time"
)

// sleep waits; false means that ctx ended first. No wait takes no timer: of those that are
// due already when they are received from, two in one synctest bubble make Go 1.26's race detector crash.
func sleep(ctx context.Context, d time.Duration) bool {
	if ctx.Err() != nil {
		return false
	}
	if d <= 0 {
		return true
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// sleepOr waits, or until woken; false means that ctx ended first.
func sleepOr(ctx context.Context, d time.Duration, wake <-chan struct{}) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-wake:
	case <-ctx.Done():
	}
	return ctx.Err() == nil
}

// backoff counts failures in a row.
type backoff int

// next counts one more and gives how long to wait: first, then twice as long
// each time, at most most.
func (b *backoff) next(first, most time.Duration) time.Duration {
	d := min(first<<min(int(*b), 20), most)
	if d <= 0 {
		d = most
	}
	*b++
	return d
}

// insist repeats f until it succeeds or ctx ends. What fails and goes on
// failing is logged as what.
func (s *Scorer) insist(ctx context.Context, what string, f func(context.Context) error) error {
	var tries backoff
	for {
		err := f(ctx)
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		wait := tries.next(100*time.Millisecond, 30*time.Second)
		s.log.Warn("cannot "+what, "err", err, "retry", wait)
		if !sleep(ctx, wait) {
			return ctx.Err()
		}
	}
}
