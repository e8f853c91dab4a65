package randomness

import (
	"context"
	"errors"
	"log/slog"
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
