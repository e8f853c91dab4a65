package randomness

import (
	"context"
	"fmt"
	"time"

	"vision/internal/beacon"
	"vision/internal/chain"
)

// Snapshots is what Ledger needs of one; see chain.Ledger.
type Snapshots interface {
	Snapshot(ctx context.Context) (*chain.Snapshot, error)
}

// Ledger takes the hashes of a ledger's blocks for values. They are as random
// as the ledger makes them: whoever makes a block may try several, and the hashes of
// a private network follow from its file.
type Ledger struct{ Ledger Snapshots }

// Next implements Source. A block that was not seen while it was the newest is missed.
func (l Ledger) Next(ctx context.Context, after beacon.Round) (beacon.Round, error) {
	for {
		s, err := l.Ledger.Snapshot(ctx)
		if err != nil {
			return beacon.Round{}, fmt.Errorf("read the ledger: %w", err)
		}
		r := beacon.Round{Source: fmt.Sprintf("ledger-%s-%d", s.Network, s.Netuid), Number: s.Block, At: s.Time, Tick: s.BlockTime, Value: s.BlockHash}
		if r.Source != after.Source || r.Number > after.Number {
			return r, nil
		}
		if !sleep(ctx, min(max(s.BlockTime/8, 20*time.Millisecond), time.Second)) {
			return beacon.Round{}, ctx.Err()
		}
	}
}
