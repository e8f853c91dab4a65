package scorer

import (
	"context"
	"sync"
	"time"

	"vision/internal/chain"
	"vision/internal/hotkey"
	"vision/internal/outcome"
	"vision/internal/proto"
	"vision/internal/relay"
)

// declared remembers what miners said of their servers, for checks, and whether
// each answered last time, so that those who do not are waited for less.
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
// answer over as it comes. Whoever answered last time and does not now is asked
// once more a little later: a miner that was just being restarted should not
// lose a period by it. Whoever was silent last time has a quarter of the time:
// those that are always silent must not delay the period for all.
// fetch returns when all have answered or had their time, with those that gave
// no answer.
func (s *Scorer) fetch(ctx context.Context, miners []chain.Neuron, took func(chain.Neuron, proto.Capacities)) (silent []chain.Neuron) {
	s.declared.mu.Lock()
	silentBefore := func(n chain.Neuron) bool {
		answered, asked := s.declared.answered[n.Hotkey]
		return asked && !answered
	}
	prompt, slow := make([]chain.Neuron, 0, len(miners)), []chain.Neuron(nil)
	for _, n := range miners {
		if silentBefore(n) {
			slow = append(slow, n)
		} else {
			prompt = append(prompt, n)
		}
	}
	s.declared.mu.Unlock()
	var all sync.WaitGroup
	var still []chain.Neuron
	all.Go(func() { still = s.fetchOnce(ctx, slow, s.c.FetchWithin/4, took) })
	silent = s.fetchOnce(ctx, prompt, s.c.FetchWithin, took)
	if len(silent) > 0 && sleep(ctx, min(time.Second, s.c.FetchWithin/2)) {
		silent = s.fetchOnce(ctx, silent, s.c.FetchWithin, took)
	}
	all.Wait()
	return append(silent, still...)
}

// fetchOnce lists the miners that gave no answer.
func (s *Scorer) fetchOnce(ctx context.Context, miners []chain.Neuron, limit time.Duration, took func(chain.Neuron, proto.Capacities)) (silent []chain.Neuron) {
	var all sync.WaitGroup
	var mu sync.Mutex // guards silent
	free := make(chan struct{}, s.c.FetchAtOnce)
	for i, n := range miners {
		select {
		case free <- struct{}{}:
		case <-ctx.Done():
			all.Wait()
			return append(silent, miners[i:]...)
		}
		all.Go(func() {
			defer func() { <-free }()
			within, cancel := context.WithTimeout(ctx, limit)
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

// heard notes whether a miner answered and what it said of its servers.
func (s *Scorer) heard(n chain.Neuron, c proto.Capacities, err error) {
	s.declared.mu.Lock()
	defer s.declared.mu.Unlock()
	s.declared.answered[n.Hotkey] = err == nil
	if err != nil {
		return
	}
	catalogue := s.c.Catalogue()
	for _, d := range c.Tasks {
		if _, known := catalogue.Lookup(d.Task); !known {
			continue // a miner may say new names each time
		}
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
		}
	}
	for id := range s.declared.answered {
		if _, ok := snap.ByHotkey(id); !ok {
			delete(s.declared.answered, id)
		}
	}
}

// let fetches capacities and lets the miners that answer into the book. It
// gives those that did not.
func (s *Scorer) let(ctx context.Context, b *book, snap *chain.Snapshot, in bool) (silent []chain.Neuron) {
	s.forget(snap)
	stake := snap.StakeShare(s.c.Signer.ID())
	if stake == 0 {
		s.log.Warn("this validator has no stake or no permit: it may use no capacity", "hotkey", s.c.Signer.ID().String())
	}
	c := s.c.Catalogue()
	return s.fetch(ctx, snap.Miners(), func(n chain.Neuron, said proto.Capacities) {
		if in {
			b.add(s.c.Now(), b.contend(n, said, c, stake, b.Start)...)
		}
	})
}
