package local

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"vision/internal/chain"
	"vision/internal/hotkey"
)

// ErrClosed is given by every call after Close.
var ErrClosed = errors.New("the ledger is closed")

// Ledger is the embedded ledger. It implements chain.Ledger and adds what a
// devnet's keeper does: Register and SetStake.
type Ledger struct {
	cfg  Config
	file *file

	mu       sync.Mutex // guards all below
	state    *state     // replaced, never changed in place
	snapshot *chain.Snapshot
	closed   bool
}

var _ chain.Ledger = (*Ledger)(nil)

// Open opens the ledger kept in dir, or begins one there. One process at a
// time: a second Open fails.
func Open(dir string, cfg Config) (*Ledger, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("devnet ledger: %w", err)
	}
	f, err := openFile(dir)
	if err != nil {
		return nil, fmt.Errorf("open the devnet ledger: %w", err)
	}
	l := &Ledger{cfg: cfg, file: f}
	if err := l.load(); err != nil {
		return nil, errors.Join(fmt.Errorf("open the devnet ledger: %w", err), f.close())
	}
	return l, nil
}

// load reads the state, or makes the first, and adopts the configured rules.
func (l *Ledger) load() error {
	s, err := l.file.read()
	if err != nil {
		return err
	}
	if s == nil {
		l.state = newState(l.cfg)
		return l.file.write(l.state)
	}
	if s.Network != l.cfg.Network || s.Netuid != l.cfg.Netuid {
		return fmt.Errorf("%s holds netuid %d of %q, not netuid %d of %q: give another directory",
			l.file.path, s.Netuid, s.Network, l.cfg.Netuid, l.cfg.Network)
	}
	if len(s.Neurons) > l.cfg.MaxNeurons {
		return fmt.Errorf("%s holds %d neurons, more than the %d allowed", l.file.path, len(s.Neurons), l.cfg.MaxNeurons)
	}
	now := l.cfg.Now()
	block := s.blockAt(now)
	if s.BlockTime != l.cfg.BlockTime {
		s.rebase(block, now, l.cfg.BlockTime)
	}
	if due := s.LastEpoch + l.cfg.Tempo; s.NextEpoch > due && due > block {
		s.NextEpoch = due // the tempo was shortened
	}
	s.Block = block
	s.advance(block, l.cfg)
	s.permit(l.cfg)
	l.state = s
	return l.file.write(s)
}

// Close releases the directory. All that was acknowledged is already on disk.
func (l *Ledger) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil
	}
	l.closed = true
	return l.file.close()
}

// Snapshot implements chain.Ledger.
func (l *Ledger) Snapshot(ctx context.Context) (*chain.Snapshot, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.current(ctx)
}

// current brings the state up to the clock's block. It holds mu.
func (l *Ledger) current(ctx context.Context) (*chain.Snapshot, error) {
	if l.closed {
		return nil, ErrClosed
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	block := l.state.blockAt(l.cfg.Now())
	if l.snapshot != nil && l.snapshot.Block >= block {
		return l.snapshot, nil
	}
	if block >= l.state.NextEpoch {
		next := l.state.clone()
		next.Block = block
		next.advance(block, l.cfg)
		if err := l.file.write(next); err != nil {
			return nil, fmt.Errorf("save the epoch of block %d: %w", next.LastEpoch, err)
		}
		l.state = next
	}
	s, err := l.state.snapshot(block, l.cfg)
	if err != nil {
		return nil, err
	}
	l.snapshot = s
	return s, nil
}

// change applies a call: decide looks at the snapshot and changes the copy of
// the state, or refuses. Nothing is visible unless it was saved.
func (l *Ledger) change(ctx context.Context, call string, decide func(*chain.Snapshot, *state) error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	now, err := l.current(ctx)
	if err != nil {
		return err
	}
	next := l.state.clone()
	next.Block = now.Block
	if err := decide(now, next); err != nil {
		if errors.Is(err, errNoChange) {
			return nil
		}
		return fmt.Errorf("%s: %w", call, err)
	}
	if err := l.file.write(next); err != nil {
		return fmt.Errorf("%s: save: %w", call, err)
	}
	l.state, l.snapshot = next, nil
	return nil
}

// maxCommits is how many unrevealed sets of weights a neuron may have, as on Subtensor.
const maxCommits = 10

// errNoChange ends a decision that has nothing to do.
var errNoChange = errors.New("nothing to change")

// Announce implements chain.Ledger.
func (l *Ledger) Announce(ctx context.Context, signer chain.Signer, at chain.Endpoint) error {
	return l.announce(ctx, signer.ID(), at)
}

func (l *Ledger) announce(ctx context.Context, id hotkey.ID, at chain.Endpoint) error {
	return l.change(ctx, "announce "+string(at), func(now *chain.Snapshot, next *state) error {
		uid, ok := next.uid(id)
		if ok && at != "" && next.Neurons[uid].Endpoint == at {
			return errNoChange
		}
		var last uint64
		if ok {
			last = next.Neurons[uid].Announced
		}
		if err := chain.CheckAnnounce(now, id, at, last); err != nil {
			return err
		}
		next.record(now.Block, "announce", id, at)
		next.Neurons[uid].Endpoint, next.Neurons[uid].Announced = at, now.Block
		return nil
	})
}

// SetWeights implements chain.Ledger.
func (l *Ledger) SetWeights(ctx context.Context, signer chain.Signer, w chain.Weights) (chain.Receipt, error) {
	return l.setWeights(ctx, signer.ID(), w)
}

func (l *Ledger) setWeights(ctx context.Context, id hotkey.ID, w chain.Weights) (chain.Receipt, error) {
	var r chain.Receipt
	err := l.change(ctx, "set weights", func(now *chain.Snapshot, next *state) error {
		if err := chain.CheckWeights(now, id, w); err != nil {
			return err
		}
		uid, _ := next.uid(id)
		n := &next.Neurons[uid]
		row := vector{}
		up := w.Upscaled()
		for i, uid := range up.UIDs {
			row[uid] = up.Values[i]
		}
		if len(n.Commits) >= maxCommits {
			e := chain.Refuse(chain.TooFast, "%d sets of weights wait for their reveal", len(n.Commits))
			e.WaitBlocks = n.Commits[0].Counts - now.Block
			e.RetryAfter = now.Until(e.WaitBlocks)
			return e
		}
		next.record(now.Block, "weights", id, up.UIDs, up.Values)
		n.LastUpdate = now.Block
		r = chain.Receipt{Block: now.Block, Counts: now.Block + 1, Ref: fmt.Sprintf("%x", next.Digest[:8])}
		if !l.cfg.CommitReveal {
			n.Weights, n.Commits = row, nil
			return nil
		}
		r.Counts = next.NextEpoch + l.cfg.RevealEpochs*l.cfg.Tempo
		n.Commits = append(n.Commits, commit{Counts: r.Counts, Weights: row})
		return nil
	})
	if err != nil {
		return chain.Receipt{}, err
	}
	return r, nil
}

// Register gives id a UID, free of charge, or tells the one it has. With all
// UIDs taken it replaces the neuron with the least emission that is past its
// immunity; if there is none, the error is chain.TooFast.
func (l *Ledger) Register(ctx context.Context, id, coldkey hotkey.ID) (uint16, error) {
	var seat int
	err := l.change(ctx, "register", func(now *chain.Snapshot, next *state) (err error) {
		if id.IsZero() {
			return chain.Refuse(chain.Unspecified, "the zero hotkey names nobody")
		}
		var known bool
		if seat, known = next.uid(id); known {
			return errNoChange
		}
		if seat, err = next.seat(now.Block, l.cfg); err != nil {
			return err
		}
		next.record(now.Block, "register", id, coldkey)
		next.Neurons[seat] = neuron{Hotkey: id, Coldkey: coldkey, Registered: now.Block}
		next.permit(l.cfg)
		return nil
	})
	return uint16(seat), err
}

// SetStake sets all the stake behind id, registered or not.
func (l *Ledger) SetStake(ctx context.Context, id hotkey.ID, stake chain.Rao) error {
	return l.change(ctx, "set stake", func(now *chain.Snapshot, next *state) error {
		if next.Stakes[id] == stake {
			return errNoChange
		}
		next.record(now.Block, "stake", id, stake)
		if next.Stakes[id] = stake; stake == 0 {
			delete(next.Stakes, id)
		}
		next.permit(l.cfg)
		return nil
	})
}
