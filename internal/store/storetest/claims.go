package storetest

import (
	"strings"
	"testing"
	"time"

	"vision/internal/ledger"
	"vision/internal/outcome"
	"vision/internal/store"
	"vision/internal/task"
)

func testPrices(t *testing.T, db Database) {
	s := open(t, db)
	one, two := task.Price{Prompt: 1, Output: 2}, task.Price{Output: 9}
	same(t, "first prices", must(s.SavePrices(ctx, map[string]task.Price{"b": two, "a": one}, t0))(t),
		[]ledger.PriceChange{{Task: "a", Since: t0, Price: one}, {Task: "b", Since: t0, Price: two}})
	same(t, "the same again", must(s.SavePrices(ctx, map[string]task.Price{"b": two}, t0.Add(time.Hour)))(t), []ledger.PriceChange{})
	later := must(s.SavePrices(ctx, map[string]task.Price{"b": one, "a": one}, t0.Add(time.Hour)))(t)
	same(t, "a change", later, []ledger.PriceChange{{Task: "b", Since: t0.Add(time.Hour), Price: one}})
	earlier := must(s.SavePrices(ctx, map[string]task.Price{"b": two}, t0))(t) // by a clock that is behind
	if len(earlier) != 1 || !earlier[0].Since.After(later[0].Since) {
		t.Errorf("a later change is noted as of %v", earlier)
	}
	same(t, "a task's prices", must(s.Prices(ctx, "b"))(t), []ledger.PriceChange{{Task: "b", Since: t0, Price: two}, later[0], earlier[0]})
	if all := must(s.Prices(ctx, ""))(t); len(all) != 4 || all[0].Task != "a" {
		t.Errorf("all prices: %v", all)
	}
}

func testClaims(t *testing.T, db Database) {
	s := open(t, db)
	c := store.Claim{Key: 5, Name: "once", Hash: [32]byte{1, 2}, Request: attempt(1).Request, At: t0, Expires: t0.Add(time.Hour)}
	claim := func(f fixture, c store.Claim) (store.Claim, bool) {
		t.Helper()
		earlier, known, err := f.Claim(ctx, c)
		if err != nil {
			t.Fatal(err)
		}
		return earlier, known
	}
	if _, known := claim(s, c); known {
		t.Fatal("the first claim is known")
	}
	second := c
	second.Request, second.At = "req-2", t0.Add(time.Minute)
	got, known := claim(s, second)
	if !known {
		t.Fatal("the second claim is not known")
	}
	same(t, "the claim under way", got, c)
	other := second
	other.Key = 6
	if _, known := claim(s, other); known {
		t.Error("another key's claim is known")
	}
	e := outcome.Entry{Outcome: attempt(1), Answer: &outcome.Answer{Key: 5, Name: "once", Request: c.Request, Status: 200, ContentType: "text/event-stream", Body: []byte("data: x\n\n")}}
	s.record(e)
	c.Answered, c.Status, c.ContentType, c.Body = true, 200, e.Answer.ContentType, e.Answer.Body
	for _, f := range []fixture{s, open(t, db)} {
		got, known = claim(f, second)
		if !known {
			t.Fatal("an answered claim is not known")
		}
		same(t, "the answered claim", got, c)
	}
	wantIs(t, "giving up an answered claim", s.Unclaim(ctx, 5, "once", c.Request), store.ErrNotFound)
	second.At, second.Expires = c.Expires, c.Expires.Add(time.Hour)
	if _, known := claim(s, second); known {
		t.Error("a claim that expired is known")
	}
	wantIs(t, "giving up another's claim", s.Unclaim(ctx, 5, "once", "req-3"), store.ErrNotFound)
	if err := s.Unclaim(ctx, 5, "once", second.Request); err != nil {
		t.Fatal(err)
	}
	third := second
	third.Request = attempt(3).Request
	if _, known := claim(s, third); known {
		t.Error("a claim that was given up is known")
	}
	long := outcome.Entry{Outcome: attempt(3), Answer: &outcome.Answer{Key: 5, Name: "once", Request: third.Request, Status: 200, Body: make([]byte, store.MaxAnswer+1)}}
	s.record(long)
	if got, known := claim(s, third); !known || !got.Answered || !got.Dropped || len(got.Body) > 0 {
		t.Errorf("after an answer that was too long: known %t, answered %t, dropped %t", known, got.Answered, got.Dropped)
	}
	for name, bad := range map[string]store.Claim{
		"no name":     {Key: 5, Request: "r", At: t0, Expires: t0.Add(1)},
		"a long name": {Key: 5, Name: strings.Repeat("x", 256), Request: "r", At: t0, Expires: t0.Add(1)},
		"no end":      {Key: 5, Name: "x", Request: "r", At: t0, Expires: t0},
	} {
		if _, _, err := s.Claim(ctx, bad); err == nil {
			t.Errorf("a claim with %s was accepted", name)
		}
	}
	// A process that ends drops what it has not answered.
	dead := fixture{db.Open(t), t}
	lost := store.Claim{Key: 5, Name: "lost", Request: "req-9", At: t0, Expires: t0.Add(time.Hour)}
	claim(dead, lost)
	if err := dead.Close(); err != nil {
		t.Fatal(err)
	}
	if _, known := claim(s, lost); known {
		t.Error("the claim of a process that ended is known")
	}
}

func testBeats(t *testing.T, db Database) {
	a := open(t, db)
	b := fixture{db.Open(t), t}
	beat := func(s fixture, at time.Duration, want int) {
		t.Helper()
		if n := must(s.Beat(ctx, t0.Add(at), t0.Add(at-6*time.Second)))(t); n != want {
			t.Errorf("after %v there are %d processes, want %d", at, n, want)
		}
	}
	beat(a, 0, 1)
	beat(b, time.Second, 2)
	beat(a, 2*time.Second, 2)
	beat(a, 8*time.Second, 1)
	beat(b, 9*time.Second, 2)
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	beat(a, 10*time.Second, 1)
}
