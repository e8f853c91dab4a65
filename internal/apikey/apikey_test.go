package apikey

import (
	"bytes"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var t0 = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func TestNew(t *testing.T) {
	k, text, err := New(bytes.NewReader(bytes.Repeat([]byte{7}, 32)), "shop", 60, t0)
	if err != nil {
		t.Fatal(err)
	}
	if !Plausible(text) || !strings.HasPrefix(text, "sk-") || len(text) != 3+43 {
		t.Errorf("key %q", text)
	}
	if k.Hash != HashOf(text) || !strings.HasSuffix(text, k.Hint) || len(k.Hint) != 4 || k.PerMinute != 60 || !k.Created.Equal(t0) {
		t.Errorf("%+v", k)
	}
	if _, _, err := New(strings.NewReader("short"), "shop", 60, t0); err == nil {
		t.Error("a key was made of too little randomness")
	}
	if _, _, err := New(bytes.NewReader(make([]byte, 32)), "shop", -1, t0); err == nil {
		t.Error("a negative limit was taken")
	}
	for _, bad := range []string{"", "pk-123", "sk-" + strings.Repeat("x", 126)} {
		if Plausible(bad) {
			t.Errorf("%q is plausible", bad)
		}
	}
}

func TestValid(t *testing.T) {
	k := Key{}
	if !k.Valid(t0) {
		t.Error("a key that was never revoked is not valid")
	}
	k.Revoked = t0
	if k.Valid(t0) || !k.Valid(t0.Add(-1)) {
		t.Error("revocation does not take effect at its instant")
	}
}

func TestLimit(t *testing.T) {
	l := NewLimit(3)
	for i, want := range []Standing{
		{OK: true, Limit: 3, Remaining: 2, Reset: 20 * time.Second},
		{OK: true, Limit: 3, Remaining: 1, Reset: 40 * time.Second},
		{OK: true, Limit: 3, Remaining: 0, Reset: 60 * time.Second},
		{Limit: 3, Reset: 60 * time.Second, Retry: 20 * time.Second},
		{Limit: 3, Reset: 60 * time.Second, Retry: 20 * time.Second},
	} {
		if got := l.Take(t0); got != want {
			t.Errorf("request %d: %+v, want %+v", i, got, want)
		}
	}
	if got := l.Take(t0.Add(20*time.Second - 1)); got.OK || got.Retry != 1 {
		t.Errorf("a moment too early: %+v", got)
	}
	if got := l.Take(t0.Add(20 * time.Second)); !got.OK || got.Remaining != 0 {
		t.Errorf("when told: %+v", got)
	}
	if l.Idle(t0.Add(79*time.Second)) || !l.Idle(t0.Add(80*time.Second)) {
		t.Error("it is idle at the wrong time")
	}
}

// Whatever the times of requests, no stretch of d allows more than a burst and
// what d earns; and whoever comes back when told is let in.
func TestLimitHolds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.Int64Range(1, 1000).Draw(t, "a minute")
		l := NewLimit(n)
		each := time.Duration(earned(1, n))
		now := t0
		var allowed []time.Time
		for range rapid.IntRange(1, 300).Draw(t, "requests") {
			now = now.Add(time.Duration(rapid.Int64Range(0, int64(3*each)).Draw(t, "pause")))
			s := l.Take(now)
			if s.OK {
				allowed = append(allowed, now)
			} else if again := l.Take(now.Add(s.Retry)); !again.OK {
				t.Fatalf("told to come back in %v, refused again: %+v", s.Retry, again)
			} else {
				now = now.Add(s.Retry)
				allowed = append(allowed, now)
			}
			if s.Remaining < 0 || s.Remaining >= n || s.Reset < 0 || s.Reset > time.Minute {
				t.Fatalf("%+v", s)
			}
		}
		for i := range allowed {
			d := now.Sub(allowed[i])
			if most := n + int64(d/each); int64(len(allowed)-i) > most {
				t.Fatalf("%d requests in %v with %d a minute", len(allowed)-i, d, n)
			}
		}
	})
}

func TestLimitUnderContention(t *testing.T) {
	l := NewLimit(100)
	var ok atomic.Int64
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 100 {
				if l.Take(t0).OK {
					ok.Add(1)
				}
			}
		})
	}
	wg.Wait()
	if ok.Load() != 100 {
		t.Errorf("%d requests were allowed at one instant, want 100", ok.Load())
	}
}

// However much is asked for at once, and given back, no stretch of d allows more
// than a burst and what d earns; whoever comes back when told is let in.
func TestLimitOfTokensHolds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.Int64Range(1, 1_000_000).Draw(t, "a minute")
		l := NewLimit(size)
		now := t0
		var used int64
		for range rapid.IntRange(1, 200).Draw(t, "requests") {
			now = now.Add(time.Duration(rapid.Int64Range(0, int64(20*time.Second)).Draw(t, "pause")))
			n := rapid.Int64Range(0, 2*size).Draw(t, "tokens")
			s := l.TakeN(now, n)
			if !s.OK {
				now = now.Add(s.Retry)
				if again := l.TakeN(now, n); !again.OK {
					t.Fatalf("told to come back in %v, refused again: %+v", s.Retry, again)
				}
			}
			took := l.Taken(n)
			unused := rapid.Int64Range(0, took).Draw(t, "unused")
			l.Back(unused)
			used += took - unused
			if most := size + int64(now.Sub(t0).Minutes()*float64(size)) + 1; used > most+most/1000 {
				t.Fatalf("%d tokens in %v with %d a minute", used, now.Sub(t0), size)
			}
		}
	})
}

func TestLimitOwed(t *testing.T) {
	l := NewLimit(600)
	if s := l.TakeN(t0, 100); !s.OK || s.Remaining != 500 {
		t.Fatalf("%+v", s)
	}
	l.Back(-500) // it used 600
	if s := l.TakeN(t0, 1); s.OK || s.Remaining != 0 || s.Retry != 100*time.Millisecond {
		t.Errorf("after using more than was taken: %+v", s)
	}
	l.Back(600)
	if s := l.TakeN(t0, 600); !s.OK || s.Remaining != 0 {
		t.Errorf("after giving all back: %+v", s)
	}
}

// A clock that was ahead and is set right locks nobody out, and forgives nothing.
func TestLimitWhenTheClockIsSetBack(t *testing.T) {
	for _, back := range []time.Duration{3 * time.Minute, time.Hour, 1000 * time.Hour} {
		l := NewLimit(60)
		l.TakeN(t0, 60)
		if s := l.TakeN(t0.Add(-back), 1); s.OK || s.Retry != time.Second {
			t.Errorf("set back by %v, with all used: %+v", back, s)
		}
		if s := l.TakeN(t0.Add(time.Second-back), 1); !s.OK || s.Remaining != 0 {
			t.Errorf("set back by %v, a second later: %+v", back, s)
		}
		if s := l.TakeN(t0, 60); !s.OK || s.Remaining != 0 {
			t.Errorf("set back by %v, and that much later: %+v", back, s)
		}
	}
	l := NewLimit(60)
	l.TakeN(t0, 60)
	l.TakeN(t0.Add(-90*time.Second), 0) // of a request that took long to come
	if s := l.TakeN(t0, 1); s.OK || s.Retry != time.Second {
		t.Errorf("after one that was late: %+v", s)
	}
}

func TestLimitShared(t *testing.T) {
	l := NewLimit(10)
	l.Share(3)
	for range 3 {
		if s := l.Take(t0); !s.OK || s.Limit != 3 {
			t.Fatalf("%+v", s)
		}
	}
	if s := l.Take(t0); s.OK {
		t.Errorf("a third of 10 allowed a fourth request: %+v", s)
	}
	l.Share(100)
	if s := l.Take(t0.Add(3 * time.Minute)); !s.OK || s.Limit != 1 {
		t.Errorf("a hundredth of 10 allows nothing: %+v", s)
	}
}

func BenchmarkTake(b *testing.B) {
	l := NewLimit(MaxPerMinute)
	b.ReportAllocs()
	for b.Loop() {
		l.Take(t0)
	}
}
