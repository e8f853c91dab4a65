package dispatch

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestBudgetIsNeverExceeded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rule := BudgetRule{
			Share: float64(rapid.IntRange(0, 100).Draw(t, "share")) / 100,
			Floor: float64(rapid.IntRange(0, 50).Draw(t, "floor")) / 10,
			Burst: float64(rapid.IntRange(0, 40).Draw(t, "burst")),
		}
		b := NewBudget(rule)
		now := t0
		b.Has(now)
		type moment struct {
			at             time.Time
			requests, made int
		}
		past := []moment{{t0, 0, 0}}
		var requests, made int
		for range rapid.IntRange(1, 300).Draw(t, "steps") {
			switch rapid.IntRange(0, 3).Draw(t, "what") {
			case 0:
				now = now.Add(time.Duration(rapid.IntRange(0, 2000).Draw(t, "ms")) * time.Millisecond)
				b.Has(now)
				b.Has(now.Add(-time.Second)) // a clock may go back
			case 1:
				b.Earn(now)
				requests++
			default:
				has := b.Has(now)
				if got := b.Spend(now); got != has {
					t.Fatalf("has said %v, and spending %v", has, got)
				} else if got {
					made++
				}
			}
			past = append(past, moment{now, requests, made})
		}
		for _, p := range past { // from any moment on
			allowed := rule.Burst + rule.Share*float64(requests-p.requests) + rule.Floor*now.Sub(p.at).Seconds()
			if float64(made-p.made) > allowed+1e-6 {
				t.Fatalf("%d extra attempts over %d requests, more than %.2f", made-p.made, requests-p.requests, allowed)
			}
		}
	})
}

// In an outage, retries come down to the share of requests; afterwards the
// budget fills up again.
func TestBudgetInAnOutage(t *testing.T) {
	b := NewBudget(BudgetRule{Share: 0.2, Floor: 1, Burst: 30})
	now, made := t0, 0
	for range 10_000 { // 1,000 a second for 10 s, all of which fail
		now = now.Add(time.Millisecond)
		b.Earn(now)
		for range 2 {
			if b.Spend(now) {
				made++
			}
		}
	}
	if made < 2000 || made > 2041 {
		t.Errorf("%d retries of 10000 failures, want a fifth", made)
	}
	if b.Has(now) {
		t.Error("there is something left")
	}
	if left := b.Left(now.Add(time.Minute)); left != 30 {
		t.Errorf("%v are left after a quiet minute, want 30", left)
	}
}

func TestBudgetUnderConcurrency(t *testing.T) {
	b := NewBudget(BudgetRule{Burst: 100})
	var made atomic.Int64
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 100 {
				if b.Spend(t0) {
					made.Add(1)
				}
			}
		})
	}
	wg.Wait()
	if made.Load() != 100 {
		t.Errorf("%d extra attempts, want 100", made.Load())
	}
	b.GiveBack()
	if !b.Spend(t0) || b.Spend(t0) {
		t.Error("what was given back is not there once")
	}
}

func BenchmarkBudget(b *testing.B) {
	budget := NewBudget(BudgetRule{Share: 0.2, Floor: 1, Burst: 30})
	b.ReportAllocs()
	for b.Loop() {
		budget.Earn(t0)
	}
}
