package randomness

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"vision/internal/beacon"
)

const (
	// giveUp is how long one source may go on without a value before the next is asked.
	giveUp = 30 * time.Second
	// retry is when an earlier one is tried again.
	retry = 5 * time.Minute
)

// Named is a source with what it is called in logs.
type Named struct {
	Name string
	Source
}

// Ordered asks the first of several sources, and the next while that gives
// nothing. Validators that ask different ones have different beacons, which
// costs evidence and is nobody's guilt; so each goes back to the first as soon as it can.
type Ordered struct {
	sources []Named
	log     *slog.Logger
	now     func() time.Time

	at    int       // the one that is asked
	since time.Time // when it gave something last, or began to be asked
	again time.Time // when the first is tried again
}

// NewOrdered makes one of at least one source. It is for one goroutine.
func NewOrdered(log *slog.Logger, now func() time.Time, sources ...Named) (*Ordered, error) {
	if len(sources) == 0 {
		return nil, errors.New("no source of randomness is named")
	}
	return &Ordered{sources: sources, log: log, now: now, since: now()}, nil
}

// Next implements Source.
func (o *Ordered) Next(ctx context.Context, after beacon.Round) (beacon.Round, error) {
	if o.at > 0 && !o.now().Before(o.again) {
		o.again = o.now().Add(retry)
		within, cancel := context.WithTimeout(ctx, giveUp/3)
		r, err := o.sources[0].Next(within, beacon.Round{})
		cancel()
		if err == nil {
			o.use(0)
			return r, nil
		}
	}
	now := &o.sources[o.at]
	left := o.since.Add(giveUp).Sub(o.now())
	within, cancel := context.WithTimeout(ctx, max(left, time.Millisecond))
	defer cancel()
	r, err := now.Next(within, after)
	if err == nil {
		o.since = o.now()
		return r, nil
	}
	if ctx.Err() != nil {
		return r, ctx.Err()
	}
	if o.now().Sub(o.since) >= giveUp {
		o.use((o.at + 1) % len(o.sources))
	}
	return r, fmt.Errorf("randomness from %s: %w", now.Name, err)
}

func (o *Ordered) use(i int) {
	if i != o.at {
		o.log.Warn("another source of randomness is used: beacons are in time with those validators that use it too", "source", o.sources[i].Name, "before", o.sources[o.at].Name)
	}
	if o.at == 0 {
		o.again = o.now().Add(retry)
	}
	o.at, o.since = i, o.now()
}
