package local_test

import (
	"testing"

	"vision/internal/chain"
	"vision/internal/chain/chaintest"
	"vision/internal/chain/local"
	"vision/internal/hotkey"
)

// open sets the suite's network up on an embedded ledger.
func open(t *testing.T, w *chaintest.World) *local.Ledger {
	t.Helper()
	cfg := local.Devnet(w.Clock.Now)
	cfg.Params = w.Params
	l, err := local.Open(w.Dir, cfg)
	if err != nil {
		t.Fatal(err)
	}
	for i, m := range w.Members {
		if err := l.SetStake(t.Context(), m.Key.ID(), m.Stake); err != nil {
			t.Fatal(err)
		}
		uid, err := l.Register(t.Context(), m.Key.ID(), hotkey.ID{})
		if err != nil || uid != uint16(i) {
			t.Fatalf("member %d registers as %d: %v", i, uid, err)
		}
	}
	return l
}

func TestLedger(t *testing.T) {
	chaintest.Run(t, func(t *testing.T, w *chaintest.World) chain.Ledger { return open(t, w) })
}

func TestLedgerWithCommitAndReveal(t *testing.T) {
	chaintest.Run(t, func(t *testing.T, w *chaintest.World) chain.Ledger {
		w.Params.CommitReveal, w.Params.RevealEpochs = true, 2
		return open(t, w)
	})
}
