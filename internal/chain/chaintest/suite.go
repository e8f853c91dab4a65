package chaintest

import (
	"context"
	"errors"
	"io"
	"math"
	"slices"
	"sync"
	"testing"
	"time"

	"vision/internal/chain"
	"vision/internal/hotkey"
)

// Open opens the backend on w, setting the network up if w.Dir is new. It may
// change w.Params before that where the backend has rules of its own. If the
// ledger is an io.Closer, the suite closes it.
type Open func(t *testing.T, w *World) chain.Ledger

// Run checks that a backend keeps chain.Ledger's promises.
func Run(t *testing.T, open Open) {
	for name, test := range map[string]func(*testing.T, *suite){
		"snapshot shows the network":       testSnapshot,
		"snapshot never changes":           testImmutable,
		"blocks follow the clock":          testBlocks,
		"announce":                         testAnnounce,
		"weights become incentive":         testIncentive,
		"new weights replace old ones":     testReplace,
		"refusals, in order":               testRefusals,
		"rate limit, to the block":         testRateLimit,
		"reopened, it is the same":         testReopen,
		"a call with an ended context":     testContext,
		"calls at once":                    testConcurrent,
		"a single weight to oneself is ok": testSelfWeight,
	} {
		t.Run(name, func(t *testing.T) {
			s := &suite{T: t, w: newWorld(t), open: open}
			s.start()
			for i, m := range s.w.Members {
				if err := s.l.Announce(t.Context(), m.Key, m.Endpoint); err != nil {
					t.Fatalf("member %d cannot announce: %v", i, err)
				}
			}
			s.w.blocks(1)
			test(t, s)
		})
	}
}

type suite struct {
	*testing.T
	w    *World
	open Open
	l    chain.Ledger
}

func (s *suite) start() {
	s.Helper()
	l := s.open(s.T, s.w)
	s.l = l
	if c, ok := l.(io.Closer); ok {
		s.Cleanup(func() { c.Close() })
	}
}

func (s *suite) stop() {
	s.Helper()
	if c, ok := s.l.(io.Closer); ok {
		if err := c.Close(); err != nil {
			s.Fatalf("close: %v", err)
		}
	}
}

func (s *suite) snapshot() *chain.Snapshot {
	s.Helper()
	snap, err := s.l.Snapshot(s.Context())
	if err != nil {
		s.Fatalf("snapshot: %v", err)
	}
	return snap
}

func (s *suite) set(member int, w chain.Weights) chain.Receipt {
	s.Helper()
	r, err := s.l.SetWeights(s.Context(), s.w.Members[member].Key, w)
	if err != nil {
		s.Fatalf("member %d cannot set %v: %v", member, w, err)
	}
	return r
}

// passEpoch moves on until an epoch at or after block has run.
func (s *suite) passEpoch(block uint64) *chain.Snapshot {
	s.Helper()
	for snap := s.snapshot(); ; snap = s.snapshot() {
		last := snap.NextEpoch - s.w.Params.Tempo
		if last >= block && snap.Block > block {
			return snap
		}
		s.w.blocks(snap.NextEpoch - snap.Block)
	}
}

func (s *suite) uid(member int) chain.Neuron {
	s.Helper()
	n, ok := s.snapshot().ByHotkey(s.w.Members[member].Key.ID())
	if !ok {
		s.Fatalf("member %d is gone", member)
	}
	return n
}

func weights(pairs ...uint16) chain.Weights {
	var w chain.Weights
	for i := 0; i < len(pairs); i += 2 {
		w.UIDs, w.Values = append(w.UIDs, pairs[i]), append(w.Values, pairs[i+1])
	}
	return w
}

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

func testIncentive(t *testing.T, s *suite) {
	// Values need no scale: 1:3 from one, the same from the other.
	a := s.set(alice, weights(carol, 1, dave, 3))
	b := s.set(bob, weights(carol, 20000, dave, 60000))
	if n := s.uid(alice); n.LastUpdate != a.Block || a.Counts < a.Block {
		t.Errorf("receipt %+v, but last update %d", a, n.LastUpdate)
	}
	snap := s.passEpoch(max(a.Counts, b.Counts))
	for uid, want := range map[uint16]float64{carol: .25, dave: .75, alice: 0, benched: 0} {
		if n, _ := snap.ByUID(uid); math.Abs(n.Incentive-want) > 1e-4 || math.Abs(n.Consensus-want) > 1e-4 {
			t.Errorf("uid %d has incentive %v and consensus %v, want %v", uid, n.Incentive, n.Consensus, want)
		}
	}
	for uid, want := range map[uint16]float64{alice: .75, bob: .25, dave: 0} {
		if n, _ := snap.ByUID(uid); math.Abs(n.Dividends-want) > 1e-4 {
			t.Errorf("uid %d has dividends %v, want %v", uid, n.Dividends, want)
		}
	}
	incentive, emission := 0.0, 0.0
	for n := range snap.Neurons() {
		incentive, emission = incentive+n.Incentive, emission+n.Emission
	}
	if math.Abs(incentive-1) > 1e-4 || math.Abs(emission-1) > 1e-4 {
		t.Errorf("incentives sum to %v, emissions to %v", incentive, emission)
	}
}

func testReplace(t *testing.T, s *suite) {
	s.set(alice, weights(carol, 1, dave, 1))
	s.w.blocks(s.w.Params.WeightsRateLimit)
	r := s.set(alice, weights(carol, 0, dave, 1))
	s.passEpoch(r.Counts)
	if c, d := s.uid(carol), s.uid(dave); c.Incentive != 0 || d.Incentive != 1 {
		t.Errorf("incentives %v and %v, want 0 and 1", c.Incentive, d.Incentive)
	}
}

func testRefusals(t *testing.T, s *suite) {
	good := weights(carol, 1, dave, 1)
	for _, c := range []struct {
		what string
		who  chain.Signer
		w    chain.Weights
		want chain.Reason
	}{
		{"lengths come before registration", Key("stranger"), chain.Weights{UIDs: []uint16{carol, dave}, Values: []uint16{1}}, chain.BadLengths},
		{"a stranger", Key("stranger"), weights(999, 1), chain.NotRegistered},
		{"too little stake, before uids", s.w.Members[poor].Key, weights(999, 1), chain.StakeTooLow},
		{"no permit, before uids", s.w.Members[benched].Key, weights(999, 1), chain.NoPermit},
		{"duplicates come before unknown uids", s.w.Members[alice].Key, weights(999, 1, dave, 1, dave, 2), chain.DuplicateUID},
		{"unknown uids come before the number", s.w.Members[alice].Key, weights(999, 1), chain.UnknownUID},
		{"too few", s.w.Members[alice].Key, weights(dave, 1), chain.TooFewWeights},
		{"none", s.w.Members[alice].Key, weights(), chain.TooFewWeights},
	} {
		_, err := s.l.SetWeights(t.Context(), c.who, c.w)
		var refused *chain.Refused
		if !errors.Is(err, c.want) || !errors.As(err, &refused) {
			t.Errorf("%s: %v, want %v", c.what, err, c.want)
		}
	}
	if n := s.uid(alice); n.LastUpdate != 0 {
		t.Errorf("refused weights count as an update in block %d", n.LastUpdate)
	}
	s.set(alice, good) // and refusals used up no right
	// The rate comes before the uids.
	if _, err := s.l.SetWeights(t.Context(), s.w.Members[alice].Key, weights(999, 1)); !errors.Is(err, chain.TooFast) {
		t.Errorf("at once again: %v", err)
	}
}

func testRateLimit(t *testing.T, s *suite) {
	limit := s.w.Params.WeightsRateLimit
	key := s.w.Members[alice].Key
	s.set(alice, weights(carol, 1, dave, 1))
	s.w.blocks(1)
	_, err := s.l.SetWeights(t.Context(), key, weights(carol, 1, dave, 2))
	var refused *chain.Refused
	if !errors.As(err, &refused) || refused.Reason != chain.TooFast {
		t.Fatalf("one block later: %v", err)
	}
	if refused.WaitBlocks != limit-1 || refused.RetryAfter != time.Duration(limit-1)*s.w.Params.BlockTime {
		t.Errorf("told to wait %d blocks, %v", refused.WaitBlocks, refused.RetryAfter)
	}
	if wait := s.snapshot().WaitForWeights(key.ID()); wait != limit-1 {
		t.Errorf("the snapshot says to wait %d blocks", wait)
	}
	s.w.blocks(limit - 2)
	if _, err := s.l.SetWeights(t.Context(), key, weights(carol, 1, dave, 2)); !errors.Is(err, chain.TooFast) {
		t.Fatalf("one block too early: %v", err)
	}
	s.set(bob, weights(carol, 1, dave, 1)) // the limit is each one's own
	s.w.blocks(1)
	if wait := s.snapshot().WaitForWeights(key.ID()); wait != 0 {
		t.Errorf("after the limit the snapshot says to wait %d blocks", wait)
	}
	s.set(alice, weights(carol, 1, dave, 2))
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

func testSelfWeight(t *testing.T, s *suite) {
	r := s.set(benched, weights(benched, 1))
	s.passEpoch(r.Counts)
	if n := s.uid(benched); n.Incentive != 0 {
		t.Errorf("it pays itself %v", n.Incentive)
	}
}

func uids(neurons []chain.Neuron) []uint16 {
	var out []uint16
	for _, n := range neurons {
		out = append(out, n.UID)
	}
	return out
}

// IDs gives the members' hotkeys by UID, for a backend that sets them up.
func (w *World) IDs() []hotkey.ID {
	var out []hotkey.ID
	for _, m := range w.Members {
		out = append(out, m.Key.ID())
	}
	return out
}
