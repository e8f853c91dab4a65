package chaintest_test

import (
	"errors"
	"testing"

	"vision/internal/chain"
	"vision/internal/chain/chaintest"
	"vision/internal/chain/local"
	"vision/internal/hotkey"
)

func TestFlakyFailsBothWays(t *testing.T) {
	clock := chaintest.NewClock()
	l, err := local.Open(t.TempDir(), local.Devnet(clock.Now))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	key := chaintest.Key("validator")
	if err := l.SetStake(t.Context(), key.ID(), 1000*chain.TAO); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Register(t.Context(), key.ID(), hotkey.ID{}); err != nil {
		t.Fatal(err)
	}
	f := &chaintest.Flaky{Ledger: l}
	f.FailSetWeights(chaintest.NotApplied, chaintest.Applied)
	f.FailAnnounce(chaintest.NotApplied, chaintest.Applied)
	f.FailSnapshot(chaintest.NotApplied)

	if _, err := f.Snapshot(t.Context()); !errors.Is(err, chaintest.ErrFlaky) {
		t.Errorf("snapshot: %v", err)
	}
	w := chain.Weights{UIDs: []uint16{0}, Values: []uint16{1}}
	for _, applied := range []bool{false, true} {
		if _, err := f.SetWeights(t.Context(), key, w); !errors.Is(err, chaintest.ErrFlaky) {
			t.Errorf("set weights: %v", err)
		}
		if err := f.Announce(t.Context(), key, "192.0.2.1:1"); !errors.Is(err, chaintest.ErrFlaky) {
			t.Errorf("announce: %v", err)
		}
		s, err := f.Snapshot(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		n, _ := s.ByUID(0)
		if (n.LastUpdate > 0) != applied || (n.Endpoint != "") != applied {
			t.Errorf("want applied %v, got %+v", applied, n)
		}
	}
	// Past the plan it does as the ledger does, refusals and all.
	if _, err := f.SetWeights(t.Context(), key, w); !errors.Is(err, chain.TooFast) {
		t.Errorf("set weights: %v", err)
	}
	if a, b, c := f.Calls(); a != 3 || b != 2 || c != 3 {
		t.Errorf("calls %d %d %d", a, b, c)
	}
}
