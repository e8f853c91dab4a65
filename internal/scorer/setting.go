package scorer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"vision/internal/chain"
	"vision/internal/fault"
	"vision/internal/period"
)

// Notes of weights that are not set yet.
const (
	waiting = "waiting to be set"
	// sent is kept before weights go out, with the block of our last set as the
	// ledger then had it: if that has changed afterwards, they arrived.
	sent = "sent after the weights of block %d, no answer yet"
)

// hand gives weights over to be set. They take the place of earlier ones that
// still wait.
func (s *Scorer) hand(w period.Weights) {
	if w.Set || !earned(w) {
		return
	}
	s.setMu.Lock()
	if s.toSet == nil || s.toSet.Period <= w.Period {
		s.toSet = &w
	}
	s.setMu.Unlock()
	select {
	case s.setWake <- struct{}{}:
	default:
	}
}

// setting sets weights on the ledger at its pace, one vector at a time, always
// the newest.
func (s *Scorer) setting(ctx context.Context) error {
	var last period.Weights
	if err := s.insist(ctx, "read the last weights", func(ctx context.Context) (err error) {
		last, err = s.c.Store.LastWeights(ctx)
		if fault.KindOf(err) == fault.NotFound {
			return nil
		}
		return err
	}); err != nil {
		return quiet(ctx, err)
	}
	s.hand(last)
	var tries backoff
	for {
		s.setMu.Lock()
		w := s.toSet
		s.setMu.Unlock()
		if w == nil {
			if !sleepOr(ctx, time.Hour, s.setWake) {
				return nil
			}
			continue
		}
		wait, err := s.set(ctx, w)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			wait = max(wait, tries.next(time.Second, time.Minute))
			s.log.Warn("weights are not set yet", "period", w.Period, "err", err, "retry", wait)
		default:
			tries = 0
		}
		if w.Set {
			if err := s.settled(ctx, w); err != nil {
				s.log.Warn("newer weights may be taken for set after a restart", "err", err)
			}
			continue
		}
		if !sleepOr(ctx, wait, s.setWake) {
			return nil
		}
	}
}

// settled leaves the weights that were set. If newer ones came meanwhile, they
// are kept once more, to be the newest in the store again.
func (s *Scorer) settled(ctx context.Context, w *period.Weights) error {
	s.setMu.Lock()
	newer := s.toSet
	if newer == w {
		s.toSet, newer = nil, nil
	}
	s.setMu.Unlock()
	if newer == nil {
		return nil
	}
	return s.c.Store.SaveWeights(ctx, *newer)
}

// set makes one attempt. Without error and with w.Set false, it is to be made
// again after wait.
func (s *Scorer) set(ctx context.Context, w *period.Weights) (wait time.Duration, err error) {
	if err := s.look(ctx, time.Minute); err != nil {
		return 0, err
	}
	snap := s.neurons.Load()
	me, ok := snap.ByHotkey(s.c.Signer.ID())
	if !ok {
		return s.c.Period / 4, fmt.Errorf("hotkey %s is not registered on netuid %d of %s", s.c.Signer.ID(), snap.Netuid, snap.Network)
	}
	var before uint64
	if n, _ := fmt.Sscanf(w.Note, sent, &before); n == 1 && me.LastUpdate > before {
		return 0, s.saved(ctx, w, true, fmt.Sprintf("in block %d", me.LastUpdate))
	}
	if blocks := snap.WaitForWeights(s.c.Signer.ID()); blocks > 0 {
		if w.Note != waiting {
			if err := s.saved(ctx, w, false, waiting); err != nil {
				return 0, err
			}
		}
		return snap.Until(blocks), nil
	}
	vector, err := vectorOf(w, snap)
	if err != nil {
		return s.c.Period / 4, err
	}
	if err := s.saved(ctx, w, false, fmt.Sprintf(sent, me.LastUpdate)); err != nil {
		return 0, err
	}
	within, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	receipt, err := s.c.Ledger.SetWeights(within, s.c.Signer, vector)
	var refused *chain.Refused
	switch {
	case err == nil:
		s.log.Info("weights set", "period", w.Period, "block", receipt.Block, "miners", len(vector.UIDs))
		return 0, s.saved(ctx, w, true, fmt.Sprintf("in block %d", receipt.Block))
	case errors.As(err, &refused): // nothing changed
		if e := s.saved(ctx, w, false, "the ledger refused: "+refused.Error()); e != nil {
			return 0, e
		}
		if refused.Reason == chain.TooFast {
			return max(refused.RetryAfter, 100*time.Millisecond), nil
		}
		return 0, err
	default: // it may have taken effect: the next attempt looks
		return 0, fmt.Errorf("set weights: %w", err)
	}
}

// saved keeps what became of the weights, if that is new.
func (s *Scorer) saved(ctx context.Context, w *period.Weights, set bool, note string) error {
	next := *w
	next.Set, next.Note = set, note
	if next.Set == w.Set && next.Note == w.Note {
		return nil
	}
	if err := s.c.Store.SaveWeights(ctx, next); err != nil {
		return fmt.Errorf("keep what became of the weights: %w", err)
	}
	s.setMu.Lock() // hand reads the period of what waits
	*w = next
	s.setMu.Unlock()
	return nil
}

// vectorOf is the weights by the UIDs that their miners have now.
func vectorOf(w *period.Weights, snap *chain.Snapshot) (chain.Weights, error) {
	var uids []uint16
	var shares []float64
	for _, m := range w.Miners {
		if n, ok := snap.ByHotkey(m.Miner); ok {
			uids, shares = append(uids, n.UID), append(shares, m.Weight)
		}
	}
	v, err := chain.NewWeights(uids, shares, snap.WeightsVersion)
	if err != nil {
		return v, fmt.Errorf("none of the miners of period %d can be given weight: %w", w.Period, err)
	}
	return v, nil
}
