package dispatch

import (
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"vision/internal/hotkey"
	"vision/internal/outcome"
	"vision/internal/period"
)

const chat = "chat"

var t0 = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

func id(n int) (m hotkey.ID) { m[0], m[1] = byte(n>>8), byte(n); return }

// contenders gives n equal ones, of capacity and slots each.
func contenders(n int, capacity int64, slots int) []period.Contender {
	var cs []period.Contender
	for i := range n {
		cs = append(cs, period.Contender{Miner: id(i), Task: chat, UID: uint16(i), Addr: "192.0.2.1:1", Capacity: capacity, Slots: slots})
	}
	return cs
}

func board(cs []period.Contender) *Board {
	b := NewBoard()
	b.Set(period.Period{ID: 1, Start: t0}, cs)
	return b
}

// began counts a request as begun, whatever the slots.
func began(b *Board, miner hotkey.ID) {
	s, _ := b.lookup(chat, miner)
	s.record.inFlight.Add(1)
}

// over is an attempt's end, of which only the outcome matters.
func over(b *Board, o outcome.Outcome) {
	s, _ := b.lookup(o.Task, o.Miner)
	b.end(s.record, &o, 0)
}

// ended is an attempt that took a first output's time and served work.
func ended(miner hotkey.ID, status outcome.Status, at time.Time, first time.Duration, work int64) outcome.Outcome {
	o := outcome.Outcome{Task: chat, Miner: miner, Status: status, Stream: true, Start: at, Total: first, Work: work}
	if status == outcome.OK {
		o.FirstOutput = first
	}
	return o
}

// count picks n times at one instant, giving back what was picked at once
// without learning anything, and counts by UID.
func count(b *Board, r *rand.Rand, now time.Time, n int, tried ...hotkey.ID) map[uint16]int {
	picked := map[uint16]int{}
	for range n {
		s, _ := b.Acquire(chat, true, now, r.Uint64(), r.Uint64(), tried)
		if s == nil {
			continue
		}
		picked[s.UID]++
		s.record.inFlight.Add(-1)
	}
	return picked
}

func TestNobodyToAsk(t *testing.T) {
	b := NewBoard()
	if s, wait := b.Acquire(chat, true, t0, 1, 2, nil); s != nil || wait < time.Second {
		t.Fatalf("empty board: picked %v, wait %v", s, wait)
	}
	b.Set(period.Period{ID: 1}, []period.Contender{
		{Miner: id(1), Task: chat, Addr: "192.0.2.1:1"},
		{Miner: id(2), Task: chat, Capacity: 5},
	})
	if s, _ := b.Acquire(chat, true, t0, 1, 2, nil); s != nil {
		t.Fatalf("picked %v, which has no capacity or no address", s)
	}
}

func TestSlotsAreNeverExceeded(t *testing.T) {
	b := board(contenders(4, 1e9, 3))
	var wg sync.WaitGroup
	var mu sync.Mutex
	got := map[uint16]int64{}
	for i := range 8 {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(1, uint64(i)))
			for range 50 {
				if s, _ := b.Acquire(chat, true, t0, r.Uint64(), r.Uint64(), nil); s != nil {
					mu.Lock()
					got[s.UID]++
					mu.Unlock()
				}
			}
		})
	}
	wg.Wait()
	for uid := range uint16(4) {
		if got[uid] != 3 {
			t.Errorf("miner %d got %d requests at once, want its 3 slots", uid, got[uid])
		}
	}
	s, wait := b.Acquire(chat, true, t0, 1, 2, nil)
	if s != nil || wait != time.Second {
		t.Fatalf("all full: picked %v, wait %v, want a second", s, wait)
	}
}

func TestRefusalClosesForAWhile(t *testing.T) {
	b := board(contenders(1, 1e9, 0))
	at := t0
	for _, c := range []struct{ said, want time.Duration }{
		{0, time.Second},
		{0, 2 * time.Second},
		{5 * time.Second, 5 * time.Second},
		{time.Hour, 30 * time.Second},
		{time.Millisecond, time.Second},
	} {
		s, _ := b.Acquire(chat, true, at, 1, 2, nil)
		if s == nil {
			t.Fatalf("not open again after its back-off")
		}
		b.Release(s, ended(s.Miner, outcome.RateLimited, at, 0, 0), c.said)
		if s, wait := b.Acquire(chat, true, at, 1, 2, nil); s != nil || wait != c.want {
			t.Errorf("after a 429 with Retry-After %v: picked %v, wait %v, want %v", c.said, s, wait, c.want)
		}
		at = at.Add(c.want)
	}
}

func TestRepeatedFailuresAreAskedLast(t *testing.T) {
	b := board(contenders(2, 1e9, 0))
	for range 3 {
		began(b, id(0))
		over(b, ended(id(0), outcome.Failed, t0, 0, 0))
	}
	r := rand.New(rand.NewPCG(3, 4))
	if got := count(b, r, t0, 200); got[0] != 0 || got[1] != 200 {
		t.Errorf("picked %v, want only miner 1", got)
	}
	if got := count(b, r, t0, 10, id(1)); got[0] != 10 {
		t.Errorf("with nobody else left: picked %v, want miner 0", got)
	}
	if !b.Another(chat, t0, []hotkey.ID{id(1)}) || b.Another(chat, t0, []hotkey.ID{id(0), id(1)}) || b.Another("none", t0, nil) {
		t.Errorf("it is not known whether there is another miner to ask")
	}
	if got := count(b, r, t0.Add(31*time.Second), 4000); got[0] == 0 {
		t.Errorf("after its back-off the failing miner is never tried again")
	}
}

func TestCapacity(t *testing.T) {
	b := board(contenders(2, 1000, 0))
	began(b, id(0))
	over(b, ended(id(0), outcome.OK, t0, time.Second, 1000))
	r := rand.New(rand.NewPCG(3, 4))
	if got := count(b, r, t0, 100); got[0] != 0 {
		t.Errorf("picked %v: miner 0 has no capacity left and miner 1 has", got)
	}
	if got := count(b, r, t0, 10, id(1)); got[0] != 10 {
		t.Errorf("with nobody else left: picked %v, want miner 0", got)
	}
	if s := b.Supply(chat, t0); s.Miners != 2 || s.Ready != 1 || s.Capacity != 2000 || s.Left != 1000 {
		t.Errorf("supply %+v", s)
	}
	// The next period starts anew, and what began before it is not charged to it.
	b.Set(period.Period{ID: 2, Start: t0.Add(time.Minute)}, contenders(2, 1000, 0))
	over(b, ended(id(0), outcome.OK, t0.Add(59*time.Second), 2*time.Second, 600))
	over(b, ended(id(0), outcome.Ours, t0.Add(60*time.Second), 0, 600))
	if s := b.Supply(chat, t0); s.Left != 2000 {
		t.Errorf("after the change of periods %d units are left, want all 2000", s.Left)
	}
	over(b, ended(id(0), outcome.Canceled, t0.Add(60*time.Second), time.Second, 100))
	// The same period set again (a contender changed) keeps what was used.
	b.Set(period.Period{ID: 2, Start: t0.Add(time.Minute)}, contenders(3, 1000, 0))
	if s := b.Supply(chat, t0); s.Left != 2900 {
		t.Errorf("%d units are left, want 2900", s.Left)
	}
}

func TestLoadOutlivesThePeriod(t *testing.T) {
	b := board(contenders(1, 1000, 2))
	s, _ := b.Acquire(chat, true, t0, 1, 2, nil)
	b.Set(period.Period{ID: 2, Start: t0}, nil)
	b.Set(period.Period{ID: 3, Start: t0}, contenders(1, 1000, 2))
	b.Seats(chat, func(now *Seat) {
		if now.InFlight() != 1 {
			t.Errorf("in flight %d, want the request of the period before last", now.InFlight())
		}
	})
	b.Release(s, ended(s.Miner, outcome.OK, t0, time.Second, 10), 0)
	b.Release(s, ended(s.Miner, outcome.OK, t0, time.Second, 10), 0) // an error of the caller's
	b.Seats(chat, func(now *Seat) {
		if now.InFlight() != 0 {
			t.Errorf("in flight %d, want 0", now.InFlight())
		}
	})
}

func TestLeavingWipesNothingOut(t *testing.T) {
	b := board(contenders(2, 1000, 0))
	for range 3 {
		over(b, ended(id(0), outcome.Failed, t0, 0, 0))
	}
	b.Set(period.Period{ID: 2}, contenders(2, 1000, 0)[1:])
	b.Set(period.Period{ID: 3}, contenders(2, 1000, 0))
	if got := count(b, rand.New(rand.NewPCG(1, 1)), t0, 100); got[0] != 0 {
		t.Errorf("a failing miner that left for a period was asked %d times of 100", got[0])
	}
	for p := range int64(remember + 2) {
		b.Set(period.Period{ID: 4 + p}, nil)
	}
	if len(b.gone) != 0 {
		t.Errorf("%d records of long-gone contenders are kept", len(b.gone))
	}
}

func TestNewcomerIsExploredCarefully(t *testing.T) {
	const n = 16
	b := board(contenders(n, 1e9, 0))
	for i := range n - 1 {
		for range 20 {
			over(b, ended(id(i), outcome.OK, t0, 400*time.Millisecond, 10))
		}
	}
	r := rand.New(rand.NewPCG(5, 6))
	got := count(b, r, t0, 1600)
	if got[n-1] < 100 {
		t.Errorf("the newcomer got %d of 1600 requests, want at least its share of 100", got[n-1])
	}
	// Before its first answer it gets few at once.
	for range 64 {
		b.Acquire(chat, true, t0, r.Uint64(), r.Uint64(), nil)
	}
	b.Seats(chat, func(s *Seat) {
		if s.UID == n-1 && s.InFlight() > 16 {
			t.Errorf("the newcomer has %d of 64 requests before it has answered one", s.InFlight())
		}
	})
}

func TestRecoveryIsNoticed(t *testing.T) {
	b := board(contenders(2, 1e9, 0))
	for range 30 {
		over(b, ended(id(0), outcome.OK, t0, 10*time.Second, 10))
		over(b, ended(id(1), outcome.OK, t0, 100*time.Millisecond, 10))
	}
	r := rand.New(rand.NewPCG(7, 8))
	if got := count(b, r, t0, 1000); got[0] < 150 || got[0] > 350 {
		t.Errorf("the slow of two got %d of 1000, want about the quarter that draws it twice", got[0])
	}
	for range 60 {
		over(b, ended(id(0), outcome.OK, t0, 50*time.Millisecond, 10))
	}
	if got := count(b, r, t0, 1000); got[0] < 650 {
		t.Errorf("the recovered miner got %d of 1000, want most", got[0])
	}
}

func TestReplayRestoresTheRecord(t *testing.T) {
	live, restarted := board(contenders(2, 5000, 4)), board(contenders(2, 5000, 4))
	r := rand.New(rand.NewPCG(9, 9))
	at := t0
	for range 40 {
		s, _ := live.Acquire(chat, true, at, r.Uint64(), r.Uint64(), nil)
		if s == nil {
			continue
		}
		status := outcome.OK
		if r.IntN(4) == 0 {
			status = outcome.Failed
		}
		o := ended(s.Miner, status, at, time.Duration(1+r.IntN(900))*time.Millisecond, int64(r.IntN(50)))
		live.Release(s, o, 0)
		restarted.Replay(o)
		at = at.Add(time.Second)
	}
	if a, b := live.Supply(chat, at), restarted.Supply(chat, at); a != b {
		t.Errorf("live %+v, after a restart %+v", a, b)
	}
	q := query{now: at.UnixNano(), stream: true, usual: live.now.Load().fields[chat].usual}
	p := query{now: at.UnixNano(), stream: true, usual: restarted.now.Load().fields[chat].usual}
	for i := range 2 {
		a, b := live.now.Load().fields[chat].seats[i].state(&q), restarted.now.Load().fields[chat].seats[i].state(&p)
		if a != b {
			t.Errorf("miner %d: live %+v, after a restart %+v", i, a, b)
		}
	}
}

func TestUseWhileSetIsSafe(t *testing.T) {
	b := board(contenders(8, 1e6, 4))
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(1, uint64(i)))
			for range 2000 {
				s, _ := b.Acquire(chat, r.IntN(2) == 0, t0, r.Uint64(), r.Uint64(), nil)
				if s != nil {
					b.Release(s, ended(s.Miner, outcome.Status(r.IntN(5)), t0, time.Millisecond, 5), 0)
				}
				b.Supply(chat, t0)
			}
		})
	}
	for p := range int64(50) {
		b.Set(period.Period{ID: 2 + p, Start: t0}, contenders(int(4+p%5), 1e6, 4))
	}
	wg.Wait()
	b.Seats(chat, func(s *Seat) {
		if s.InFlight() != 0 {
			t.Errorf("miner %d has %d in flight after all ended", s.UID, s.InFlight())
		}
	})
}

// Who refuses what others serve is asked less, though no score is the lower for it.
func TestRefusersAreAskedLess(t *testing.T) {
	b := board(contenders(2, 1e6, 8))
	r := rand.New(rand.NewPCG(1, 2))
	asked := [2]int{}
	for range 400 {
		s, _ := b.Acquire(chat, true, t0, r.Uint64(), r.Uint64(), nil)
		o := ended(s.Miner, outcome.OK, t0, time.Second, 1)
		if asked[s.UID]++; s.UID == 0 {
			o = ended(s.Miner, outcome.Canceled, t0, time.Second, 0)
			o.Reason = outcome.Refused
		}
		b.Release(s, o, 0)
	}
	if asked[0] > asked[1]/2 || asked[0] == 0 {
		t.Errorf("the one that refuses was asked %d times, the other %d", asked[0], asked[1])
	}
}
