package dispatch

import (
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"vision/internal/hotkey"
	"vision/internal/outcome"
	"vision/internal/period"
)

// tell has one Board told of what has changed on another, as package sibling does. told is what it was told before.
func tell(from, to *Board, told map[pair]int64) {
	for _, u := range from.Changed(nil) {
		p := pair{u.Task, u.Miner}
		to.Elsewhere(u.Task, u.Miner, u.N-told[p], t0)
		told[p] = u.N
	}
}

// A beacon finds the same room, and gives way to customers in the same way, whether they come
// through its own process or, as soon as they are told of, through others.
func TestCustomersElsewhereAreCustomers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		slots := rapid.IntRange(1, 40).Draw(t, "slots")
		one := board(contenders(1, 1e9, slots))
		asking := board(contenders(1, 1e9, slots))
		gateways := []*Board{board(contenders(1, 1e9, slots)), board(contenders(1, 1e9, slots))}
		told := []map[pair]int64{{}, {}}
		for _, g := range gateways {
			_, stop := g.Follow()
			defer stop()
		}
		type both struct{ together, apart *Burst }
		var under []both
		type customer struct {
			together, apart *Seat
			through         int
		}
		var customers []customer
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			switch rapid.IntRange(0, 3).Draw(t, "step") {
			case 0:
				if len(customers) == slots { // gateways do not see one another's
					continue
				}
				g := rapid.IntRange(0, 1).Draw(t, "gateway")
				c := customer{through: g}
				c.together, _ = one.Acquire(chat, true, t0, 1, 2, nil)
				c.apart, _ = gateways[g].Acquire(chat, true, t0, 1, 2, nil)
				if c.together == nil || c.apart == nil {
					t.Fatalf("customer %d of %d slots found none: %v, %v", len(customers)+1, slots, c.together, c.apart)
				}
				customers = append(customers, c)
				tell(gateways[g], asking, told[g])
			case 1:
				if len(customers) > 0 {
					c := customers[0]
					customers = customers[1:]
					o := ended(id(0), outcome.OK, t0, time.Second, 1)
					one.Release(c.together, o, 0)
					gateways[c.through].Release(c.apart, o, 0)
					tell(gateways[c.through], asking, told[c.through])
				}
			case 2:
				together, ok := one.BeginBurst(chat, id(0), func() {})
				apart, too := asking.BeginBurst(chat, id(0), func() {})
				if ok != too {
					t.Fatalf("a beacon's request begins: %v in one process, %v in several", ok, too)
				}
				if ok {
					under = append(under, both{together, apart})
				}
			case 3:
				if len(under) > 0 {
					b := under[0]
					under = under[1:]
					o := outcome.Outcome{Task: chat, Miner: id(0), Start: t0}
					one.EndedBurst(b.together, o)
					asking.EndedBurst(b.apart, o)
				}
			}
			here, _ := one.Room(chat, id(0))
			there, _ := asking.Room(chat, id(0))
			if here != there {
				t.Fatalf("with %d customers a beacon finds %+v in one process, %+v in several", len(customers), here, there)
			}
			for _, b := range under {
				if b.together.Preempted() != b.apart.Preempted() {
					t.Fatalf("broken off: %v in one process, %v in several", b.together.Preempted(), b.apart.Preempted())
				}
			}
			a, _ := one.lookup(chat, id(0))
			b, _ := asking.lookup(chat, id(0))
			if one.Overloaded(chat, a, t0) != asking.Overloaded(chat, b, t0) {
				t.Fatal("who refuses a request is blamed in one process and not in the other")
			}
		}
	})
}

// Several that were told of at once break off as many.
func TestManyCustomersElsewhereAtOnce(t *testing.T) {
	b := board(contenders(1, 1e6, 4))
	_, stopped := burst(t, b, 0)
	b.Elsewhere(chat, id(0), 3, t0)
	if *stopped != 3 {
		t.Errorf("three customers broke off %d of a beacon's four", *stopped)
	}
	b.Elsewhere(chat, id(0), -3, t0)
	b.Elsewhere(chat, id(0), 100, t0)
	if *stopped != 4 {
		t.Errorf("a hundred broke off %d of four", *stopped)
	}
	if _, ok := b.TryBegin(chat, id(0), false); ok {
		t.Error("a probe was sent though customers elsewhere take all slots")
	}
}

// What is told of a contender before the period's contenders are read is there when they are.
func TestCustomersElsewhereOfAStranger(t *testing.T) {
	b := NewBoard()
	b.Elsewhere(chat, id(0), 2, t0)
	b.Set(period.Period{ID: 1, Start: t0}, contenders(1, 1e6, 4))
	if room, ok := b.Room(chat, id(0)); !ok || room.Customers != 2 || room.Free != 2 {
		t.Errorf("room %+v, %v, want 2 customers and 2 free", room, ok)
	}
}

// Who follows hears of all that is under way by then, of contenders that have left too; and of nothing once it has stopped.
func TestFollowing(t *testing.T) {
	b := board(contenders(3, 1e6, 4))
	began(b, id(1))
	began(b, id(2))
	b.Set(period.Period{ID: 2, Start: t0}, contenders(2, 1e6, 4))
	if list := b.Changed(nil); len(list) != 0 {
		t.Fatalf("nobody follows, and %v is noted", list)
	}
	wake, stop := b.Follow()
	<-wake
	got := map[Under]bool{}
	for _, u := range b.Changed(nil) {
		got[u] = true
	}
	if len(got) != 2 || !got[Under{chat, id(1), 1}] || !got[Under{chat, id(2), 1}] {
		t.Fatalf("%v is under way", got)
	}
	s, _ := b.Acquire(chat, true, t0, 1, 2, []hotkey.ID{id(1)})
	<-wake
	b.Release(s, ended(id(0), outcome.OK, t0, time.Second, 1), 0)
	if list := b.Changed(nil); len(list) != 1 || list[0] != (Under{chat, id(0), 0}) {
		t.Errorf("a request that began and ended changed %v", list)
	}
	stop()
	b.Acquire(chat, true, t0, 1, 2, []hotkey.ID{id(1)})
	if list := b.Changed(nil); len(list) != 0 {
		t.Errorf("nobody follows any more, and %v is noted", list)
	}
	_, stop = b.Follow()
	defer stop()
	if list := b.Changed(nil); len(list) != 3 {
		t.Errorf("who follows anew hears of %v", list)
	}
}

// However many begin and end at once, the last that is told is what is under way.
func TestChangesAtOnce(t *testing.T) {
	b := board(contenders(4, 1e9, 64))
	wake, stop := b.Follow()
	defer stop()
	asking := board(contenders(4, 1e9, 64))
	told := map[pair]int64{}
	var all sync.WaitGroup
	for w := range 4 {
		all.Go(func() {
			r := rand.New(rand.NewPCG(uint64(w), 1))
			var last *Seat
			for range 1000 {
				s, _ := b.Acquire(chat, true, t0, r.Uint64(), r.Uint64(), nil)
				if last != nil {
					b.Release(last, ended(last.Miner, outcome.OK, t0, time.Second, 1), 0)
				}
				last = s
			}
		})
	}
	over := make(chan struct{})
	go func() { all.Wait(); close(over) }()
	for running := true; running; {
		select {
		case <-wake:
		case <-over:
			running = false
		}
		tell(b, asking, told)
	}
	sum := 0
	for i := range 4 {
		here, _ := b.Room(chat, id(i))
		there, _ := asking.Room(chat, id(i))
		if here.Customers != there.Customers {
			t.Errorf("miner %d: %d customers, and told %d", i, here.Customers, there.Customers)
		}
		sum += there.Customers
	}
	if sum != 4 {
		t.Errorf("%d customers in the end, want 4", sum)
	}
}

// What it costs that another process is told of each change.
func BenchmarkAcquireReleaseFollowed(b *testing.B) {
	board := board(contenders(64, 1e12, 64))
	wake, stop := board.Follow()
	defer stop()
	over := make(chan struct{})
	defer close(over)
	go func() {
		var list []Under
		for {
			select {
			case <-wake:
				list = board.Changed(list[:0])
			case <-over:
				return
			}
		}
	}()
	r := rand.New(rand.NewPCG(1, 2))
	b.ReportAllocs()
	for b.Loop() {
		s, _ := board.Acquire(chat, true, t0, r.Uint64(), r.Uint64(), nil)
		board.Release(s, ended(s.Miner, outcome.OK, t0, time.Second, 1), 0)
	}
}
