package gateway

import (
	"context"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"vision/internal/fault"
	"vision/internal/outcome"
	"vision/internal/relay"
)

// usualFirst is the time to the first output in hedging's tests, of which a
// miner may be at most a quarter late before another is asked.
const usualFirst = 100 * time.Millisecond

// racing is a fixture whose Board has seen what is usual.
func racing(t testing.TB, change func(*Config), steps ...step) *fixture {
	f := newFixture(t, func(c *Config) {
		c.Routing.Hedge = 0.05
		if change != nil {
			change(c)
		}
	}, steps...)
	for i := range 64 {
		o := outcome.Outcome{Task: "talker-8b", Miner: miner(i % 4), Start: time.Now(), Work: 256, Total: usualFirst}
		f.Board.Replay(o) // so a whole answer of all the tokens that there may be takes as long
		o.Stream, o.FirstOutput = true, usualFirst
		f.Board.Replay(o)
	}
	return f
}

// after waits before it goes on, unless it is cancelled.
func after(d time.Duration, next step) step {
	if d <= 0 {
		return next
	}
	return func(ctx context.Context, c relay.Call, s relay.Sink) relay.Answer {
		timer := time.NewTimer(d)
		defer timer.Stop()
		select {
		case <-timer.C:
			return next(ctx, c, s)
		case <-ctx.Done():
			return relay.Answer{Err: fault.New(fault.Canceled, "canceled", "The caller went away."),
				Outcome: outcome.Outcome{Status: outcome.Canceled, Reason: outcome.CallerGone}}
		}
	}
}

// says is ok with a text of its own.
func says(word string) step {
	return func(ctx context.Context, c relay.Call, s relay.Sink) relay.Answer {
		a := ok(3)(ctx, c, nowhere{})
		if !c.Request.Stream() {
			a.Body = []byte(strings.Replace(string(a.Body), "good", word, 1))
			return a
		}
		for range 2 {
			if s.Events(chunk(word, "")) != nil {
				a.Outcome.Status, a.Outcome.Reason = outcome.Canceled, outcome.CallerGone
				return a
			}
		}
		s.Events(chunk(word, "stop"))
		return a
	}
}

type nowhere struct{}

func (nowhere) Events([]byte) error { return nil }

// endings lists how the attempts ended, in the order of tries, and checks that
// one is the last.
func endings(t testing.TB, f *fixture) string {
	t.Helper()
	entries := f.store.recorded()
	list := make([]string, len(entries))
	for i, e := range entries {
		o := e.Outcome
		if o.Last != (i == len(entries)-1) || (e.Features != nil) != o.Last {
			t.Errorf("entry %d of %d: last %v, features %v", i, len(entries), o.Last, e.Features)
		}
		if o.Try < 0 || o.Try >= len(list) || list[o.Try] != "" {
			t.Errorf("try %d twice, or out of range", o.Try)
			continue
		}
		list[o.Try] = strings.TrimSuffix(o.Status.String()+":"+o.Reason, ":")
	}
	if f.store.groups > 1 {
		t.Errorf("recorded in %d groups", f.store.groups)
	}
	f.idleBoard(t)
	return strings.Join(list, " ")
}

func TestHedging(t *testing.T) {
	failed := failing(outcome.Failed, 0, badGateway)
	for _, c := range []struct {
		name  string
		steps []step
		want  string // how the tries ended
		text  string // of the answer; "": an error
		tries string
		took  time.Duration // at most, where it matters
	}{
		{"in time", []step{after(usualFirst, says("one")), says("two")}, "ok", "one", "1", 0},
		{"the second is first", []step{after(900*time.Millisecond, says("one")), after(50*time.Millisecond, says("two"))}, "canceled:hedged ok", "two", "2", 180 * time.Millisecond},
		{"the first is first after all", []step{after(200*time.Millisecond, says("one")), after(500*time.Millisecond, says("two"))}, "ok canceled:hedged", "one", "2", 210 * time.Millisecond},
		{"the first fails, late", []step{after(300*time.Millisecond, failed), after(300*time.Millisecond, says("two"))}, "failed:http_500 ok", "two", "2", 0},
		{"the second fails", []step{after(300*time.Millisecond, says("one")), failed}, "ok failed:http_500", "one", "2", 0},
		{"the second is busy", []step{after(300*time.Millisecond, says("one")), busy(0)}, "ok rate_limited:http_429", "one", "2", 0},
		{"both fail, a third answers", []step{after(300*time.Millisecond, failed), after(time.Millisecond, failed), says("three")}, "failed:http_500 failed:http_500 ok", "three", "3", 0},
		{"all fail", []step{after(300*time.Millisecond, failed), failed, failed}, "failed:http_500 failed:http_500 failed:http_500", "", "3", 0},
		{"the first is hedged, fails, and so does the next", []step{failed, after(300*time.Millisecond, says("two")), after(10*time.Millisecond, says("three"))}, "failed:http_500 ok", "two", "2", 0},
		{"both find fault with the request", []step{after(200*time.Millisecond, refusing(400)), after(200*time.Millisecond, refusing(400)), says("three")}, "canceled:refused canceled:refused", "", "2", 0},
	} {
		for _, body := range []string{streamed, chatBody} {
			t.Run(fmt.Sprintf("%s, stream %v", c.name, body == streamed), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					tries := func(cfg *Config) { cfg.Limits.Tries = 3 }
					if c.name == "the first is hedged, fails, and so does the next" {
						tries = func(cfg *Config) { cfg.Limits.Tries = 2 } // so that the last try is not hedged
					}
					f := racing(t, tries, c.steps...)
					begun := time.Now()
					w := httptest.NewRecorder()
					f.ServeHTTP(w, request(body))
					took := time.Since(begun)
					if got := endings(t, f); got != c.want {
						t.Errorf("tries ended as %q, want %q", got, c.want)
					}
					if c.took > 0 && took > c.took {
						t.Errorf("took %v, want at most %v", took, c.took)
					}
					if got := w.Header().Get("X-Vision-Tries"); got != c.tries {
						t.Errorf("X-Vision-Tries %q, want %q", got, c.tries)
					}
					calls := f.relay.called()
					if c.text == "" {
						if w.Code == 200 {
							t.Errorf("status %d: %s", w.Code, w.Body)
						}
						return
					}
					for i, word := range []string{"one", "two", "three"} {
						if strings.Contains(w.Body.String(), word) != (word == c.text) {
							t.Errorf("the answer is not %q's alone: %s", c.text, w.Body)
						}
						if word == c.text && w.Header().Get("X-Vision-Miner") != calls[i].Peer.Miner.String() {
							t.Errorf("X-Vision-Miner is not who answered")
						}
					}
					if done := strings.Count(w.Body.String(), "[DONE]"); w.Code != 200 || (body == streamed) != (done == 1) {
						t.Errorf("status %d, %s", w.Code, w.Body)
					}
					if e := f.store.recorded(); e[len(e)-1].Outcome.Status != outcome.OK {
						t.Errorf("the last of the record is not what the customer got: %+v", e)
					}
					for i := range calls {
						if string(calls[i].Payload) != string(calls[0].Payload) || calls[i].Peer.Miner == calls[(i+1)%len(calls)].Peer.Miner && len(calls) > 1 {
							t.Error("a second miner is asked for something else, or the same is asked twice")
						}
					}
				})
			})
		}
	}
}

// No hedge without its conditions.
func TestNoHedge(t *testing.T) {
	slow := after(500*time.Millisecond, says("one"))
	for _, c := range []struct {
		name   string
		change func(*Config)
		before func(*fixture)
	}{
		{"off", func(c *Config) { c.Routing.Hedge = 0 }, nil},
		{"no other try is allowed", func(c *Config) { c.Limits.Tries = 1 }, nil},
		{"nobody has much free", nil, func(f *fixture) {
			for range 4 * 60 { // of 4 miners with 64 slots each
				f.Board.Acquire("talker-8b", true, time.Now(), f.Random(), f.Random(), nil)
			}
		}},
		{"the budget is used up", nil, func(f *fixture) {
			for range hedgeBurst {
				f.lanes.of("talker-8b", &f.Routing).hedges.Spend(time.Now())
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := racing(t, c.change, slow)
				if c.before != nil {
					c.before(f)
				}
				w := httptest.NewRecorder()
				f.ServeHTTP(w, request(streamed))
				if n := len(f.relay.called()); n != 1 || w.Code != 200 {
					t.Errorf("%d miners were asked, status %d", n, w.Code)
				}
			})
		})
	}
}

// However late all miners are, few requests are put to a second one.
func TestHedgesStayInTheirBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := racing(t, func(c *Config) { c.Sampler = nil }, after(150*time.Millisecond, says("one")))
		const n = 200
		most := 0
		for i := range n {
			w := httptest.NewRecorder()
			f.ServeHTTP(w, request(streamed))
			if w.Code != 200 {
				t.Fatal(w.Body)
			}
			most = hedgeBurst + (i+1)/20
			if extra := len(f.relay.called()) - i - 1; extra > most {
				t.Fatalf("%d of %d requests were hedged, want at most %d", extra, i+1, most)
			}
		}
		if extra := len(f.relay.called()) - n; extra == 0 {
			t.Error("no request was hedged")
		}
		f.idleBoard(t)
	})
}

func TestCustomerLeavesDuringARace(t *testing.T) {
	for _, body := range []string{streamed, chatBody} {
		synctest.Test(t, func(t *testing.T) {
			f := racing(t, nil, after(time.Second, says("one")), after(time.Second, says("two")))
			r := request(body)
			ctx, cancel := context.WithTimeout(context.Background(), 400*time.Millisecond)
			defer cancel()
			f.ServeHTTP(httptest.NewRecorder(), r.WithContext(ctx))
			if got := endings(t, f); got != "canceled:caller_gone canceled:caller_gone" {
				t.Errorf("tries ended as %q", got)
			}
		})
	}
}

func TestPanicsDuringARace(t *testing.T) {
	bug := func(context.Context, relay.Call, relay.Sink) relay.Answer { panic("a bug of the tests") }
	for _, c := range []struct {
		name   string
		steps  []step
		status int
	}{
		{"the second's", []step{after(300*time.Millisecond, says("one")), after(50*time.Millisecond, bug)}, 200},
		{"the first's", []step{after(300*time.Millisecond, bug), after(900*time.Millisecond, says("two"))}, 500},
		{"both", []step{after(300*time.Millisecond, bug), bug}, 500},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := racing(t, nil, c.steps...)
				w := httptest.NewRecorder()
				f.ServeHTTP(w, request(streamed))
				if w.Code != c.status || !strings.Contains(f.log.String(), "a bug") {
					t.Errorf("status %d, log %s", w.Code, f.log)
				}
				f.idleBoard(t)
				if c.status == 200 {
					if got := endings(t, f); got != "ok ours:panic" {
						t.Errorf("tries ended as %q", got)
					}
				}
			})
		})
	}
}

// Whatever two miners do and when, one alone is heard, whoever was outrun is
// not blamed, and nothing is left over.
func TestRaces(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var steps []step
		words := []string{"one", "two", "three"}
		for i := range words {
			kind := rapid.IntRange(0, 5).Draw(rt, "kind")
			does := []step{says(words[i]), says(words[i]), failing(outcome.Failed, 0, badGateway), busy(0), failing(outcome.Ours, 0, internal),
				func(ctx context.Context, c relay.Call, s relay.Sink) relay.Answer { // truncated
					a := relay.Answer{Err: truncated, Outcome: outcome.Outcome{Status: outcome.Failed, Reason: "truncated"}}
					if c.Request.Stream() {
						a.Started = true
						if s.Events(chunk(words[i], "")) != nil {
							a.Outcome.Status, a.Outcome.Reason = outcome.Canceled, outcome.CallerGone
						}
					}
					return a
				}}[kind]
			steps = append(steps, after(time.Duration(rapid.IntRange(0, 40).Draw(rt, "wait"))*10*time.Millisecond, does))
		}
		body := rapid.SampledFrom([]string{streamed, chatBody}).Draw(rt, "request")
		leaves := time.Duration(rapid.IntRange(1, 200).Draw(rt, "leaves")) * 10 * time.Millisecond
		synctest.Test(t, func(t *testing.T) {
			f := racing(t, nil, steps...)
			ctx, cancel := context.WithTimeout(context.Background(), leaves)
			defer cancel()
			w := httptest.NewRecorder()
			f.ServeHTTP(w, request(body).WithContext(ctx))
			synctest.Wait()
			got := endings(t, f)
			heard := 0
			for _, word := range words {
				if strings.Contains(w.Body.String(), word) {
					heard++
				}
			}
			if heard > 1 {
				t.Errorf("%d miners were heard: %s", heard, w.Body)
			}
			entries := f.store.recorded()
			if len(entries) != len(f.relay.called()) {
				t.Errorf("%d asked, %d recorded", len(f.relay.called()), len(entries))
			}
			good := 0
			for _, e := range entries {
				if e.Outcome.Status == outcome.OK {
					good++
				}
				if e.Outcome.Reason == outcome.Hedged && (e.Outcome.Status != outcome.Canceled || e.Outcome.Last) {
					t.Errorf("outrun and %v, last %v", e.Outcome.Status, e.Outcome.Last)
				}
			}
			whole := strings.Contains(w.Body.String(), "[DONE]") || body == chatBody && w.Code == 200 && heard == 1
			if good > 1 || whole != (good == 1) && ctx.Err() == nil {
				t.Errorf("%d good answers (%s), shown as whole: %v", good, got, whole)
			}
		})
		if t.Failed() {
			rt.FailNow()
		}
	})
}
