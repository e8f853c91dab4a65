package private_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vision/internal/chain"
	"vision/internal/chain/chaintest"
	"vision/internal/chain/private"
)

// write makes the network file of the suite's network.
func write(t *testing.T, w *chaintest.World) (path string) {
	t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, "network: suite\nnetuid: 7\nblock_time: %v\ntempo: %d\nweights_rate_limit: %d\nmin_weights: %d\nstake_threshold: %s\nneurons:\n",
		w.Params.BlockTime, w.Params.Tempo, w.Params.WeightsRateLimit, w.Params.MinWeights, w.Params.StakeThreshold.Decimal())
	for _, m := range w.Members {
		role := "miner"
		if m.Validator {
			role = "validator"
		}
		fmt.Fprintf(&b, "  - {hotkey: %s, role: %s, stake: %s, address: %q}\n", m.Key.ID(), role, m.Stake.Decimal(), m.Endpoint)
	}
	path = filepath.Join(w.Dir, "network.yaml")
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestLedger(t *testing.T) {
	chaintest.Run(t, func(t *testing.T, w *chaintest.World) chain.Ledger {
		w.Params.MaxNeurons, w.Params.MaxValidators = 4096, 4096
		l, err := private.Open(private.Config{
			File: write(t, w), Weights: filepath.Join(w.Dir, "weights"), Now: w.Clock.Now,
		})
		if err != nil {
			t.Fatal(err)
		}
		return l
	})
}
