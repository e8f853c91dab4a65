package gateway

import (
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"vision/internal/outcome"
	"vision/internal/task"
)

func TestFailover(t *testing.T) {
	failed := failing(outcome.Failed, 0, badGateway)
	for _, c := range []struct {
		name   string
		steps  []step
		want   string // statuses of the recorded attempts
		status int
		code   string
	}{
		{"the first fails", []step{failed, ok(3)}, "failed ok", 200, ""},
		{"the first is busy", []step{busy(0), ok(3)}, "rate_limited ok", 200, ""},
		{"two fail", []step{failed, busy(0), ok(3)}, "failed rate_limited ok", 200, ""},
		{"our own fault, then good", []step{failing(outcome.Ours, 0, internal), ok(3)}, "ours ok", 200, ""},
		{"all fail", []step{failed}, "failed failed failed", 502, "http_500"},
		{"all are busy", []step{busy(5 * time.Second)}, "rate_limited rate_limited rate_limited", 503, "miners_busy"},
		{"our own fault", []step{failing(outcome.Ours, 0, internal)}, "ours ours ours", 500, "internal_error"},
		{"two say that the request is wrong", []step{refusing(400)}, "canceled canceled", 400, "request_refused"},
		{"one says that the request is wrong", []step{refusing(422), ok(3)}, "canceled ok", 200, ""},
		{"one says so, another is busy, another too", []step{refusing(413), busy(0), refusing(400)}, "canceled rate_limited canceled", 400, "request_refused"},
		{"one says so and others fail", []step{refusing(400), failed}, "canceled failed failed", 502, "http_500"},
		{"a status that speaks of the miner", []step{refusing(404)}, "failed failed failed", 502, "http_404"},
	} {
		for _, text := range []string{streamed, chatBody} {
			t.Run(c.name, func(t *testing.T) {
				f := newFixture(t, nil, c.steps...)
				w := httptest.NewRecorder()
				f.ServeHTTP(w, request(text))
				f.idleBoard(t)
				var got []string
				seen := map[string]bool{}
				for i, e := range f.store.recorded() {
					o := e.Outcome
					got = append(got, o.Status.String())
					if seen[o.Miner.String()] {
						t.Errorf("miner %v was asked twice", o.Miner)
					}
					seen[o.Miner.String()] = true
					last := i == len(f.store.entries)-1
					if o.Try != i || o.Last != last || (e.Features != nil) != last || e.Sample != nil != (o.Status == outcome.OK) {
						t.Errorf("attempt %d of %d: %+v", i, len(f.store.entries), e)
					}
				}
				if strings.Join(got, " ") != c.want || f.store.groups != 1 {
					t.Errorf("recorded %v in %d groups, want %v in one", got, f.store.groups, c.want)
				}
				if c.status == 499 {
					return
				}
				if w.Code != c.status || w.Header().Get("X-Vision-Tries") != fmt.Sprint(len(got)) {
					t.Errorf("status %d, %v, want %d: %s", w.Code, w.Header(), c.status, w.Body)
				}
				if c.status == 200 {
					return
				}
				if e := (reply{body: w.Body.String()}).failure(t); e.Code != c.code || strings.Contains(w.Body.String(), "secret") {
					t.Errorf("error %+v, want code %q", e, c.code)
				}
				if after := w.Header().Get("Retry-After"); c.code == "miners_busy" && after != "5" {
					t.Errorf("Retry-After %q, want the miners' 5", after)
				}
			})
		}
	}
}

// After the first output there is no other miner, and no false end.
func TestFailureAfterTheFirstOutput(t *testing.T) {
	f := serve(t, nil, failing(outcome.Failed, 2, truncated))
	r := f.do(t, "POST", chatPath, streamed)
	if r.status != 200 || r.err != nil || strings.Count(r.body, "data: ") != 3 || strings.Contains(r.body, "[DONE]") ||
		!strings.Contains(r.body, `data: {"error":{"message":"The answer ended before it was whole.","type":"upstream_error"`) {
		t.Errorf("%d %s", r.status, r.body)
	}
	if e := f.store.recorded(); len(e) != 1 || e[0].Outcome.Status != outcome.Failed || !e[0].Outcome.Last || e[0].Outcome.Work != 2 {
		t.Errorf("recorded %+v", e)
	}
}

// A miner that says nothing costs the request some time, not all of it.
func TestSilentMinerLeavesTimeForAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := servePiped(t, func(c *Config) { short(t, c, 200*time.Millisecond, 4*time.Second) }, hanging(0), ok(3))
		r := f.do(t, "POST", chatPath, streamed)
		if r.status != 200 || !strings.HasSuffix(r.body, "[DONE]\n\n") || r.header.Get("X-Vision-Tries") != "2" {
			t.Fatalf("%d %s", r.status, r.body)
		}
		if e := f.store.recorded(); e[0].Outcome.Status != outcome.Failed || e[0].Outcome.Reason != "timeout" {
			t.Errorf("the miner had all of its time, and the outcome is %+v", e[0].Outcome)
		}
	})
}

// A miner that is given up before its time, in favour of another, has not failed.
func TestCutShortIsNotAFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := servePiped(t, func(c *Config) { short(t, c, 900*time.Millisecond, time.Second) }, hanging(0), ok(3))
		r := f.do(t, "POST", chatPath, streamed)
		if r.status != 200 || !strings.HasSuffix(r.body, "[DONE]\n\n") {
			t.Fatalf("%d %s", r.status, r.body)
		}
		if e := f.store.recorded(); e[0].Outcome.Status != outcome.Canceled || e[0].Outcome.Reason != "cut_short" || e[0].Outcome.Last {
			t.Errorf("outcome %+v", e[0].Outcome)
		}
	})
}

func TestLateMiners(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := servePiped(t, func(c *Config) { short(t, c, 300*time.Millisecond, 500*time.Millisecond) }, hanging(0))
		begun := time.Now()
		r := f.do(t, "POST", chatPath, streamed)
		if e := r.failure(t); r.status != 504 || e.Type != "timeout_error" {
			t.Errorf("%d %+v", r.status, e)
		}
		if took := time.Since(begun); took > 500*time.Millisecond {
			t.Errorf("it took %v", took)
		}
		f = servePiped(t, func(c *Config) { short(t, c, 300*time.Millisecond, 300*time.Millisecond) }, hanging(2))
		r = f.do(t, "POST", chatPath, streamed)
		if r.status != 200 || strings.Contains(r.body, "[DONE]") || !strings.Contains(r.body, "timeout_error") {
			t.Errorf("%d %s", r.status, r.body)
		}
	})
}

// short makes the tasks' timeouts short.
func short(t testing.TB, c *Config, first, total time.Duration) {
	list := tasks()
	for i := range list {
		list[i].Timeouts.First, list[i].Timeouts.Total = first, total
	}
	catalogue, err := task.NewCatalogue(list)
	if err != nil {
		t.Fatal(err)
	}
	c.Catalogue = func() *task.Catalogue { return catalogue }
}

func TestDeadlines(t *testing.T) {
	list := tasks()
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	first, total := list[0].Timeouts.First, list[0].Timeouts.Total
	chat, _ := task.KindNamed("chat")
	image, _ := task.KindNamed("text-to-image")
	parse := func(k task.Kind, body string, i int) task.Request {
		r, err := k.Parse([]byte(body), &list[i])
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	cases := []struct {
		name string
		kind task.Kind
		task *task.Task
		req  task.Request
		full time.Duration // what the task lets a miner take to its first output
	}{
		{"stream", chat, &list[0], parse(chat, streamed, 0), first},
		{"picture", image, &list[2], parse(image, `{"model":"painter","prompt":"x"}`, 2), first},
		{"whole text", chat, &list[0], parse(chat, strings.Replace(chatBody, "{", `{"max_tokens":10,`, 1), 0), first + 800*time.Millisecond},
	}
	rapid.Check(t, func(t *rapid.T) {
		room := time.Duration(rapid.Int64Range(int64(least), int64(total)).Draw(t, "room"))
		last := rapid.Bool().Draw(t, "last")
		by := now.Add(room)
		for _, c := range cases {
			d := deadlinesOf(now, by, c.task, c.kind, c.req, last)
			wait := d.firstBy.Sub(now)
			if wait <= 0 || d.by.Before(d.firstBy) || d.by.After(by) {
				t.Fatalf("%s: with %v left, first by %v, all by %v", c.name, room, wait, d.by.Sub(now))
			}
			if !last && room-wait < min(first, room/4) {
				t.Fatalf("%s: of %v only %v are left for another try", c.name, room, room-wait)
			}
			if c.name != "whole text" && wait > first {
				t.Fatalf("%s: wait %v, more than the task's %v", c.name, wait, first)
			}
			if d.short(false, d.firstBy) != (wait < c.full) {
				t.Fatalf("%s: the miner gets %v of %v and that is short: %v", c.name, wait, c.full, d.short(false, d.firstBy))
			}
			if d.short(false, d.firstBy.Add(-1)) || d.short(true, d.by.Add(-1)) {
				t.Fatalf("%s: a failure before the deadline is called short", c.name)
			}
			if d.short(true, d.by) != (room < total && c.name != "whole text" || c.name == "whole text" && wait < c.full) {
				t.Fatalf("%s: all of it by %v of %v, and that is short: %v", c.name, room, total, d.short(true, d.by))
			}
		}
	})
}

// Whatever miners and the recorder do, success is shown exactly when there is
// one and it is durable.
func TestNoScriptGivesAFalseEnd(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.IntRange(1, 5).Draw(rt, "steps")
		var steps []step
		var good []bool
		for range n {
			kind := rapid.IntRange(0, 6).Draw(rt, "kind")
			chunks := rapid.IntRange(1, 3).Draw(rt, "chunks")
			good = append(good, kind == 0)
			steps = append(steps, []step{ok(chunks), failing(outcome.Failed, 0, badGateway), failing(outcome.Failed, chunks, truncated),
				busy(0), failing(outcome.Ours, 0, internal), failing(outcome.Ours, chunks, internal), failing(outcome.Canceled, chunks, truncated)}[kind])
		}
		text := rapid.SampledFrom([]string{streamed, chatBody}).Draw(rt, "request")
		lost := rapid.IntRange(0, 3).Draw(rt, "recorder") == 0
		f := newFixture(t, nil, steps...)
		if lost {
			f.store.lost = fmt.Errorf("no room")
		}
		w := httptest.NewRecorder()
		f.ServeHTTP(w, request(text))
		f.idleBoard(t)
		calls := f.relay.called()
		whole := strings.Contains(w.Body.String(), "[DONE]") || strings.Contains(w.Body.String(), `"good"`)
		want := good[min(len(calls), n)-1] && !lost
		if whole != want {
			rt.Fatalf("shown as whole: %v, want %v\n%s", whole, want, w.Body)
		}
		failedEvents := strings.Count(w.Body.String(), `"error"`)
		if whole && failedEvents != 0 {
			rt.Fatalf("whole and an error:\n%s", w.Body)
		}
		entries := f.store.recorded()
		if lost {
			if len(entries) != 0 {
				rt.Fatalf("%d entries", len(entries))
			}
			return
		}
		if len(entries) != len(calls) {
			rt.Fatalf("%d attempts, %d recorded", len(calls), len(entries))
		}
		for i, e := range entries {
			if e.Outcome.Last != (i == len(entries)-1) {
				rt.Fatalf("attempt %d of %d: last %v", i, len(entries), e.Outcome.Last)
			}
			if calls[i].Last && !e.Outcome.Last {
				rt.Fatalf("the relay was told that nobody is asked after try %d, and somebody was", i)
			}
		}
	})
}
