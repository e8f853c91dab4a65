package dispatch

import (
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"vision/internal/outcome"
)

// paced has customers' requests go to everybody once a millisecond, up to t0.
func paced(b *Board) {
	b.Seats(chat, func(s *Seat) {
		s.record.rhythm.last, s.record.rhythm.n = 0, 0
		for i := range rhythmGaps + 1 {
			s.record.rhythm.beat(t0.Add(time.Duration(i-rhythmGaps) * time.Millisecond).UnixNano())
		}
	})
}

func (w *Escort) left() (Escorted, bool) {
	select {
	case x := <-w.Go:
		return x, true
	default:
		return Escorted{}, false
	}
}

// Whoever waits changes nothing for customers, wherever their requests go.
func TestEscortsAreInNobodysWay(t *testing.T) {
	with, without := board(contenders(4, 1e12, 3)), board(contenders(4, 1e12, 3))
	paced(with)
	paced(without)
	r := rand.New(rand.NewPCG(1, 2))
	with.Escort(chat, id(1), t0, time.Minute, 1e9) // it waits for ever
	for i := range 500 {
		u1, u2 := r.Uint64(), r.Uint64()
		a, wait := with.AcquireFirst(chat, true, t0, u1, u2, 0, Asked{})
		c, wait2 := without.AcquireNear(chat, true, t0, u1, u2, nil, 0)
		if (a == nil) != (c == nil) || wait != wait2 || a != nil && a.Miner != c.Miner {
			t.Fatalf("request %d is asked of %v with escorts, of %v without", i, a, c)
		}
		if a != nil && r.IntN(2) == 0 {
			with.Release(a, ended(a.Miner, outcome.OK, t0, time.Second, 1), 0)
			without.Release(c, ended(c.Miner, outcome.OK, t0, time.Second, 1), 0)
		}
	}
}

// Given that a miner is asked, whether it is a customer or a probe does not depend on
// how busy it is, and no request brings a miner two.
func TestEscortsComeAsCustomersDo(t *testing.T) {
	for _, c := range []struct{ n, first, busy int }{{2, 0, 6}, {3, 0, 6}, {6, 0, 6}, {6, 24, 0}} {
		n := c.n
		cs := contenders(n, 1e12, 0)
		cs[0].Slots = c.first // more than others', or as unknown as theirs
		b := board(cs)
		paced(b)
		for range c.busy { // the first is busy, so that it is asked less
			began(b, id(0))
		}
		r := rand.New(rand.NewPCG(1, uint64(n)))
		ticks := escortPart * escortPicks * b.now.Load().fields[chat].never() * 1000 // that are expected in a second
		customers, escorts := make([]float64, n), make([]float64, n)
		for range 40_000 {
			var waits []*Escort
			for i := range n { // as many as there are
				if w := b.Escort(chat, id(i), t0, time.Second, 16*r.ExpFloat64()/ticks); w != nil {
					waits = append(waits, w)
				}
			}
			if len(waits) != n {
				t.Fatal("one may not wait")
			}
			s, _ := b.AcquireFirst(chat, true, t0, r.Uint64(), r.Uint64(), 0, Asked{ID: "x"})
			customers[s.UID]++
			lower(&s.record.inFlight)
			for i, w := range waits {
				if x, ok := w.Leave(); ok {
					if x.With.ID != "x" || x.With.Miner != s.Miner || id(i) == s.Miner {
						t.Fatalf("%+v sets out with a request to %v", x, s.Miner)
					}
					escorts[i]++
					b.Ended(x.Begun, outcome.Outcome{Task: chat, Miner: id(i), Status: outcome.Ours}, 0)
				}
			}
			paced(b) // the pace stays
		}
		if b.now.Load().fields[chat].usual.escorts.Load() != 0 || b.now.Load().fields[chat].seats[0].InFlight() != int64(c.busy) {
			t.Error("something is left")
		}
		usual := 0.0
		for i := 1; i < n; i++ {
			usual += escorts[i] / customers[i] / float64(n-1)
		}
		if busy := escorts[0] / customers[0]; busy < 0.85*usual || busy > 1.18*usual || usual == 0 {
			t.Errorf("%d miners, the first of %d slots with %d under way: %.3f probes for each request to it, %.3f to others", n, c.first, c.busy, busy, usual)
		}
	}
}

func TestEscortsKeepToSlots(t *testing.T) {
	b := board(contenders(2, 1e12, 1))
	paced(b)
	w := b.Escort(chat, id(1), t0, time.Minute, 0)
	began(b, id(1)) // its only slot
	r := rand.New(rand.NewPCG(1, 2))
	for range 50 {
		if s, _ := b.AcquireFirst(chat, true, t0, r.Uint64(), r.Uint64(), 0, Asked{}); s != nil {
			b.Release(s, ended(s.Miner, outcome.OK, t0, time.Second, 1), 0)
		}
	}
	if _, ok := w.left(); ok {
		t.Error("a probe begins without a slot")
	}
	w.Leave()
}

func TestWhoHasNoEscort(t *testing.T) {
	b := board(contenders(2, 1e12, 0))
	alone := board(contenders(1, 1e12, 0))
	if b.Escort(chat, id(1), t0, time.Minute, 1) != nil {
		t.Error("one waits where nobody asks")
	}
	paced(b)
	paced(alone)
	for name, w := range map[string]*Escort{
		"no task":           b.Escort("none", id(1), t0, time.Minute, 1),
		"a stranger":        b.Escort(chat, id(9), t0, time.Minute, 1),
		"no time":           b.Escort(chat, id(1), t0, time.Millisecond, 1),
		"asked long ago":    b.Escort(chat, id(1), t0.Add(time.Hour), time.Minute, 1),
		"nobody else there": alone.Escort(chat, id(0), t0, time.Minute, 1),
	} {
		if w != nil {
			t.Errorf("%s: one waits", name)
		}
	}
}

// However many ask and leave at once, each that waits begins at most once, and is ended.
func TestEscortsUnderLoad(t *testing.T) {
	b := board(contenders(4, 1e12, 0))
	paced(b)
	var all sync.WaitGroup
	var mu sync.Mutex
	sent := 0
	for g := range 4 {
		all.Go(func() {
			r := rand.New(rand.NewPCG(7, uint64(g)))
			for range 300 {
				w := b.Escort(chat, id(g), t0, time.Second, r.ExpFloat64()/100)
				s, _ := b.AcquireFirst(chat, true, t0, r.Uint64(), r.Uint64(), 0, Asked{})
				b.Release(s, ended(s.Miner, outcome.OK, t0, time.Millisecond, 1), 0)
				if w == nil {
					continue
				}
				w.Hurry()
				x, ok := w.Leave()
				if ok {
					b.Ended(x.Begun, outcome.Outcome{Task: chat, Miner: id(g), Status: outcome.Ours}, 0)
					mu.Lock()
					sent++
					mu.Unlock()
				}
				if _, twice := w.Leave(); twice {
					t.Error("one begins twice")
				}
			}
		})
	}
	all.Wait()
	f := b.now.Load().fields[chat]
	for i := range f.seats {
		if r := f.seats[i].record; r.inFlight.Load() != 0 || r.probes.Load() != 0 || r.escorts.waiting.Load() != 0 {
			t.Errorf("miner %d: %d under way, %d probes, %d wait", i, r.inFlight.Load(), r.probes.Load(), r.escorts.waiting.Load())
		}
	}
	if f.usual.escorts.Load() != 0 || sent == 0 {
		t.Errorf("%d wait, %d set out", f.usual.escorts.Load(), sent)
	}
}

func BenchmarkAcquireFirst(b *testing.B) {
	for _, c := range []struct {
		name  string
		waits bool
	}{{"nobody waits", false}, {"one waits", true}} {
		b.Run(c.name, func(b *testing.B) {
			board := board(contenders(64, 1e15, 0))
			paced(board)
			if c.waits {
				board.Escort(chat, id(1), t0, time.Hour, 1e9)
			}
			r := rand.New(rand.NewPCG(1, 2))
			b.ReportAllocs()
			for b.Loop() {
				s, _ := board.AcquireFirst(chat, true, t0, r.Uint64(), r.Uint64(), 0, Asked{})
				lower(&s.usual.load)
				lower(&s.record.inFlight)
			}
		})
	}
}
