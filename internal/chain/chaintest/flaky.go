package chaintest

import (
	"context"
	"errors"
	"sync"

	"vision/internal/chain"
)

// ErrFlaky is the failure that Flaky reports. It is no *chain.Refused, so it
// leaves open whether the call took effect.
var ErrFlaky = errors.New("the ledger's answer was lost")

// Outcome is what Flaky does with one call.
type Outcome int

// The outcomes.
const (
	Pass       Outcome = iota // as the ledger does
	NotApplied                // reported as failed, and nothing happened
	Applied                   // reported as failed, yet it took effect
)

// Flaky is a ledger whose calls fail as planned. Calls beyond the plan pass.
type Flaky struct {
	Ledger chain.Ledger

	mu                          sync.Mutex // guards all below
	snapshot, announce, weights []Outcome
	snapshots, announces, sets  int
}

var _ chain.Ledger = (*Flaky)(nil)

// FailSnapshot plans the next calls of Snapshot.
func (f *Flaky) FailSnapshot(next ...Outcome) { f.plan(&f.snapshot, next) }

// FailAnnounce plans the next calls of Announce.
func (f *Flaky) FailAnnounce(next ...Outcome) { f.plan(&f.announce, next) }

// FailSetWeights plans the next calls of SetWeights.
func (f *Flaky) FailSetWeights(next ...Outcome) { f.plan(&f.weights, next) }

// Calls counts the calls so far.
func (f *Flaky) Calls() (snapshots, announces, sets int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.snapshots, f.announces, f.sets
}

func (f *Flaky) plan(queue *[]Outcome, next []Outcome) {
	f.mu.Lock()
	defer f.mu.Unlock()
	*queue = append(*queue, next...)
}

func (f *Flaky) next(queue *[]Outcome, calls *int) Outcome {
	f.mu.Lock()
	defer f.mu.Unlock()
	*calls++
	if len(*queue) == 0 {
		return Pass
	}
	o := (*queue)[0]
	*queue = (*queue)[1:]
	return o
}

// Snapshot implements chain.Ledger.
func (f *Flaky) Snapshot(ctx context.Context) (*chain.Snapshot, error) {
	if f.next(&f.snapshot, &f.snapshots) != Pass {
		return nil, ErrFlaky
	}
	return f.Ledger.Snapshot(ctx)
}

// Announce implements chain.Ledger.
func (f *Flaky) Announce(ctx context.Context, signer chain.Signer, at chain.Endpoint) error {
	o := f.next(&f.announce, &f.announces)
	if o == NotApplied {
		return ErrFlaky
	}
	if err := f.Ledger.Announce(ctx, signer, at); err != nil || o == Pass {
		return err
	}
	return ErrFlaky
}

// SetWeights implements chain.Ledger.
func (f *Flaky) SetWeights(ctx context.Context, signer chain.Signer, w chain.Weights) (chain.Receipt, error) {
	o := f.next(&f.weights, &f.sets)
	if o == NotApplied {
		return chain.Receipt{}, ErrFlaky
	}
	r, err := f.Ledger.SetWeights(ctx, signer, w)
	if err != nil || o == Pass {
		return r, err
	}
	return chain.Receipt{}, ErrFlaky
}
