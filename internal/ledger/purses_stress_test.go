package ledger

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"vision/internal/fault"
)

// Three processes with many goroutines spend two projects to the end, with
// deposits meanwhile: no lease is ever overdrawn, and no micro-credit is lost.
func TestStress(t *testing.T) {
	pots := map[Pot]Amount{}
	for id := range int64(2) {
		pots[Pot{ProjectPot, id}] = 200_000
		pots[Pot{AllowancePot, id}] = 150_000
	}
	v := newVault(pots)
	var charged [2]atomic.Int64
	var deposited [2]Amount
	var members []*Purses
	var wg sync.WaitGroup
	for process := range 3 {
		bank := v.member(fmt.Sprint(process))
		s := NewPurses(bank)
		members = append(members, s)
		run, cancel := context.WithCancel(ctx)
		ticks := make(chan time.Time)
		ended := make(chan struct{})
		go func() {
			s.Run(run, ticks)
			close(ended)
		}()
		go func() { // time flies
			for at := time.Unix(1, 0); ; at = at.Add(200 * time.Millisecond) {
				select {
				case ticks <- at:
				case <-ended:
					return
				}
				time.Sleep(100 * time.Microsecond)
			}
		}()
		defer func() { cancel(); <-ended }()
		for c := range 16 {
			wg.Go(func() {
				r := rand.New(rand.NewPCG(uint64(process), uint64(c)))
				id := int64(c % 2)
				root := int64(0)
				if c < 2 {
					root = id
				}
				p := s.Purse(id, root)
				if c < 2 {
					p.allowance = s.pot(Pot{AllowancePot, id})
				}
				for range 400 {
					amount := Amount(1 + r.IntN(200))
					h, err := p.Hold(ctx, amount)
					if err != nil {
						// As time flies, the bank may well be slow.
						if err != ErrProjectSpent && err != ErrKeySpent && fault.KindOf(err) != fault.Unavailable {
							t.Error(err)
						}
						continue
					}
					cost := Amount(r.Int64N(int64(amount) + 1))
					if r.IntN(4) == 0 {
						cost = 0
					}
					if cost > 0 {
						bank.charge(t, Pot{ProjectPot, id}, cost)
						if p.allowance != nil {
							bank.charge(t, Pot{AllowancePot, id}, cost)
						}
						charged[id].Add(int64(cost))
					}
					h.Settle(cost)
				}
			})
		}
	}
	for i := range 50 {
		v.mu.Lock()
		v.pots[Pot{ProjectPot, int64(i % 2)}] += 1000
		v.mu.Unlock()
		deposited[i%2] += 1000
		time.Sleep(time.Millisecond)
	}
	wg.Wait()
	for _, s := range members {
		if err := s.Close(ctx); err != nil {
			t.Error(err)
		}
	}
	for id := range int64(2) {
		free, leased := v.left(Pot{ProjectPot, id})
		want := 200_000 + deposited[id] - Amount(charged[id].Load())
		if leased != 0 || free != want || free < 0 {
			t.Errorf("project %d: %v free and %v leased, want %v", id, free, leased, want)
		}
	}
}

func BenchmarkHold(b *testing.B) {
	v := newVault(map[Pot]Amount{pot1: 1 << 60, key1: 1 << 60})
	s := running(b, v.member("a"))
	for name, p := range map[string]*Purse{"project": s.Purse(1, 0), "key": s.Purse(1, 9)} {
		h := must(b, p, 1<<30)
		h.Release()
		work := func() {
			h, err := p.Hold(ctx, 1000)
			if err != nil {
				b.Error(err)
			}
			h.Settle(1)
		}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				work()
			}
		})
		b.Run(name+"/parallel", func(b *testing.B) {
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					work()
				}
			})
		})
	}
}
