package chaintest

import (
	"context"
	"errors"
	"math"
	"slices"
	"sync"
	"testing"

	"vision/internal/chain"
)

func testSnapshot(t *testing.T, s *suite) {
	snap := s.snapshot()
	if snap.Len() != len(s.w.Members) {
		t.Fatalf("%d neurons, want %d", snap.Len(), len(s.w.Members))
	}
	if snap.Params != s.w.Params {
		t.Errorf("rules are %+v, want %+v", snap.Params, s.w.Params)
	}
	if snap.Network == "" || snap.BlockHash == [32]byte{} || snap.Time.IsZero() {
		t.Errorf("header is incomplete: %+v", snap.Header)
	}
	if snap.NextEpoch <= snap.Block || snap.NextEpoch > snap.Block+snap.Tempo {
		t.Errorf("in block %d the next epoch is said to be in block %d, with tempo %d", snap.Block, snap.NextEpoch, snap.Tempo)
	}
	for uid, m := range s.w.Members {
		n, ok := snap.ByHotkey(m.Key.ID())
		again, same := snap.ByUID(uint16(uid))
		if !ok || !same || n != again {
			t.Fatalf("uid %d: by hotkey %+v, by uid %+v", uid, n, again)
		}
		if n.Stake != m.Stake || n.Endpoint != m.Endpoint || n.ValidatorPermit != m.Validator || n.LastUpdate != 0 {
			t.Errorf("uid %d is %+v, want stake %s, address %s, permit %v", uid, n, m.Stake, m.Endpoint, m.Validator)
		}
		share := map[int]float64{alice: .75, bob: .25}[uid]
		if got := snap.StakeShare(m.Key.ID()); got != share {
			t.Errorf("stake share of uid %d is %v, want %v", uid, got, share)
		}
	}
	if got := uids(snap.Validators()); !slices.Equal(got, []uint16{alice, bob}) {
		t.Errorf("validators are %v", got)
	}
	if got := uids(snap.Miners()); !slices.Equal(got, []uint16{benched, poor, carol, dave}) {
		t.Errorf("miners are %v", got)
	}
	if _, ok := snap.ByHotkey(Key("stranger").ID()); ok || snap.StakeShare(Key("stranger").ID()) != 0 {
		t.Error("a stranger is registered")
	}
}

func testImmutable(t *testing.T, s *suite) {
	before := s.snapshot()
	want := slices.Collect(before.Neurons())
	miners := before.Miners()
	miners[0].Stake, miners[0].Endpoint = 1, "changed.example:1"
	r := s.set(alice, weights(carol, 1, dave, 1))
	s.passEpoch(r.Counts)
	if got := slices.Collect(before.Neurons()); !slices.Equal(got, want) {
		t.Errorf("an old snapshot changed:\n%+v\nwas\n%+v", got, want)
	}
	if n, _ := s.snapshot().ByUID(miners[0].UID); n.Endpoint == "changed.example:1" {
		t.Error("what a snapshot returned was the ledger's own")
	}
}

func testBlocks(t *testing.T, s *suite) {
	a, b := s.snapshot(), s.snapshot()
	if a.Block != b.Block || a.BlockHash != b.BlockHash {
		t.Errorf("one instant has blocks %d %x and %d %x", a.Block, a.BlockHash, b.Block, b.BlockHash)
	}
	s.set(alice, weights(carol, 1, dave, 1))
	if c := s.snapshot(); c.Block == a.Block && c.BlockHash != a.BlockHash {
		t.Error("the hash of a block changed while it was open")
	}
	s.w.blocks(3)
	c := s.snapshot()
	if c.Block != a.Block+3 || c.BlockHash == a.BlockHash || c.Time.Sub(a.Time) != 3*s.w.Params.BlockTime {
		t.Errorf("3 block times after block %d (%v) it is block %d (%v)", a.Block, a.Time, c.Block, c.Time)
	}
	s.w.Clock.Advance(-2 * s.w.Params.BlockTime)
	if d := s.snapshot(); d.Block < c.Block {
		t.Errorf("the clock went back, and the block from %d to %d", c.Block, d.Block)
	}
}

func testAnnounce(t *testing.T, s *suite) {
	m := s.w.Members[carol]
	if err := s.l.Announce(t.Context(), m.Key, m.Endpoint); err != nil {
		t.Errorf("announcing again what is published: %v", err)
	}
	for _, at := range []chain.Endpoint{"", "192.0.2.1", "0.0.0.0:80", "192.0.2.1:0", "a b:80"} {
		if err := s.l.Announce(t.Context(), m.Key, at); !errors.Is(err, chain.BadEndpoint) {
			t.Errorf("announcing %q: %v, want %v", at, err, chain.BadEndpoint)
		}
	}
	err := s.l.Announce(t.Context(), Key("stranger"), "192.0.2.99:80")
	if !errors.Is(err, chain.NotRegistered) {
		t.Errorf("a stranger announces: %v", err)
	}
	if n := s.uid(carol); n.Endpoint != m.Endpoint {
		t.Errorf("refused calls moved it to %s", n.Endpoint)
	}
}

func testReopen(t *testing.T, s *suite) {
	r := s.set(alice, weights(carol, 1, dave, 3))
	s.passEpoch(r.Counts)
	s.set(alice, weights(carol, 1, dave, 1))
	before := s.snapshot()
	s.stop()
	s.start()
	after := s.snapshot()
	if before.Header != after.Header {
		t.Errorf("header was\n%+v\nand is\n%+v", before.Header, after.Header)
	}
	if a, b := slices.Collect(before.Neurons()), slices.Collect(after.Neurons()); !slices.Equal(a, b) {
		t.Errorf("neurons were\n%+v\nand are\n%+v", a, b)
	}
	if _, err := s.l.SetWeights(t.Context(), s.w.Members[alice].Key, weights(carol, 1, dave, 1)); !errors.Is(err, chain.TooFast) {
		t.Errorf("the rate limit is forgotten: %v", err)
	}
	snap := s.passEpoch(s.snapshot().Block + 3*s.w.Params.Tempo)
	if n, _ := snap.ByUID(carol); math.Abs(n.Incentive-.5) > 1e-4 {
		t.Errorf("weights set before closing give incentive %v, want .5", n.Incentive)
	}
}

func testContext(t *testing.T, s *suite) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	m := s.w.Members[alice]
	if _, err := s.l.Snapshot(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("snapshot: %v", err)
	}
	if err := s.l.Announce(ctx, m.Key, m.Endpoint); !errors.Is(err, context.Canceled) {
		t.Errorf("announce: %v", err)
	}
	if _, err := s.l.SetWeights(ctx, m.Key, weights(carol, 1, dave, 1)); !errors.Is(err, context.Canceled) {
		t.Errorf("set weights: %v", err)
	}
	if n := s.uid(alice); n.LastUpdate != 0 {
		t.Error("weights were set by a call that had ended")
	}
}

func testConcurrent(t *testing.T, s *suite) {
	const callers = 6
	key := s.w.Members[alice].Key
	var wg sync.WaitGroup
	errs := make([]error, callers)
	for i := range callers {
		wg.Go(func() {
			for range 20 {
				if snap, err := s.l.Snapshot(t.Context()); err != nil || snap.Len() != len(s.w.Members) {
					t.Errorf("snapshot: %v", err)
				}
			}
			_, errs[i] = s.l.SetWeights(t.Context(), key, weights(carol, uint16(i), dave, 1))
		})
	}
	wg.Wait()
	won := 0
	for _, err := range errs {
		switch {
		case err == nil:
			won++
		case !errors.Is(err, chain.TooFast):
			t.Errorf("set weights: %v", err)
		}
	}
	if won != 1 {
		t.Errorf("%d of %d callers got past the rate limit", won, callers)
	}
}

func uids(neurons []chain.Neuron) []uint16 {
	var out []uint16
	for _, n := range neurons {
		out = append(out, n.UID)
	}
	return out
}
