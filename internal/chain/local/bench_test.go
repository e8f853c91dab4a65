package local_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"vision/internal/chain"
	"vision/internal/chain/chaintest"
	"vision/internal/chain/local"
	"vision/internal/hotkey"
)

// BenchmarkFullNetwork sets the weights of a validator in the largest network
// that there is: 256 neurons, 64 validators with a weight for each.
func BenchmarkFullNetwork(b *testing.B) {
	clock := chaintest.NewClock()
	cfg := local.Devnet(clock.Now)
	cfg.WeightsRateLimit = 0
	dir := b.TempDir()
	l, err := local.Open(dir, cfg)
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	var w chain.Weights
	for i := range 256 {
		id := hotkey.ID{byte(i), 1}
		if i < 64 {
			id = chaintest.Key(string(rune('A' + i))).ID()
			if err := l.SetStake(b.Context(), id, chain.Rao(1000+i)*chain.TAO); err != nil {
				b.Fatal(err)
			}
		}
		if _, err := l.Register(b.Context(), id, hotkey.ID{}); err != nil {
			b.Fatal(err)
		}
		w.UIDs, w.Values = append(w.UIDs, uint16(i)), append(w.Values, uint16(1+i*i%999))
	}
	for i := range 64 {
		if _, err := l.SetWeights(b.Context(), chaintest.Key(string(rune('A'+i))), w); err != nil {
			b.Fatal(err)
		}
	}
	clock.Advance(20 * time.Second)
	b.Run("weights", func(b *testing.B) {
		for b.Loop() {
			if _, err := l.SetWeights(b.Context(), chaintest.Key("A"), w); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("snapshot of a new block", func(b *testing.B) {
		for b.Loop() {
			clock.Advance(time.Second)
			if _, err := l.Snapshot(b.Context()); err != nil {
				b.Fatal(err)
			}
		}
	})
	info, err := os.Stat(filepath.Join(dir, "ledger.json"))
	if err != nil {
		b.Fatal(err)
	}
	b.Logf("the file has %d KB", info.Size()/1000)
}
