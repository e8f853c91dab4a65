package dispatch

import (
	"math/rand/v2"
	"testing"
	"time"

	"pgregory.net/rapid"

	"vision/internal/hotkey"
	"vision/internal/outcome"
	"vision/internal/period"
)

func stateOf(b *Board, n int, now time.Time) BreakerState {
	s, _ := b.lookup(chat, id(n))
	return s.Breaker(now)
}

// fail lets n requests to a miner fail at a time.
func fail(b *Board, miner, n int, at time.Time) {
	for range n {
		began(b, id(miner))
		over(b, ended(id(miner), outcome.Failed, at, 0, 0))
	}
}

func TestBreakerOpensAndOneTrialDecides(t *testing.T) {
	b := board(contenders(2, 1e9, 0))
	fail(b, 0, 2, t0)
	if stateOf(b, 0, t0) != BreakerClosed {
		t.Fatal("open after two failures")
	}
	fail(b, 0, 1, t0)
	if stateOf(b, 0, t0) != BreakerOpen || stateOf(b, 0, t0.Add(499*time.Millisecond)) != BreakerOpen {
		t.Fatal("not open for half a second after three failures in a row")
	}
	later := t0.Add(time.Second)
	if stateOf(b, 0, later) != BreakerHalfOpen {
		t.Fatal("not half-open after the longest first back-off")
	}
	// Only one request may be the trial, whoever else asks.
	other := []hotkey.ID{id(1)}
	r := rand.New(rand.NewPCG(1, 2))
	var trial *Seat
	for range 100 {
		s, _ := b.Acquire(chat, true, later, r.Uint64(), r.Uint64(), nil)
		if s.UID == 0 && trial != nil {
			t.Fatal("a second request went to the half-open miner")
		}
		if s.UID == 0 {
			trial = s
		} else {
			b.Release(s, ended(s.Miner, outcome.OK, later, time.Millisecond, 1), 0)
		}
	}
	if trial == nil {
		t.Fatal("nobody tried the half-open miner in 100 requests")
	}
	if s, _ := b.Acquire(chat, true, later, 1, 2, other); s == nil {
		t.Fatal("refused, though there is a miner, if a doubtful one")
	} else {
		b.Release(s, ended(s.Miner, outcome.Canceled, later, time.Millisecond, 0), 0)
	}
	// What was begun before does not decide.
	began(b, id(0))
	over(b, ended(id(0), outcome.OK, t0.Add(-time.Second), 3*time.Second, 1))
	if stateOf(b, 0, later) != BreakerHalfOpen {
		t.Fatal("a request begun before it opened has closed it")
	}
	b.Release(trial, ended(trial.Miner, outcome.Failed, later, 0, 0), 0)
	if stateOf(b, 0, later.Add(999*time.Millisecond)) != BreakerOpen {
		t.Fatal("not open again for a second after the trial failed")
	}
	later = later.Add(2 * time.Second)
	s, _ := b.Acquire(chat, true, later, 1, 2, other)
	b.Release(s, ended(s.Miner, outcome.OK, later, time.Millisecond, 1), 0)
	if stateOf(b, 0, later) != BreakerClosed {
		t.Fatal("not closed after a good trial")
	}
	if got := b.Trips(chat); got != 2 {
		t.Errorf("%d trips counted, want 2", got)
	}
}

func TestBreakerOpensOnHalfOfTwenty(t *testing.T) {
	b := board(contenders(1, 1e9, 0))
	for i := range 20 {
		status := outcome.Failed
		if i%2 == 1 {
			status = outcome.OK
		}
		if stateOf(b, 0, t0) != BreakerClosed {
			t.Fatalf("open after %d answers", i)
		}
		began(b, id(0))
		over(b, ended(id(0), status, t0, time.Millisecond, 1))
		if i == 18 {
			break
		}
	}
	if stateOf(b, 0, t0) != BreakerOpen {
		t.Error("closed, though ten of its newest answers were failures")
	}
	// One that fails now and then is left to its cost.
	b = board(contenders(1, 1e9, 0))
	for i := range 300 {
		status := outcome.OK
		if i%4 == 0 {
			status = outcome.Failed
		}
		over(b, ended(id(0), status, t0, time.Millisecond, 1))
	}
	if stateOf(b, 0, t0) != BreakerClosed {
		t.Error("open at one failure of four")
	}
}

func TestTrialThatDecidesNothingMakesRoomForAnother(t *testing.T) {
	for _, status := range []outcome.Status{outcome.Canceled, outcome.Ours} {
		b := board(contenders(1, 1e9, 0))
		fail(b, 0, 3, t0)
		later := t0.Add(2 * time.Second)
		q := query{now: later.UnixNano(), usual: new(usual)}
		s, _ := b.Acquire(chat, true, later, 1, 2, nil)
		if s.standing(&q) != Tripped {
			t.Errorf("standing %v during the trial", s.standing(&q))
		}
		b.Release(s, ended(s.Miner, status, later, time.Millisecond, 0), 0)
		if s.standing(&q) != Ready || s.Breaker(later) != BreakerHalfOpen {
			t.Errorf("%v: standing %v, %v after the trial, want another", status, s.standing(&q), s.Breaker(later))
		}
	}
}

// When all fail, customers are served by the least bad all the same, those
// whose capacity is used up before those that fail.
func TestAllOpenStillServes(t *testing.T) {
	b := board(contenders(4, 1000, 0))
	for i := range 4 {
		fail(b, i, 3, t0)
	}
	r := rand.New(rand.NewPCG(1, 2))
	if got := count(b, r, t0, 100); len(got) != 4 || got[0]+got[1]+got[2]+got[3] != 100 {
		t.Errorf("picked %v, want all 100 served by all four", got)
	}
	b = board(contenders(2, 1000, 0))
	fail(b, 0, 3, t0)
	began(b, id(1))
	over(b, ended(id(1), outcome.OK, t0, time.Second, 1000))
	if got := count(b, r, t0, 100); got[1] != 100 {
		t.Errorf("picked %v, want the one with its capacity used up rather than the one that fails", got)
	}
}

// TestBreakerRules holds whatever happens in whatever order against the rules
// that a reader can check.
func TestBreakerRules(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := board(contenders(1, 1e12, 0))
		s, _ := b.lookup(chat, id(0))
		now := t0
		var under []time.Time // when requests under way began
		var opens int
		for range rapid.IntRange(1, 120).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(0, 3000).Draw(t, "ms")) * time.Millisecond)
			before := s.Breaker(now)
			if rapid.Bool().Draw(t, "begin") || len(under) == 0 {
				if got, _ := b.Acquire(chat, true, now, 1, 2, nil); got == nil {
					t.Fatalf("refused with the breaker %v", before)
				}
				under = append(under, now)
				continue
			}
			i := rapid.IntRange(0, len(under)-1).Draw(t, "which")
			began := under[i]
			under = append(under[:i], under[i+1:]...)
			status := rapid.SampledFrom([]outcome.Status{outcome.OK, outcome.Failed, outcome.Failed, outcome.Canceled, outcome.Ours}).Draw(t, "status")
			opened := time.Unix(0, s.record.breaker.opened)
			o := ended(s.Miner, status, began, now.Sub(began), 1)
			b.Release(s, o, 0)
			after := s.Breaker(now)
			until := time.Unix(0, s.record.breaker.until.Load())
			switch {
			case after == BreakerOpen && before != BreakerOpen:
				opens++
				if status != outcome.Failed {
					t.Fatalf("%v opened it", status)
				}
				if wait := until.Sub(now); wait < failedMin/2 || wait > failedMax {
					t.Fatalf("back-off of %v", wait)
				}
			case after == BreakerClosed && before != BreakerClosed:
				if status != outcome.OK || began.Before(opened) {
					t.Fatalf("%v of a request begun %v after opening closed it", status, began.Sub(opened))
				}
			case after != before:
				t.Fatalf("%v made of %v %v", status, before, after)
			}
			if int64(opens) != b.Trips(chat) {
				t.Fatalf("%d openings, %d counted", opens, b.Trips(chat))
			}
		}
	})
}

// Miners that failed together do not come back together.
func TestBackOffsAreSpread(t *testing.T) {
	seen := map[int64]bool{}
	for i := range 64 {
		b := NewBoard()
		b.Set(period.Period{ID: 1, Start: t0}, contenders(1, 1e9, 0))
		at := t0.Add(time.Duration(i) * time.Nanosecond)
		fail(b, 0, 3, at)
		s, _ := b.lookup(chat, id(0))
		seen[(s.record.breaker.until.Load()-at.UnixNano())/int64(10*time.Millisecond)] = true
	}
	if len(seen) < 25 {
		t.Errorf("64 back-offs fall into %d of 50 hundredths of a second", len(seen))
	}
}
