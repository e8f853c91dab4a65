package scorer

import (
	"cmp"
	"context"
	"sync"
	"time"

	"vision/internal/chain"
	"vision/internal/fault"
	"vision/internal/hotkey"
	"vision/internal/period"
	"vision/internal/proto"
)

// late lets miners in that gave no capacities when the period began, be it
// their doing or that of our network: they are asked again, ever more rarely,
// in the period's first half. Whoever answers then contends with what it
// declares for the time that is left. So it is paid for the part of the period
// in which it was there, and coming late pays nobody.
func (s *Scorer) late(ctx context.Context, b *book, snap *chain.Snapshot, silent []chain.Neuron) {
	ctx, cancel := context.WithTimeout(ctx, b.Start.Add(b.End.Sub(b.Start)/2).Sub(s.c.Now()))
	defer cancel()
	select {
	case <-b.kept:
	case <-ctx.Done():
		return
	}
	stake := snap.StakeShare(s.c.Signer.ID())
	length := b.End.Sub(b.Start)
	var tries backoff
	for len(silent) > 0 && sleep(ctx, tries.next(length/600, length/20)) {
		if now := s.neurons.Load(); now != nil {
			for i := range silent {
				if n, ok := now.ByHotkey(silent[i].Hotkey); ok {
					silent[i].Endpoint = n.Endpoint
				}
			}
		}
		c := s.c.Catalogue()
		var mu sync.Mutex // guards joining
		var joining []period.Contender
		// Nobody waits for this, so all have their whole time: who is slow because
		// we are busy would else be silent for ever.
		silent = s.fetchOnce(ctx, silent, s.c.FetchWithin, func(n chain.Neuron, said proto.Capacities) {
			list := b.contend(n, said, c, stake, s.c.Now())
			mu.Lock()
			defer mu.Unlock()
			joining = append(joining, list...)
		})
		if len(joining) > 0 && s.join(ctx, b, joining) == nil {
			b.join(s.c.Now(), joining...)
			s.log.Info("miners contend after all", "period", b.ID, "contenders", len(joining))
		}
	}
}

// join writes contenders down that join a running period, or have moved. The
// error is that the period is over, or ctx.
func (s *Scorer) join(ctx context.Context, b *book, list []period.Contender) (over error) {
	err := s.insist(ctx, "write contenders down", func(ctx context.Context) error {
		err := s.c.Store.JoinPeriod(ctx, b.ID, list)
		if fault.KindOf(err) == fault.NotFound {
			over, err = err, nil
		}
		return err
	})
	return cmp.Or(err, over)
}

// strangers are the miners of a snapshot that are not in the book, and can join it: who has
// got the UID of one that is in it has to wait for the next period.
func (b *book) strangers(snap *chain.Snapshot) (list []chain.Neuron) {
	b.mu.Lock()
	defer b.mu.Unlock()
	in, taken := map[hotkey.ID]bool{}, map[uint16]bool{}
	for i := range b.contenders {
		in[b.contenders[i].Miner] = true
		taken[b.contenders[i].UID] = true
	}
	for _, n := range snap.Miners() {
		if !in[n.Hotkey] && !taken[n.UID] {
			list = append(list, n)
		}
	}
	return list
}

// moved writes down, for whoever else asks them, where contenders listen that
// have moved since the period began. Who answers there has to prove that it is the miner.
func (s *Scorer) moved(ctx context.Context, snap *chain.Snapshot) {
	b := s.running.Load()
	if b == nil {
		return
	}
	select {
	case <-b.kept:
	default:
		return
	}
	var list []period.Contender
	for _, c := range b.listed() {
		if n, ok := snap.ByHotkey(c.Miner); ok && n.Endpoint != "" && string(n.Endpoint) != c.Addr {
			c.Addr = string(n.Endpoint)
			list = append(list, c)
		}
	}
	if len(list) == 0 {
		return
	}
	within, cancel := context.WithTimeout(ctx, min(10*time.Second, s.c.Period/4))
	defer cancel()
	if s.join(within, b, list) == nil {
		b.move(list)
	}
}
