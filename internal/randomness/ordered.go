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
// costs evidence and is nobody's guilt; so each goes back to the first as soon as it can. Whether it can is
// tried beside the source in use: a value that nobody waited for may be missed.
//
//	first ──silent for giveUp──► another ──each retry: a try beside it──┐
//	  ▲                                                   gives a value │
//	  └─────────────────────────────────────────────────────────────────┘
type Ordered struct {
	sources []Named
	log     *slog.Logger
	now     func() time.Time

	at    int       // the one that is asked
	since time.Time // when it gave something last, or began to be asked
	again time.Time // when the first is tried again
	try   *try      // of the first, while another is in use; nil: none is under way
}

// try is one try of a source.
type try struct {
	over  chan struct{}   // closed when it has ended; then the rest is set
	won   context.Context // ends when it has given a value
	round beacon.Round
	err   error
}

// begin tries a source.
func begin(ctx context.Context, s Source) *try {
	won, win := context.WithCancel(context.Background())
	t := &try{over: make(chan struct{}), won: won}
	go func() {
		within, cancel := context.WithTimeout(ctx, giveUp/3)
		defer cancel()
		t.round, t.err = s.Next(within, beacon.Round{})
		close(t.over)
		if t.err == nil {
			win()
		}
	}()
	return t
}

// NewOrdered makes one of at least one source. It is for one goroutine.
func NewOrdered(log *slog.Logger, now func() time.Time, sources ...Named) (*Ordered, error) {
	if len(sources) == 0 {
		return nil, errors.New("no source of randomness is named")
	}
	return &Ordered{sources: sources, log: log, now: now, since: now()}, nil
}

// Next implements Source. A try of the first may go on when it returns, until ctx ends.
func (o *Ordered) Next(ctx context.Context, after beacon.Round) (beacon.Round, error) {
	if o.at > 0 && o.try == nil && !o.now().Before(o.again) {
		o.try = begin(ctx, o.sources[0])
	}
	if o.try == nil {
		return o.next(ctx, after)
	}
	if o.at == 0 { // all others have failed meanwhile; one at a time asks a source
		t := o.try
		select {
		case <-t.over:
		case <-ctx.Done():
			return beacon.Round{}, ctx.Err()
		}
		if o.try = nil; t.err != nil {
			return o.next(ctx, after)
		}
		o.since = o.now()
		return t.round, nil
	}
	within, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(o.try.won, cancel)() // nobody needs another's value then
	r, err := o.next(within, after)
	t := o.try
	select {
	case <-t.over:
		o.try, o.again = nil, o.now().Add(retry)
		if t.err == nil {
			o.use(0)
			return t.round, nil
		}
	default:
	}
	return r, err
}

// next is Next of the source in use.
func (o *Ordered) next(ctx context.Context, after beacon.Round) (beacon.Round, error) {
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
