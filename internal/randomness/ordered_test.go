package randomness

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"vision/internal/beacon"
	"vision/internal/chain"
)

// ticking gives a value each second while it is up.
type ticking struct {
	name string
	down *bool
}

func (s ticking) Next(ctx context.Context, after beacon.Round) (beacon.Round, error) {
	if !sleep(ctx, time.Second) {
		return beacon.Round{}, ctx.Err()
	}
	if *s.down {
		return beacon.Round{}, errors.New("down")
	}
	return beacon.Round{Source: s.name, Number: uint64(time.Now().Unix()), Tick: time.Second, At: time.Now()}, nil
}

func TestTheNextSourceIsAskedWhileTheFirstIsDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		down, up := false, false
		o, err := NewOrdered(slog.New(slog.DiscardHandler), time.Now, Named{"first", ticking{"first", &down}}, Named{"second", ticking{"second", &up}})
		if err != nil {
			t.Fatal(err)
		}
		var last beacon.Round
		// wait counts how long it takes until values come of a source.
		wait := func(source string) time.Duration {
			began := time.Now()
			for {
				r, err := o.Next(t.Context(), last)
				if err == nil {
					last = r
					if r.Source == source {
						return time.Since(began)
					}
				}
				if time.Since(began) > time.Hour {
					t.Fatalf("no value of %s in an hour", source)
				}
			}
		}
		if d := wait("first"); d > 2*time.Second {
			t.Errorf("the first value took %v", d)
		}
		down = true
		if d := wait("second"); d > giveUp+5*time.Second {
			t.Errorf("the second source was asked after %v", d)
		}
		down = false
		if d := wait("first"); d > retry+5*time.Second {
			t.Errorf("the first was asked again after %v", d)
		}
	})
}

// blocks are values that only who waits for them sees.
type blocks struct{}

func (blocks) Next(ctx context.Context, after beacon.Round) (beacon.Round, error) {
	next := time.Now().Truncate(3 * time.Second).Add(3 * time.Second)
	if !sleep(ctx, time.Until(next)) {
		return beacon.Round{}, ctx.Err()
	}
	return beacon.Round{Source: "blocks", Number: uint64(next.Unix() / 3), Tick: 3 * time.Second, At: next}, nil
}

// silent gives nothing, and takes all the time that it has for it, until it is up.
type silent struct{ up *bool }

func (s silent) Next(ctx context.Context, after beacon.Round) (beacon.Round, error) {
	if *s.up {
		return beacon.Round{Source: "first", Number: 1, Tick: time.Second, At: time.Now()}, nil
	}
	<-ctx.Done()
	return beacon.Round{}, ctx.Err()
}

// While the first source is tried again, no value of the one in use is missed; and once it gives one, it is used at once.
func TestTryingTheFirstMissesNoValue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		up := false
		o, err := NewOrdered(slog.New(slog.DiscardHandler), time.Now, Named{"first", silent{&up}}, Named{"blocks", blocks{}})
		if err != nil {
			t.Fatal(err)
		}
		var last beacon.Round
		for began := time.Now(); time.Since(began) < 4*retry; {
			r, err := o.Next(ctx, last)
			if err != nil {
				continue
			}
			if last.Number != 0 && r.Number != last.Number+1 {
				t.Fatalf("block %d came after %d", r.Number, last.Number)
			}
			last = r
		}
		if last.Source != "blocks" {
			t.Fatalf("the last value is %+v", last)
		}
		up = true
		for began := time.Now(); last.Source != "first"; {
			if last, err = o.Next(ctx, last); err != nil {
				t.Fatal(err)
			}
			if time.Since(began) > retry+giveUp {
				t.Fatal("the first source is not used again")
			}
		}
		if r, err := o.Next(ctx, last); err != nil || r.Source != "first" {
			t.Errorf("after it, %+v, %v", r, err)
		}
	})
}

// alone says when it is asked by two at once, and gives nothing.
type alone struct {
	t     *testing.T
	asked *atomic.Int32
}

func (s alone) Next(ctx context.Context, after beacon.Round) (beacon.Round, error) {
	if s.asked.Add(1) > 1 {
		s.t.Error("a source is asked by two at once")
	}
	defer s.asked.Add(-1)
	<-ctx.Done()
	sleep(context.Background(), 7*time.Second) // it is slow to notice
	return beacon.Round{}, ctx.Err()
}

// A source that fails while the first is being tried hands over to it, and that is still asked by one at a time.
func TestSourcesAreAskedByOneAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		down := false
		o, err := NewOrdered(slog.New(slog.DiscardHandler), time.Now, Named{"first", alone{t, new(atomic.Int32)}}, Named{"second", ticking{"second", &down}})
		if err != nil {
			t.Fatal(err)
		}
		both := false
		for began := time.Now(); time.Since(began) < time.Hour; {
			_, _ = o.Next(t.Context(), beacon.Round{})
			// It fails a little before the first is tried again.
			down = o.at == 1 && time.Until(o.again) < giveUp-5*time.Second
			both = both || o.at == 0 && o.try != nil
		}
		if !both {
			t.Error("the first never came into use while it was being tried")
		}
		if o.try != nil {
			<-o.try.over
		}
	})
}

// chainOf gives a new block each second.
type chainOf struct{}

func (chainOf) Snapshot(context.Context) (*chain.Snapshot, error) {
	n := uint64(time.Now().Unix())
	return chain.NewSnapshot(chain.Header{Network: "net", Netuid: 3, Block: n, BlockHash: [32]byte{byte(n)}, Time: time.Unix(int64(n), 0),
		Params: chain.Params{BlockTime: time.Second, Tempo: 1}}, nil)
}

func TestBlocksAreValues(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var last beacon.Round
		for range 5 {
			r, err := Ledger{chainOf{}}.Next(t.Context(), last)
			if err != nil {
				t.Fatal(err)
			}
			if r.Source != "ledger-net-3" || last.Number != 0 && r.Number != last.Number+1 || r.Value[0] != byte(r.Number) {
				t.Errorf("%+v after block %d", r, last.Number)
			}
			last = r
		}
	})
}
