package chaintest

import (
	"errors"
	"math"
	"testing"
	"time"

	"vision/internal/chain"
)

func weights(pairs ...uint16) chain.Weights {
	var w chain.Weights
	for i := 0; i < len(pairs); i += 2 {
		w.UIDs, w.Values = append(w.UIDs, pairs[i]), append(w.Values, pairs[i+1])
	}
	return w
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

func testSelfWeight(t *testing.T, s *suite) {
	r := s.set(benched, weights(benched, 1))
	s.passEpoch(r.Counts)
	if n := s.uid(benched); n.Incentive != 0 {
		t.Errorf("it pays itself %v", n.Incentive)
	}
}
