package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"vision/internal/chain"
	"vision/internal/hotkey"
)

// View is the newest snapshot of a ledger, refreshed beside the work. It
// answers at once, from memory.
type View struct {
	ledger chain.Ledger
	log    *slog.Logger
	now    atomic.Pointer[chain.Snapshot]
}

// NewView reads the first snapshot.
func NewView(ctx context.Context, ledger chain.Ledger, log *slog.Logger) (*View, error) {
	first, err := ledger.Snapshot(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the ledger: %w", err)
	}
	v := &View{ledger: ledger, log: log}
	v.now.Store(first)
	return v, nil
}

// Snapshot is the newest one known.
func (v *View) Snapshot() *chain.Snapshot { return v.now.Load() }

// Follow refreshes the view until ctx ends. A ledger that fails leaves the
// last snapshot in force.
func (v *View) Follow(ctx context.Context) error {
	for {
		every := min(max(v.Snapshot().BlockTime, 500*time.Millisecond), 12*time.Second)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(every):
		}
		s, err := v.ledger.Snapshot(ctx)
		switch {
		case err == nil:
			v.now.Store(s)
		case ctx.Err() == nil:
			v.log.Warn("the ledger did not answer; going on with what is known", "block", v.Snapshot().Block, "err", err)
		}
	}
}

// ErrNotValidator is why a miner refuses a caller.
var ErrNotValidator = errors.New("not a registered validator with enough stake")

// AdmitValidator says whether a hotkey may ask a miner: it must hold a
// validator permit and at least the subnet's stake threshold.
func (v *View) AdmitValidator(id hotkey.ID) error {
	s := v.Snapshot()
	n, ok := s.ByHotkey(id)
	switch {
	case !ok:
		return fmt.Errorf("%w: %s has no UID on %s/%d", ErrNotValidator, id, s.Network, s.Netuid)
	case !n.ValidatorPermit:
		return fmt.Errorf("%w: %s has no validator permit", ErrNotValidator, id)
	case n.Stake < s.StakeThreshold:
		return fmt.Errorf("%w: %s has %s of stake, the threshold is %s", ErrNotValidator, id, n.Stake, s.StakeThreshold)
	}
	return nil
}

// Share is a validator's share of all validators' stake.
func (v *View) Share(id hotkey.ID) (float64, bool) {
	if v.AdmitValidator(id) != nil {
		return 0, false
	}
	return v.Snapshot().StakeShare(id), true
}
