package local_test

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"vision/internal/chain"
	"vision/internal/chain/chaintest"
	"vision/internal/chain/local"
	"vision/internal/hotkey"
)

// net is an embedded ledger and its clock.
type net struct {
	*testing.T
	*local.Ledger
	clock *chaintest.Clock
	dir   string
}

func start(t *testing.T, change func(*local.Config)) *net {
	n := &net{T: t, clock: chaintest.NewClock(), dir: t.TempDir()}
	n.open(change)
	return n
}

func (n *net) open(change func(*local.Config)) {
	n.Helper()
	cfg := local.Devnet(n.clock.Now)
	if change != nil {
		change(&cfg)
	}
	l, err := local.Open(n.dir, cfg)
	if err != nil {
		n.Fatal(err)
	}
	n.Ledger = l
	n.Cleanup(func() { l.Close() })
}

func (n *net) register(name string, stake chain.Rao) uint16 {
	n.Helper()
	if err := n.SetStake(n.Context(), chaintest.Key(name).ID(), stake); err != nil {
		n.Fatal(err)
	}
	uid, err := n.Register(n.Context(), chaintest.Key(name).ID(), hotkey.ID{})
	if err != nil {
		n.Fatalf("register %s: %v", name, err)
	}
	return uid
}

func (n *net) now() *chain.Snapshot {
	n.Helper()
	s, err := n.Snapshot(n.Context())
	if err != nil {
		n.Fatal(err)
	}
	return s
}

func (n *net) of(name string) chain.Neuron {
	n.Helper()
	neuron, ok := n.now().ByHotkey(chaintest.Key(name).ID())
	if !ok {
		n.Fatalf("%s is not registered", name)
	}
	return neuron
}

func (n *net) weigh(name string, uids, values []uint16) chain.Receipt {
	n.Helper()
	r, err := n.SetWeights(n.Context(), chaintest.Key(name), chain.Weights{UIDs: uids, Values: values})
	if err != nil {
		n.Fatal(err)
	}
	return r
}

const second = time.Second

func TestPermitsFollowStake(t *testing.T) {
	n := start(t, func(c *local.Config) { c.MaxValidators = 2 })
	n.register("a", 3000*chain.TAO)
	n.register("b", 1000*chain.TAO)
	n.register("c", 1000*chain.TAO-1)
	n.register("d", 1000*chain.TAO)
	permits := func() string {
		var b strings.Builder
		for _, v := range n.now().Validators() {
			fmt.Fprint(&b, v.UID)
		}
		return b.String()
	}
	if got := permits(); got != "01" {
		t.Errorf("permits of %s; want 01, the lower uid first of two equals", got)
	}
	if err := n.SetStake(t.Context(), chaintest.Key("c").ID(), 2000*chain.TAO); err != nil {
		t.Fatal(err)
	}
	if got := permits(); got != "02" {
		t.Errorf("permits of %s; want 02", got)
	}
}

func TestAFullNetworkReplacesTheLeastPaid(t *testing.T) {
	n := start(t, func(c *local.Config) { c.MaxNeurons, c.ImmunityPeriod, c.Tempo = 4, 30, 10 })
	n.register("validator", 1000*chain.TAO)
	for _, name := range []string{"good", "bad", "fair"} {
		n.register(name, 0)
	}
	n.weigh("validator", []uint16{1, 2, 3}, []uint16{50, 10, 40})
	n.clock.Advance(20 * second)

	_, err := n.Register(t.Context(), chaintest.Key("new").ID(), hotkey.ID{})
	var refused *chain.Refused
	if !errors.As(err, &refused) || refused.Reason != chain.TooFast || refused.WaitBlocks != 10 || refused.RetryAfter != 10*second {
		t.Fatalf("while all are immune: %v", err)
	}
	n.clock.Advance(10 * second)
	if uid := n.register("new", 0); uid != 2 {
		t.Fatalf("the new neuron got uid %d, want that of the least paid, 2", uid)
	}
	if _, there := n.now().ByHotkey(chaintest.Key("bad").ID()); there {
		t.Error("the replaced neuron is still registered")
	}
	// What was said of the old holder of uid 2 pays nothing to the new one.
	n.clock.Advance(10 * second)
	if got := n.of("new").Incentive; got != 0 {
		t.Errorf("the new neuron inherits incentive %v", got)
	}
	if a, b := n.of("good").Incentive, n.of("fair").Incentive; math.Abs(a-5./9) > 1e-4 || math.Abs(b-4./9) > 1e-4 {
		t.Errorf("the others have %v and %v, want 5/9 and 4/9", a, b)
	}
	if uid := n.register("new", 0); uid != 2 {
		t.Errorf("registering again gives uid %d", uid)
	}
}

func TestCommittedWeightsStayHiddenUntilRevealed(t *testing.T) {
	n := start(t, func(c *local.Config) { c.CommitReveal, c.RevealEpochs, c.Tempo = true, 1, 10 })
	n.register("validator", 1000*chain.TAO)
	n.register("miner", 0)
	n.clock.Advance(3 * second) // block 4; epochs in 11, 21, ...
	r := n.weigh("validator", []uint16{1}, []uint16{1})
	if r.Block != 4 || r.Counts != 21 {
		t.Errorf("receipt %+v, want block 4 and counting from block 21", r)
	}
	n.clock.Advance(16 * second)
	if got := n.of("miner").Incentive; got != 0 || n.now().Block != 20 {
		t.Errorf("in block %d, before the reveal, the incentive is %v", n.now().Block, got)
	}
	n.clock.Advance(second)
	if got := n.of("miner").Incentive; got != 1 {
		t.Errorf("after the reveal the incentive is %v", got)
	}
}

func TestWeightsLapse(t *testing.T) {
	n := start(t, func(c *local.Config) { c.ActivityCutoff, c.Tempo = 30, 10 })
	n.register("validator", 1000*chain.TAO)
	n.register("miner", 0)
	n.weigh("validator", []uint16{1}, []uint16{1})
	n.clock.Advance(30 * second)
	if got := n.of("miner").Incentive; got != 1 {
		t.Errorf("within the cutoff: %v", got)
	}
	n.clock.Advance(10 * second)
	if got := n.of("miner").Incentive; got != 0 {
		t.Errorf("past the cutoff: %v", got)
	}
}

func TestMovingHasItsPace(t *testing.T) {
	n := start(t, func(c *local.Config) { c.AnnounceRateLimit = 5 })
	n.register("miner", 0)
	key := chaintest.Key("miner")
	if err := n.Announce(t.Context(), key, "192.0.2.1:1"); err != nil {
		t.Fatal(err)
	}
	if err := n.Announce(t.Context(), key, "192.0.2.1:1"); err != nil {
		t.Errorf("the same address again: %v", err)
	}
	if err := n.Announce(t.Context(), key, "192.0.2.1:2"); !errors.Is(err, chain.TooFast) {
		t.Errorf("another address at once: %v", err)
	}
	n.clock.Advance(5 * second)
	if err := n.Announce(t.Context(), key, "192.0.2.1:2"); err != nil || n.of("miner").Endpoint != "192.0.2.1:2" {
		t.Errorf("another address later: %v", err)
	}
}

// A crash leaves what is on disk and nothing else, so a copy of the directory
// taken right after a call, without Close, must have the call.
func TestAcknowledgedMeansOnDisk(t *testing.T) {
	n := start(t, nil)
	n.register("validator", 1000*chain.TAO)
	n.register("miner", 0)
	for i := range uint16(5) {
		n.clock.Advance(10 * second)
		n.weigh("validator", []uint16{0, 1}, []uint16{i, 1})
		if err := n.Announce(t.Context(), chaintest.Key("miner"), chain.Endpoint(fmt.Sprintf("192.0.2.1:%d", i+1))); err != nil {
			t.Fatal(err)
		}
		raw, err := os.ReadFile(filepath.Join(n.dir, "ledger.json"))
		if err != nil {
			t.Fatal(err)
		}
		crashed := &net{T: t, clock: n.clock, dir: t.TempDir()}
		if err := os.WriteFile(filepath.Join(crashed.dir, "ledger.json"), raw, 0o600); err != nil {
			t.Fatal(err)
		}
		// The crash came while the next state was half written.
		if err := os.WriteFile(filepath.Join(crashed.dir, "ledger.json.next"), raw[:len(raw)/2], 0o600); err != nil {
			t.Fatal(err)
		}
		crashed.open(nil)
		if a, b := n.now(), crashed.now(); a.Header != b.Header || n.of("miner") != crashed.of("miner") || n.of("validator") != crashed.of("validator") {
			t.Fatalf("after a crash\n%+v %+v\nbefore\n%+v %+v", b.Header, crashed.of("miner"), a.Header, n.of("miner"))
		}
	}
}

func TestFailedSaveChangesNothing(t *testing.T) {
	n := start(t, nil)
	n.register("miner", 0)
	// A directory in the way of the next state makes every save fail.
	if err := os.Mkdir(filepath.Join(n.dir, "ledger.json.next"), 0o700); err != nil {
		t.Fatal(err)
	}
	err := n.Announce(t.Context(), chaintest.Key("miner"), "192.0.2.1:1")
	var refused *chain.Refused
	if err == nil || errors.As(err, &refused) {
		t.Fatalf("announce with a failing disk: %v", err)
	}
	if n.of("miner").Endpoint != "" {
		t.Error("a call that was not saved is visible")
	}
	if err := os.Remove(filepath.Join(n.dir, "ledger.json.next")); err != nil {
		t.Fatal(err)
	}
	if err := n.Announce(t.Context(), chaintest.Key("miner"), "192.0.2.1:1"); err != nil {
		t.Errorf("after the disk is well again: %v", err)
	}
}

func TestOneProcessAtATime(t *testing.T) {
	n := start(t, nil)
	if _, err := local.Open(n.dir, local.Devnet(n.clock.Now)); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Errorf("a second open: %v", err)
	}
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	if err := n.Close(); err != nil {
		t.Errorf("closing twice: %v", err)
	}
	if _, err := n.Snapshot(t.Context()); !errors.Is(err, local.ErrClosed) {
		t.Errorf("after close: %v", err)
	}
	n.open(nil)
}

func TestOpenRefusesWhatItCannotRead(t *testing.T) {
	for name, c := range map[string]struct{ file, want string }{
		"newer":     {`{"Version":2}`, "format 2"},
		"truncated": {`{"Version":1,`, "damaged"},
		"empty":     {``, "damaged"},
		"no blocks": {`{"Version":1,"Network":"devnet","Netuid":19}`, "damaged"},
		"strangers": {`{"Version":1,"Network":"devnet","Netuid":19,"BaseBlock":1,"Block":1,"BlockTime":1,"Stakes":{},"Neurons":[{"Weights":{"7":1}}]}`, "uid 7"},
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "ledger.json"), []byte(c.file), 0o600); err != nil {
			t.Fatal(err)
		}
		for range 2 { // the lock is free again after a failure
			if _, err := local.Open(dir, local.Devnet(time.Now)); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: %v, want %q in it", name, err, c.want)
			}
		}
		if raw, err := os.ReadFile(filepath.Join(dir, "ledger.json")); err != nil || string(raw) != c.file {
			t.Errorf("%s: the file was changed to %q, %v", name, raw, err)
		}
	}
	n := start(t, nil)
	n.Close()
	other := local.Devnet(n.clock.Now)
	other.Network = "another"
	if _, err := local.Open(n.dir, other); err == nil || !strings.Contains(err.Error(), "another") {
		t.Errorf("another network: %v", err)
	}
}

func TestRulesMayChangeWhenReopened(t *testing.T) {
	n := start(t, nil)
	n.register("validator", 1000*chain.TAO)
	n.clock.Advance(7 * second)
	before := n.now()
	n.Close()
	n.open(func(c *local.Config) { c.BlockTime, c.Tempo, c.StakeThreshold = 2*second, 10, 2000*chain.TAO })
	if s := n.now(); s.Block != before.Block || len(s.Validators()) != 0 || s.NextEpoch <= s.Block || s.NextEpoch > s.Block+10 {
		t.Errorf("block %d (was %d), %d validators, next epoch %d", s.Block, before.Block, len(s.Validators()), s.NextEpoch)
	}
	n.clock.Advance(4 * second)
	if s := n.now(); s.Block != before.Block+2 {
		t.Errorf("4 s later at 2 s a block: block %d, want %d", s.Block, before.Block+2)
	}
}

func TestAYearAwayIsCaughtUpAtOnce(t *testing.T) {
	n := start(t, func(c *local.Config) { c.ActivityCutoff = 1 << 40 })
	n.register("validator", 1000*chain.TAO)
	n.register("miner", 0)
	n.weigh("validator", []uint16{1}, []uint16{1})
	n.Close()
	n.clock.Advance(365 * 24 * time.Hour) // 1.6 million epochs
	n.open(func(c *local.Config) { c.ActivityCutoff = 1 << 40 })
	s := n.now()
	if n.of("miner").Incentive != 1 || s.Block != 1+365*86400 || (s.NextEpoch-1)%s.Tempo != 0 || s.NextEpoch <= s.Block || s.NextEpoch > s.Block+s.Tempo {
		t.Errorf("block %d, next epoch %d, incentive %v", s.Block, s.NextEpoch, n.of("miner").Incentive)
	}
}

func TestHistoryDecidesBlockHashes(t *testing.T) {
	hashes := func(stake chain.Rao) (before, after [32]byte) {
		n := start(t, nil)
		n.clock.Advance(second)
		before = n.now().BlockHash
		n.register("a", stake)
		n.clock.Advance(second)
		return before, n.now().BlockHash
	}
	a1, a2 := hashes(1)
	b1, b2 := hashes(1)
	c1, c2 := hashes(2)
	if a1 != b1 || a2 != b2 {
		t.Error("the same history gives other hashes")
	}
	if a1 != c1 || a2 == c2 {
		t.Error("another call must change the hashes after it, and only those")
	}
}

func TestConfigReportsAllMistakes(t *testing.T) {
	_, err := local.Open(t.TempDir(), local.Config{})
	for _, want := range []string{"network name", "clock", "block time", "tempo", "kappa", "bonds alpha"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q in it", err, want)
		}
	}
}

func TestFileHoldsNoFloatNoise(t *testing.T) {
	// What is read back must be what was computed, to the bit.
	n := start(t, func(c *local.Config) { c.Tempo = 10 })
	n.register("validator", 1000*chain.TAO)
	n.register("other", 3000*chain.TAO)
	for i := range 5 {
		n.register(fmt.Sprint("m", i), 0)
	}
	n.weigh("validator", []uint16{2, 3, 4, 5, 6}, []uint16{3, 7, 11, 13, 17})
	n.weigh("other", []uint16{2, 3, 4, 5, 6}, []uint16{17, 3, 7, 11, 13})
	n.clock.Advance(10 * second)
	n.now()
	first, _ := os.ReadFile(filepath.Join(n.dir, "ledger.json"))
	n.Close()
	n.open(func(c *local.Config) { c.Tempo = 10 })
	second, _ := os.ReadFile(filepath.Join(n.dir, "ledger.json"))
	if !bytes.Equal(first, second) {
		t.Errorf("reopening changed the file:\n%s\nto\n%s", first, second)
	}
}
