package dispatch

import (
	"math/rand/v2"
	"testing"
	"time"

	"vision/internal/outcome"
)

func TestLate(t *testing.T) {
	b := board(contenders(4, 1e12, 0))
	if b.Late(chat, true, 0) != 0 || b.Late("none", true, 0) != 0 {
		t.Fatal("something is late before anything was seen")
	}
	for i := range 200 {
		first := 100 * time.Millisecond
		if i%25 == 0 { // 4%
			first = 10 * time.Second
		}
		o := ended(id(i%4), outcome.OK, t0, first, 10)
		over(b, o)
		o.Stream = false
		over(b, o)
	}
	if late := b.Late(chat, true, 0); late < 100*time.Millisecond || late > 125*time.Millisecond {
		t.Errorf("a stream is late after %v, want about 100ms", late)
	}
	if late := b.Late(chat, false, 50); late < 500*time.Millisecond || late > 625*time.Millisecond {
		t.Errorf("an answer of 50 units is late after %v, want about 500ms", late)
	}
}

func TestSpareIsWhoHasMuchFree(t *testing.T) {
	b := board(contenders(6, 1000, 4))
	r := rand.New(rand.NewPCG(1, 2))
	fail(b, 0, 3, t0) // open
	for range 2 {     // half of the slots
		began(b, id(1))
	}
	began(b, id(2))
	for range 10 { // little capacity left
		over(b, ended(id(2), outcome.OK, t0, time.Second, 80))
	}
	over(b, ended(id(3), outcome.RateLimited, t0, time.Second, 0)) // closed
	for range 200 {
		s := b.AcquireSpare(chat, true, t0, r.Uint64(), r.Uint64(), nil)
		if s == nil {
			continue
		}
		if s.UID != 4 && s.UID != 5 {
			t.Fatalf("miner %d was picked", s.UID)
		}
		b.Release(s, outcome.Outcome{Task: chat, Miner: s.Miner, Status: outcome.Ours}, 0)
	}
	got := 0
	for range 200 {
		if b.AcquireSpare(chat, true, t0, r.Uint64(), r.Uint64(), nil) != nil {
			got++
		}
	}
	if got != 4 {
		t.Errorf("%d requests were put to two miners with half of four slots to spare each", got)
	}
}

// Who loses a race is not blamed, and is known to have taken so long.
func TestTheLoserOfARaceIsNotBlamed(t *testing.T) {
	b := alike(2, 0)
	s, _ := b.lookup(chat, id(0))
	success := s.record.success.Load()
	for range 30 {
		o := ended(id(0), outcome.Canceled, t0, 2*time.Second, 0)
		o.Reason = outcome.Hedged
		over(b, o)
	}
	if s.record.success.Load() != success || s.Breaker(t0) != BreakerClosed {
		t.Error("it counts as failure")
	}
	if got := count(b, rand.New(rand.NewPCG(1, 2)), t0, 400); got[0] > 150 {
		t.Errorf("asked %d times of 400, though it never speaks within two seconds", got[0])
	}
	// One that was asked second, and given up soon, is as good as before.
	other, _ := b.lookup(chat, id(1))
	first := other.record.first.Load()
	o := ended(id(1), outcome.Canceled, t0, time.Millisecond, 0)
	o.Reason = outcome.Hedged
	over(b, o)
	if other.record.first.Load() != first {
		t.Error("it seems faster for having been given up")
	}
}
