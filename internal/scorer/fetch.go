package scorer

import (
	"context"
	"slices"
	"sync"
	"time"

	"vision/internal/chain"
	"vision/internal/hotkey"
	"vision/internal/outcome"
	"vision/internal/proto"
	"vision/internal/relay"
)

// declared remembers what miners said of their servers, for checks, and who
// answered last time, so that those who do not answer are asked last.
type declared struct {
	mu       sync.Mutex // guards the rest
	specs    map[outcome.Pair]proto.Spec
	answered map[hotkey.ID]bool
}

func (d *declared) spec(p outcome.Pair) proto.Spec {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.specs[p]
}

// fetch asks all miners for their capacities, many at once, and hands each
// answer over as it comes. Whoever does not answer is asked once more a little
// later: a miner that was just being restarted should not lose a period by it.
// fetch returns when all have answered or had their time.
func (s *Scorer) fetch(ctx context.Context, miners []chain.Neuron, took func(chain.Neuron, proto.Capacities)) {
	s.declared.mu.Lock()
	slices.SortStableFunc(miners, func(a, b chain.Neuron) int {
		return order(s.declared.answered[b.Hotkey]) - order(s.declared.answered[a.Hotkey])
	})
	s.declared.mu.Unlock()
	silent := s.fetchOnce(ctx, miners, took)
	if len(silent) > 0 && sleep(ctx, min(time.Second, s.c.FetchWithin/2)) {
		s.fetchOnce(ctx, silent, took)
	}
}

// fetchOnce lists the miners that gave no answer.
func (s *Scorer) fetchOnce(ctx context.Context, miners []chain.Neuron, took func(chain.Neuron, proto.Capacities)) (silent []chain.Neuron) {
	var all sync.WaitGroup
	var mu sync.Mutex // guards silent
	free := make(chan struct{}, s.c.FetchAtOnce)
	for _, n := range miners {
		select {
		case free <- struct{}{}:
		case <-ctx.Done():
			all.Wait()
			return silent
		}
		all.Go(func() {
			defer func() { <-free }()
			within, cancel := context.WithTimeout(ctx, s.c.FetchWithin)
			defer cancel()
			c, err := s.c.Miners.Capacities(within, relay.Peer{Miner: n.Hotkey, Addr: string(n.Endpoint)})
			if err == nil {
				err = c.Validate()
			}
			s.heard(n, c, err)
			if err != nil {
				s.log.Info("miner gave no capacities", "uid", n.UID, "hotkey", n.Hotkey.Short(), "err", err)
				mu.Lock()
				silent = append(silent, n)
				mu.Unlock()
				return
			}
			took(n, c)
		})
	}
	all.Wait()
	return silent
}

func order(answered bool) int {
	if answered {
		return 1
	}
	return 0
}

// heard notes whether a miner answered and what it said of its servers.
func (s *Scorer) heard(n chain.Neuron, c proto.Capacities, err error) {
	s.declared.mu.Lock()
	defer s.declared.mu.Unlock()
	if err != nil {
		delete(s.declared.answered, n.Hotkey)
		return
	}
	s.declared.answered[n.Hotkey] = true
	for _, d := range c.Tasks {
		s.declared.specs[outcome.Pair{Miner: n.Hotkey, Task: d.Task}] = d.Spec
	}
}

// forget drops what was said by miners that are no longer on the ledger.
func (s *Scorer) forget(snap *chain.Snapshot) {
	s.declared.mu.Lock()
	defer s.declared.mu.Unlock()
	for p := range s.declared.specs {
		if _, ok := snap.ByHotkey(p.Miner); !ok {
			delete(s.declared.specs, p)
			delete(s.declared.answered, p.Miner)
		}
	}
}

// let fetches capacities and lets the miners that answer into the book.
func (s *Scorer) let(ctx context.Context, b *book, snap *chain.Snapshot, in bool) {
	s.forget(snap)
	stake := snap.StakeShare(s.c.Signer.ID())
	if stake == 0 {
		s.log.Warn("this validator has no stake or no permit: it may use no capacity", "hotkey", s.c.Signer.ID().String())
	}
	c := s.c.Catalogue()
	s.fetch(ctx, snap.Miners(), func(n chain.Neuron, said proto.Capacities) {
		if in {
			b.add(s.c.Now(), b.contend(n, said, c, stake)...)
		}
	})
}
