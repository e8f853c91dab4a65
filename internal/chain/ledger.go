package chain

import (
	"context"

	"vision/internal/hotkey"
)

// Ledger is one subnet on some ledger. All methods may be called at once from
// many goroutines, and each returns when ctx ends.
//
// An error is either a *Refused, which means that the ledger looked and
// nothing changed, or anything else (a lost connection, a full disk, a deadline),
// which leaves open whether the call took effect. After one of the latter, read
// a new Snapshot: Neuron.Endpoint and Neuron.LastUpdate tell.
type Ledger interface {
	// Snapshot gives the subnet as of the newest final block. Calls within
	// one block may give the same pointer. When it fails, a caller goes on
	// with the snapshot it has and asks again.
	Snapshot(ctx context.Context) (*Snapshot, error)

	// Announce publishes where the signer can be reached. Announcing what is
	// already published succeeds and costs nothing.
	Announce(ctx context.Context, signer Signer, at Endpoint) error

	// SetWeights replaces the signer's weights. It returns once they are in a
	// final block. On a ledger with commit and reveal the backend does both
	// halves: the Receipt says from which block the weights count.
	SetWeights(ctx context.Context, signer Signer, w Weights) (Receipt, error)
}

// Signer is a neuron's hotkey, able to sign. *hotkey.Key is one.
type Signer interface {
	ID() hotkey.ID
	Sign(message []byte) [64]byte
}

// Receipt tells what became of accepted weights.
type Receipt struct {
	Block  uint64 // the final block that took them; LastUpdate of the signer from there on
	Counts uint64 // the first block whose epoch counts them: Block or Block+1, or that of the reveal
	Ref    string // the ledger's own name for it (an extrinsic's hash, a file), for logs; may be empty
}
