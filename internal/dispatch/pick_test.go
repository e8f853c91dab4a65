package dispatch

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"pgregory.net/rapid"

	"vision/internal/hotkey"
	"vision/internal/outcome"
)

// drawBoard makes a board whose miners have some history.
func drawBoard(t *rapid.T) (*Board, int) {
	n := rapid.IntRange(1, 40).Draw(t, "miners")
	cs := contenders(n, 1000, 0)
	for i := range cs {
		cs[i].Slots = rapid.IntRange(0, 3).Draw(t, "slots")
		cs[i].Capacity = rapid.Int64Range(1, 2000).Draw(t, "capacity")
	}
	b := board(cs)
	for range rapid.IntRange(0, 100).Draw(t, "attempts") {
		m := id(rapid.IntRange(0, n-1).Draw(t, "miner"))
		began(b, m)
		if rapid.Bool().Draw(t, "ended") {
			over(b, ended(m, outcome.Status(rapid.IntRange(0, 4).Draw(t, "status")), t0,
				time.Duration(rapid.IntRange(0, 3000).Draw(t, "ms"))*time.Millisecond, rapid.Int64Range(0, 500).Draw(t, "work")))
		}
	}
	return b, n
}

// Asking again and again without those already asked gives every miner that
// may be asked exactly once, the Ready ones before the Spare ones.
func TestFailoverIsAPermutation(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b, n := drawBoard(t)
		u := rapid.Uint64().Draw(t, "u")
		now := t0.Add(time.Duration(rapid.IntRange(0, 5).Draw(t, "later")) * time.Second)
		f := b.now.Load().fields[chat]
		q := query{now: now.UnixNano(), stream: true, usual: f.usual}
		open := 0
		before := map[hotkey.ID]Standing{}
		for i := range f.seats {
			before[f.seats[i].Miner] = f.seats[i].standing(&q)
			if f.seats[i].standing(&q) != Closed {
				open++
			}
		}
		var tried []hotkey.ID
		last := Ready
		for range n + 1 {
			s, wait := b.Acquire(chat, true, now, u, mix(u+1), tried)
			if s == nil {
				if wait < time.Second || wait > refusedMax {
					t.Fatalf("told to wait %v", wait)
				}
				break
			}
			for _, m := range tried {
				if m == s.Miner {
					t.Fatalf("picked %v again", m)
				}
			}
			if before[s.Miner] == Closed {
				t.Fatalf("picked a closed miner")
			}
			if before[s.Miner] < last {
				t.Fatalf("picked a ready miner after a spare one")
			}
			last = before[s.Miner]
			tried = append(tried, s.Miner)
			u = mix(u)
		}
		if len(tried) != open {
			t.Fatalf("asked %d miners of %d that may be asked", len(tried), open)
		}
	})
}

// Whoever is better in one respect and equal in all others gets more.
func TestBetterGetsMore(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		what := rapid.SampledFrom([]string{"speed", "success", "load", "use"}).Draw(t, "what")
		n := rapid.IntRange(2, 12).Draw(t, "miners")
		b := board(contenders(n, 1e6, 64))
		better := rapid.IntRange(0, n-1).Draw(t, "better")
		for i := range n {
			wait, fails, load, work := time.Second, 4, 20, int64(4000)
			if i == better {
				switch what {
				case "speed":
					wait = 500 * time.Millisecond
				case "success":
					fails = 0
				case "load":
					load = 0
				case "use":
					work = 10
				}
			}
			for k := range 100 {
				status := outcome.OK
				if k%20 < fails {
					status = outcome.Failed
				}
				over(b, ended(id(i), status, t0, wait, work))
			}
			over(b, ended(id(i), outcome.OK, t0, wait, work)) // nobody is tripped
			for range load {
				began(b, id(i))
			}
		}
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		got := count(b, r, t0, 400*n)
		for i := range n {
			if i != better && got[uint16(i)] >= got[uint16(better)] {
				t.Fatalf("better in %s, miner %d got %d, and miner %d got %d", what, better, got[uint16(better)], i, got[uint16(i)])
			}
		}
	})
}

func TestCostIsMonotone(t *testing.T) {
	state := rapid.Custom(func(t *rapid.T) State {
		return State{
			Wait:     rapid.Float64Range(1e-4, 1e3).Draw(t, "wait"),
			Success:  rapid.Float64Range(0, 1).Draw(t, "success"),
			InFlight: rapid.Int64Range(0, 100).Draw(t, "in flight"),
			Slots:    rapid.Int64Range(0, 100).Draw(t, "slots"),
			Left:     rapid.Float64Range(-1, 1).Draw(t, "left"),
		}
	})
	rapid.Check(t, func(t *rapid.T) {
		s := state.Draw(t, "state")
		base := Cost(s)
		if !(base > 0) || math.IsInf(base, 0) {
			t.Fatalf("cost %v of %+v", base, s)
		}
		slower, worse, busier, fuller := s, s, s, s
		slower.Wait *= 2
		worse.Success /= 2
		busier.InFlight++
		fuller.Left -= 0.1
		for name, other := range map[string]State{"slower": slower, "worse": worse, "busier": busier, "fuller": fuller} {
			if Cost(other) < base {
				t.Fatalf("%s costs %v, less than %v (%+v)", name, Cost(other), base, s)
			}
		}
	})
}

// Equal miners get equal load: with requests that stay, two choices leave the
// busiest hardly above the mean.
func TestLoadSpreads(t *testing.T) {
	const n, each = 64, 8
	b := board(contenders(n, 1e9, 0))
	r := rand.New(rand.NewPCG(11, 12))
	for range n * each {
		b.Acquire(chat, true, t0, r.Uint64(), r.Uint64(), nil)
	}
	var most int64
	b.Seats(chat, func(s *Seat) { most = max(most, s.InFlight()) })
	if most > each+4 {
		t.Errorf("the busiest of %d miners has %d requests where the mean is %d", n, most, each)
	}
}

// With most of the field closed, the few that are open share evenly.
func TestFewOpenShareEvenly(t *testing.T) {
	const n = 256
	b := board(contenders(n, 1e9, 0))
	for i := range n {
		if i%64 != 0 {
			over(b, ended(id(i), outcome.RateLimited, t0, 0, 0))
		}
	}
	got := count(b, rand.New(rand.NewPCG(13, 14)), t0, 4000)
	for i := 0; i < n; i += 64 {
		if c := got[uint16(i)]; c < 800 || c > 1200 {
			t.Errorf("miner %d got %d of 4000, want about 1000", i, c)
		}
	}
	if len(got) != 4 {
		t.Errorf("%d miners were picked, want the 4 open ones", len(got))
	}
}

func BenchmarkAcquireRelease(b *testing.B) {
	for _, n := range []int{2, 16, 256, 4096} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			board := board(contenders(n, 1<<50, 64))
			r := rand.New(rand.NewPCG(1, 2))
			for i := range n {
				over(board, ended(id(i), outcome.OK, t0, time.Duration(1+r.IntN(900))*time.Millisecond, 10))
			}
			o := ended(id(0), outcome.OK, t0, 100*time.Millisecond, 1)
			b.ReportAllocs()
			for b.Loop() {
				s, _ := board.Acquire(chat, true, t0, r.Uint64(), r.Uint64(), nil)
				o.Miner = s.Miner
				board.Release(s, o, 0)
			}
		})
	}
}

func BenchmarkPick(b *testing.B) {
	for _, c := range []struct {
		name   string
		n      int
		closed int // of every 8
	}{{"256", 256, 0}, {"256 half closed", 256, 4}, {"256 all but one closed", 256, 8}, {"4096", 4096, 0}} {
		b.Run(c.name, func(b *testing.B) {
			board := board(contenders(c.n, 1<<50, 64))
			r := rand.New(rand.NewPCG(1, 2))
			for i := range c.n {
				status := outcome.OK
				if i%8 < c.closed && i > 0 {
					status = outcome.RateLimited
				}
				over(board, ended(id(i), status, t0, time.Duration(1+r.IntN(900))*time.Millisecond, 10))
			}
			f := board.now.Load().fields[chat]
			q := query{now: t0.UnixNano(), stream: true, usual: f.usual, tried: []hotkey.ID{id(9999)}}
			b.ReportAllocs()
			for b.Loop() {
				if f.pick(&q, r.Uint64(), r.Uint64()) < 0 {
					b.Fatal("nobody")
				}
			}
		})
	}
}
