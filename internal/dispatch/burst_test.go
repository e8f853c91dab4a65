package dispatch

import (
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"vision/internal/outcome"
)

// burst begins as many requests of a beacon at a miner as there is room for,
// and says how many of them were broken off.
func burst(t *testing.T, b *Board, miner int) (begun []*Burst, stopped *int) {
	t.Helper()
	stopped = new(int)
	for len(begun) < 1000 {
		p, ok := b.BeginBurst(chat, id(miner), func() { *stopped++ })
		if !ok {
			return begun, stopped
		}
		begun = append(begun, p)
	}
	return begun, stopped
}

func TestABurstLeavesSlotsToCustomers(t *testing.T) {
	for _, c := range []struct{ slots, customers, want int }{
		{1, 0, 1}, {2, 0, 2}, {4, 0, 4}, {4, 2, 2}, {4, 4, 0}, {15, 0, 15}, {16, 0, 15}, {64, 0, 60}, {64, 30, 30},
	} {
		b := board(contenders(1, 1e6, c.slots))
		for range c.customers {
			began(b, id(0))
		}
		room, ok := b.Room(chat, id(0))
		if !ok || room.Customers != c.customers || room.Free != c.want {
			t.Errorf("%d slots, %d customers: room %+v, want %d free", c.slots, c.customers, room, c.want)
		}
		if begun, _ := burst(t, b, 0); len(begun) != c.want {
			t.Errorf("%d slots, %d customers: %d requests of the burst began, want %d", c.slots, c.customers, len(begun), c.want)
		}
	}
	b := board(contenders(1, 1e6, 0))
	if room, _ := b.Room(chat, id(0)); room.Free < 1000 {
		t.Errorf("a miner that says nothing of its slots has room for %d", room.Free)
	}
	if _, ok := b.Room(chat, id(9)); ok {
		t.Error("a stranger has room")
	}
	if _, ok := b.BeginBurst(chat, id(9), nil); ok {
		t.Error("a stranger is asked")
	}
}

func TestCustomersTakeSlotsFromABurst(t *testing.T) {
	b := board(contenders(1, 1e6, 4))
	begun, stopped := burst(t, b, 0)
	for i := range 4 {
		s, _ := b.Acquire(chat, true, t0, 1, 2, nil)
		if s == nil {
			t.Fatalf("customer %d found no slot", i+1)
		}
		if want := min(i+1, len(begun)); *stopped != want {
			t.Errorf("after customer %d, %d of the burst were broken off, want %d", i+1, *stopped, want)
		}
	}
	for i, p := range begun {
		if !p.Preempted() {
			t.Errorf("request %d of the burst does not know that it was broken off", i)
		}
		b.EndedBurst(p, outcome.Outcome{Task: chat, Miner: id(0), Status: outcome.Canceled, Start: t0})
	}
	if s, _ := b.Acquire(chat, true, t0, 1, 2, nil); s != nil {
		t.Error("a fifth customer found a slot of four")
	}
}

func TestABurstHidesNoMinerAndTeachesNothing(t *testing.T) {
	b := board(contenders(2, 1e6, 4))
	r := rand.New(rand.NewPCG(1, 2))
	begun, _ := burst(t, b, 0)
	// Of two miners alike, the one with the burst is picked as often as the other.
	n := 0
	for range 2000 {
		s, _ := b.Acquire(chat, true, t0, r.Uint64(), r.Uint64(), nil)
		if s.UID == 0 {
			n++
		}
		s.record.inFlight.Add(-1)
	}
	if n < 850 || n > 1150 {
		t.Errorf("the miner with a burst was picked %d times of 2000", n)
	}
	before := b.Supply(chat, t0)
	for _, p := range begun {
		b.EndedBurst(p, outcome.Outcome{Task: chat, Miner: id(0), Status: outcome.RateLimited, Start: t0, Total: time.Second})
	}
	after := b.Supply(chat, t0)
	if before.Ready != 2 || after.Ready != 2 || after.Pace != before.Pace {
		t.Errorf("a burst's refusals changed what is known: %+v, before %+v", after, before)
	}
	p, ok := b.BeginBurst(chat, id(0), func() {})
	if !ok {
		t.Fatal("no room after the burst")
	}
	b.EndedBurst(p, outcome.Outcome{Task: chat, Miner: id(0), Status: outcome.OK, Work: 40, Start: t0, Total: time.Second})
	if s, _ := b.lookup(chat, id(0)); s.Used() != 40 {
		t.Errorf("%d units used, want 40", s.Used())
	}
}

func TestProbesWaitForABurst(t *testing.T) {
	b := board(contenders(1, 1e6, 16))
	begun, _ := burst(t, b, 0)
	for range 1 { // the slot that is kept is free
		if _, ok := b.TryBegin(chat, id(0), false); !ok {
			t.Fatal("a probe found no slot though one is free")
		}
	}
	if _, ok := b.TryBegin(chat, id(0), false); ok {
		t.Error("a probe was sent into a burst that takes all slots")
	}
	b.EndedBurst(begun[0], outcome.Outcome{Task: chat, Miner: id(0), Start: t0})
	if _, ok := b.TryBegin(chat, id(0), false); !ok {
		t.Error("a probe found no slot though the burst gave one back")
	}
}

func TestRefusingACustomerDuringABurstIsOurDoing(t *testing.T) {
	b := board(contenders(1, 1e6, 2))
	s, _ := b.Acquire(chat, true, t0, 1, 2, nil)
	if b.Overloaded(chat, s, t0) {
		t.Fatal("overloaded by one request of two")
	}
	burst(t, b, 0)
	began(b, id(0))
	if _, ok := b.BeginBurst(chat, id(0), func() {}); ok {
		t.Fatal("a burst where customers take all slots")
	}
}

// A miner goes on with what was broken off until it notices.
func TestRefusingACustomerJustAfterAPreemptionIsOurDoing(t *testing.T) {
	at := func(d time.Duration) time.Time { return t0.Add(d) }
	for _, slots := range []int{1, 2, 64} {
		b := board(contenders(1, 1e6, slots))
		begun, stopped := burst(t, b, 0)
		var s *Seat
		for i := range slots {
			if s, _ = b.Acquire(chat, true, t0, 1, 2, nil); s == nil {
				t.Fatalf("%d slots: customer %d found no slot", slots, i+1)
			}
			under := i + 1 + len(begun) // at the miner, which has noticed nothing
			if got := b.Overloaded(chat, s, t0); got != (under > slots) {
				t.Errorf("%d slots: overloaded is %v with %d requests at the miner", slots, got, under)
			}
		}
		if *stopped != len(begun) {
			t.Fatalf("%d slots: %d of %d were broken off", slots, *stopped, len(begun))
		}
		if !b.Overloaded(chat, s, at(time.Minute)) {
			t.Errorf("%d slots: what is still breaking off a minute later does not count", slots)
		}
		for _, p := range begun {
			b.EndedBurst(p, outcome.Outcome{Task: chat, Miner: id(0), Status: outcome.Canceled, Start: t0, Total: 10 * time.Second})
		}
		for after, want := range map[time.Duration]bool{10 * time.Second: true, 10*time.Second + Lingers - 1: true, 10*time.Second + Lingers: false} {
			if got := b.Overloaded(chat, s, at(after)); got != want {
				t.Errorf("%d slots: %v after the start, overloaded is %v", slots, after, got)
			}
		}
	}
}

// What was broken off long ago is not counted to what is broken off now.
func TestOnlyTheLastPreemptionsLinger(t *testing.T) {
	b := board(contenders(1, 1e6, 1))
	for i := range 3 {
		now := t0.Add(time.Duration(i) * time.Minute)
		begun, _ := burst(t, b, 0)
		s, _ := b.Acquire(chat, true, now, 1, 2, nil)
		if n := s.record.bursts.lingering(now.UnixNano()); n != 1 {
			t.Errorf("preemption %d: %d requests linger, want 1", i+1, n)
		}
		b.EndedBurst(begun[0], outcome.Outcome{Task: chat, Miner: id(0), Status: outcome.Canceled, Start: now})
		b.Release(s, ended(id(0), outcome.OK, now, time.Second, 1), 0)
	}
}

// However requests begin and end, customers are never refused for a burst's
// sake, and none of a burst's requests is left behind.
func TestBurstsKeepNobodyOut(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		slots := rapid.IntRange(1, 40).Draw(t, "slots")
		b := board(contenders(1, 1e9, slots))
		var seats []*Seat
		under := map[*Burst]bool{}
		for range rapid.IntRange(1, 100).Draw(t, "steps") {
			switch rapid.IntRange(0, 3).Draw(t, "step") {
			case 0:
				s, _ := b.Acquire(chat, true, t0, 1, 2, nil)
				if (s != nil) != (len(seats) < slots) {
					t.Fatalf("%d customers at %d slots, and the next gets %v", len(seats), slots, s)
				}
				if s != nil {
					seats = append(seats, s)
				}
			case 1:
				if len(seats) > 0 {
					b.Release(seats[0], ended(id(0), outcome.OK, t0, time.Second, 1), 0)
					seats = seats[1:]
				}
			case 2:
				var p *Burst
				q, ok := b.BeginBurst(chat, id(0), func() { delete(under, p) })
				if ok {
					p = q
					under[p] = true
				}
			case 3:
				for p := range under {
					delete(under, p)
					b.EndedBurst(p, outcome.Outcome{Task: chat, Miner: id(0), Start: t0})
					break
				}
			}
			s, _ := b.lookup(chat, id(0))
			if n := int(s.bursting()); n != len(under) || n > 0 && n+len(seats) > slots-int(kept(int64(slots))) {
				t.Fatalf("%d of a burst under way, %d counted, with %d customers at %d slots", len(under), n, len(seats), slots)
			}
		}
	})
}

func TestBurstsAtOnce(t *testing.T) {
	b := board(contenders(4, 1e9, 8))
	var all sync.WaitGroup
	for w := range 8 {
		all.Go(func() {
			r := rand.New(rand.NewPCG(uint64(w), 1))
			for range 500 {
				if w%2 == 0 {
					if s, _ := b.Acquire(chat, true, t0, r.Uint64(), r.Uint64(), nil); s != nil {
						b.Release(s, ended(s.Miner, outcome.OK, t0, time.Second, 1), 0)
					}
				} else if p, ok := b.BeginBurst(chat, id(r.IntN(4)), func() {}); ok {
					b.EndedBurst(p, outcome.Outcome{Task: chat, Miner: id(0), Start: t0})
				}
			}
		})
	}
	all.Wait()
	for i := range 4 {
		if s, _ := b.lookup(chat, id(i)); s.bursting() != 0 || s.InFlight() != 0 {
			t.Errorf("miner %d: %d of bursts and %d others left under way", i, s.bursting(), s.InFlight())
		}
	}
}

func BenchmarkAcquireWithoutABurst(b *testing.B) {
	board := board(contenders(64, 1e12, 64))
	r := rand.New(rand.NewPCG(1, 2))
	for b.Loop() {
		s, _ := board.Acquire(chat, true, t0, r.Uint64(), r.Uint64(), nil)
		s.record.inFlight.Add(-1)
	}
}

// The newest request of a burst is the first to be broken off, and none while there is a free slot.
func TestTheNewestOfABurstIsBrokenOff(t *testing.T) {
	b := board(contenders(1, 1e6, 3))
	var stopped []string
	for _, name := range []string{"first", "second"} {
		if _, ok := b.BeginBurst(chat, id(0), func() { stopped = append(stopped, name) }); !ok {
			t.Fatal("no room")
		}
	}
	for i, want := range [][]string{{}, {"second"}, {"second", "first"}} {
		if s, _ := b.Acquire(chat, true, t0, 1, 2, nil); s == nil {
			t.Fatal("no slot")
		}
		if !slices.Equal(stopped, want) {
			t.Errorf("after customer %d, broken off are %v, want %v", i+1, stopped, want)
		}
	}
}
