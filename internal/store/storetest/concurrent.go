package storetest

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"vision/internal/outcome"
	"vision/internal/period"
	"vision/internal/store"
)

func testReopen(t *testing.T, db Database) {
	s := db.Open(t)
	f := fixture{s, t}
	f.record(sampled(1), sampled(2))
	want := f.outcomes(0, 9)
	p := start(f, 1, contenders(3))
	secret := must(f.Secret(ctx, "sampling"))(t)
	f.record(sampled(3)) // and closed at once
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Errorf("closed twice: %v", err)
	}
	again := open(t, db)
	got := again.outcomes(0, 9)
	if len(got) != 3 {
		t.Fatalf("%d outcomes after reopening, want 3", len(got))
	}
	same(t, "outcomes after reopening", got[:2], want)
	same(t, "the last outcome", got[2].Outcome, attempt(3))
	same(t, "period after reopening", must(again.LastPeriod(ctx))(t), p)
	same(t, "secret after reopening", must(again.Secret(ctx, "sampling"))(t), secret)
	if n := must(again.Pending(ctx))(t); n != 3 {
		t.Errorf("%d samples pending after reopening, want 3", n)
	}
}

func testClosed(t *testing.T, db Database) {
	s := db.Open(t)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	_, err := s.OutcomesAfter(ctx, 0, 1)
	wantIs(t, "read when closed", err, store.ErrClosed)
	_, err = s.LastPeriod(ctx)
	wantIs(t, "last period when closed", err, store.ErrClosed)
	wantIs(t, "record when closed", s.Record(ctx, sampled(1)), store.ErrClosed)
	wantIs(t, "prune when closed", s.Prune(ctx, t0), store.ErrClosed)
}

func testCanceled(t *testing.T, db Database) {
	s := open(t, db)
	gone, cancel := context.WithCancel(ctx)
	cancel()
	wantIs(t, "record for a caller who is gone", s.Record(gone, sampled(1)), context.Canceled)
	_, err := s.Secret(gone, "x")
	wantIs(t, "secret for a caller who is gone", err, context.Canceled)
	if got := s.outcomes(0, 9); len(got) > 0 {
		t.Errorf("%d outcomes recorded by a call that failed", len(got))
	}
}

// 64 goroutines record while periods move on: everything is kept, each
// goroutine's outcomes in its own order.
func testConcurrent(t *testing.T, db Database) {
	s := open(t, db)
	const callers, each = 64, 50
	var wg sync.WaitGroup
	for c := range callers {
		wg.Go(func() {
			for i := range each {
				e := outcome.Entry{Outcome: attempt(i)}
				e.Outcome.Key = int64(c)
				if i%10 == 0 {
					e.Sample = &outcome.Sample{Outcome: e.Outcome, Response: []byte("x")}
				}
				if err := s.Record(ctx, e); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	var last int64
	for n := range 5 {
		p := start(s, n, contenders(100))
		if err := s.FinishPeriod(ctx, p.ID, period.Closing{Results: resultsOf(s, p.ID)}); err != nil {
			t.Error(err)
		}
		last = p.ID
	}
	wg.Wait()
	next := make([]int, callers)
	all := s.outcomes(0, callers*each+1)
	for _, o := range all {
		same(t, "the next outcome of a caller", o.Request, attempt(next[o.Key]).Request)
		next[o.Key]++
	}
	if len(all) != callers*each {
		t.Errorf("%d outcomes, want %d", len(all), callers*each)
	}
	if n := must(s.Pending(ctx))(t); n != callers*each/10 {
		t.Errorf("%d samples pending, want %d", n, callers*each/10)
	}
	if p := must(s.LastPeriod(ctx))(t); p.ID != last {
		t.Errorf("last period is %d, want %d", p.ID, last)
	}
}

// No two callers get the same sample.
func testConcurrentClaims(t *testing.T, db Database) {
	a, b := open(t, db), open(t, db)
	for n := range 60 {
		a.record(sampled(n))
	}
	if n := must(a.Pending(ctx))(t); n != 60 {
		t.Fatalf("%d pending, want 60", n)
	}
	var mu sync.Mutex
	seen := map[int64]bool{}
	var wg sync.WaitGroup
	for c := range 8 {
		s := []fixture{a, b}[c%2]
		wg.Go(func() {
			for {
				got, err := s.ClaimSamples(ctx, t0, time.Hour, 3)
				if err != nil {
					t.Error(err)
				}
				if err != nil || len(got) == 0 {
					return
				}
				mu.Lock()
				for _, sm := range got {
					if seen[sm.ID] {
						t.Errorf("sample %d was given out twice", sm.ID)
					}
					seen[sm.ID] = true
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if len(seen) != 60 {
		t.Errorf("%d samples given out, want 60", len(seen))
	}
}

// Two stores on one database see what the other wrote.
func testTwoAtOnce(t *testing.T, db Database) {
	a, b := open(t, db), open(t, db)
	p := start(a, 1, contenders(2))
	same(t, "the other's period", must(b.LastPeriod(ctx))(t), p)
	same(t, "the other's secret", must(b.Secret(ctx, "s"))(t), must(a.Secret(ctx, "s"))(t))
	results := resultsOf(a, p.ID)
	if err := b.FinishPeriod(ctx, p.ID, period.Closing{Results: results}); err != nil {
		t.Fatal(err)
	}
	wantIs(t, "finish what the other has finished", a.FinishPeriod(ctx, p.ID, period.Closing{Results: results}), store.ErrNotFound)
	a.record(sampled(1))
	b.record(sampled(2))
	a.outcomes(0, 9) // moves a's on, so that b need not wait for it
	if got := b.outcomes(0, 9); len(got) != 2 {
		t.Errorf("%d outcomes of both, want 2", len(got))
	}
}

// A reader that continues after the last number it saw misses nothing that two
// stores record, and sees nothing twice.
func testFollow(t *testing.T, db Database) {
	a, b := open(t, db), open(t, db)
	const each = 300
	var wg sync.WaitGroup
	for c, s := range []fixture{a, b} {
		wg.Go(func() {
			for i := range each {
				e := outcome.Entry{Outcome: attempt(i)}
				e.Outcome.Request = fmt.Sprintf("%d/%d", c, i)
				if err := s.Record(ctx, e); err != nil {
					t.Error(err)
				}
			}
		})
	}
	seen := map[string]bool{}
	var after int64
	deadline := time.Now().Add(30 * time.Second)
	for len(seen) < 2*each && time.Now().Before(deadline) {
		for _, o := range a.outcomes(after, 50) {
			if seen[o.Request] {
				t.Errorf("%s was seen twice", o.Request)
			}
			seen[o.Request] = true
			after = o.Seq
		}
	}
	wg.Wait()
	if len(seen) != 2*each {
		t.Errorf("saw %d outcomes, want %d", len(seen), 2*each)
	}
}
