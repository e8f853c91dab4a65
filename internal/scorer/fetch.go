package scorer

import (
	"context"
	"slices"
	"sync"

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
// answer over as it comes. It returns when all have answered or had their time.
func (s *Scorer) fetch(ctx context.Context, miners []chain.Neuron, took func(chain.Neuron, proto.Capacities)) {
	s.declared.mu.Lock()
	slices.SortStableFunc(miners, func(a, b chain.Neuron) int {
		return order(s.declared.answered[b.Hotkey]) - order(s.declared.answered[a.Hotkey])
	})
	s.declared.mu.Unlock()

	var all sync.WaitGroup
	free := make(chan struct{}, s.c.FetchAtOnce)
	for _, n := range miners {
		select {
		case free <- struct{}{}:
		case <-ctx.Done():
			all.Wait()
			return
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
				return
			}
			took(n, c)
		})
	}
	all.Wait()
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
