package scorer

import (
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"vision/internal/dispatch"
	"vision/internal/hotkey"
	"vision/internal/outcome"
	"vision/internal/task"
)

// secretive is what customer n asked.
func secretive(t testing.TB, w *world, n int) []byte {
	t.Helper()
	tk, _ := w.tasks.Lookup(chat)
	r, err := task.Chat{}.Parse(fmt.Appendf(nil, `{"messages":[{"role":"user","content":"Ticket %d: the zeppelin is late again. Please tell me why."}],"top_k":17,"max_tokens":50}`, 4000+n), tk)
	if err != nil {
		t.Fatal(err)
	}
	return r.Payload(1)
}

// Probes are made of what customers asked only if the operator says so and the
// customer's project does not object, and never of the same words.
func TestProbesAreMadeOfWhatCustomersAsked(t *testing.T) {
	for name, c := range map[string]struct {
		learn func(int64) bool
		want  bool
	}{
		"nobody agreed": {nil, false},
		"all agreed":    {func(int64) bool { return true }, true},
		"others agreed": {func(key int64) bool { return key == 2 }, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, time.Minute, "a")
				for i := range 250 {
					o := outcome.Outcome{Request: fmt.Sprint("req-", i), Key: 1, Task: chat, Miner: key("b").ID(), Work: 10, Start: time.Now(), Total: time.Second, Last: true}
					s := &outcome.Sample{Outcome: o, Request: secretive(t, w, i), Response: []byte("x")}
					if err := w.store.Record(t.Context(), outcome.Entry{Outcome: o, Sample: s}); err != nil {
						t.Fatal(err)
					}
				}
				w.start(func(config *Config) { config.Learn = c.learn })
				w.until(3 * time.Minute)
				w.stop()
				made := 0
				for _, call := range w.calls {
					text := string(call.Payload)
					if strings.Contains(text, "zeppelin") {
						made++
						if !strings.Contains(text, `"top_k":17`) {
							t.Errorf("a probe is %s", text)
						}
					}
				}
				if (made > len(w.calls)/2) != c.want || !c.want && made > 0 {
					t.Errorf("%d of %d probes are made of customers' requests", made, len(w.calls))
				}
			})
		})
	}
}

func TestWhatIsLearnedIsBounded(t *testing.T) {
	var l learned
	r := rand.New(rand.NewPCG(1, 2))
	for i := range convincing - 1 {
		l.add(int64(i), key("b").ID(), 1, "a", fmt.Appendf(nil, `{"prompt":"%d"}`, i))
	}
	if body, _ := l.draw(r, "a", key("a").ID()); body != nil {
		t.Error("too few requests are used")
	}
	for i := range 3 * learnedPerTask {
		l.add(int64(i), key("b").ID(), 1, "a", fmt.Appendf(nil, `{"prompt":"%d"}`, i))
	}
	l.add(-1, key("b").ID(), 1, "a", []byte(`{"image":"data:image/png;base64,AA"}`))
	l.add(-2, key("b").ID(), 1, "a", make([]byte, learnedBytes+1))
	if body, _ := l.draw(r, "a", key("b").ID()); body != nil {
		t.Error("a miner is asked what it was asked before")
	}
	known := l.tasks["a"].list
	bytes := 0
	for _, b := range known {
		bytes += b.size()
		if strings.Contains(string(b.body), "data:") {
			t.Error("a picture is remembered")
		}
	}
	if len(known) != learnedPerTask || l.bytes != bytes {
		t.Errorf("%d requests of %d bytes are remembered, counted as %d", len(known), bytes, l.bytes)
	}
	if body, _ := l.draw(r, "b", key("a").ID()); body != nil {
		t.Error("a task is lent another's requests")
	}
}

// A probe that sets out with a customer's request has its lengths and parameters, and
// its words only if the customer's project agreed.
func TestProbesAreLikeWhatTheySetOutWith(t *testing.T) {
	for name, c := range map[string]struct {
		learn func(int64) bool
		words bool
	}{
		"nobody agreed": {nil, false},
		"it agreed":     {func(key int64) bool { return key == 1 }, true},
		"others agreed": {func(key int64) bool { return key == 2 }, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, time.Minute, "a")
				w.start(func(config *Config) { config.Learn = c.learn })
				defer w.stop()
				tk, _ := w.tasks.Lookup(chat)
				r := rand.New(rand.NewPCG(1, 2))
				for i := range 40 {
					request, err := task.Chat{}.Parse(fmt.Appendf(nil, `{"messages":[{"role":"user","content":"Ticket %d: the zeppelin is late again."}],"temperature":0.37,"top_k":%d,"max_tokens":50}`, 4000+i, 20+i), tk)
					if err != nil {
						t.Fatal(err)
					}
					made := w.s.makeLike(r, w.s.likeOf(dispatch.Asked{Request: request, Key: 1, Miner: key("b").ID()}, tk), task.Chat{}, tk, key("a").ID())
					text := string(made.Payload(1))
					if strings.Contains(text, "zeppelin") != c.words || !strings.Contains(text, `"temperature":0.37`) || !strings.Contains(text, fmt.Sprintf(`"top_k":%d`, 20+i)) {
						t.Fatal(text)
					}
				}
			})
		})
	}
}

// Who does not agree any more is forgotten.
func TestWhoObjectsIsForgotten(t *testing.T) {
	var l learned
	for i := range 2 * learnedPerTask {
		l.add(int64(i), key("b").ID(), int64(i%2), "a", fmt.Appendf(nil, `{"prompt":"%d"}`, i))
	}
	l.forget(func(key int64) bool { return key == 1 })
	bytes := 0
	for _, r := range l.tasks["a"].list {
		bytes += r.size()
		if r.key != 1 {
			t.Fatal("it is remembered")
		}
	}
	if n := len(l.tasks["a"].list); n != learnedPerTask/2 || bytes != l.bytes {
		t.Errorf("%d requests of %d bytes are remembered, counted as %d", n, bytes, l.bytes)
	}
	l.forget(func(int64) bool { return false })
	if l.bytes != 0 {
		t.Errorf("%d bytes are left", l.bytes)
	}
}

// A miner sees pieces of a request in one probe at most, while there are others.
func TestPiecesAreNotLentTwice(t *testing.T) {
	var l learned
	r := rand.New(rand.NewPCG(1, 2))
	for i := range 100 {
		l.add(int64(i), key("b").ID(), 1, "a", fmt.Appendf(nil, `{"prompt":"%d"}`, i))
	}
	like, seen := task.Likeness([]byte(`{"prompt":"1"}`)), map[string]bool{}
	for range 100 / learnedOthers {
		for _, body := range l.likes(r, "a", like, key("a").ID()) {
			if seen[string(body)] {
				t.Fatalf("%s is lent twice", body)
			}
			seen[string(body)] = true
		}
	}
	if len(seen) < 99 || len(l.likes(r, "a", like, key("c").ID())) != learnedOthers || len(l.likes(r, "a", like, key("b").ID())) != 0 {
		t.Errorf("%d are lent", len(seen))
	}
}

// What a probe set out with is lent to its miner, though it is remembered later, if at all; other miners may still see it.
func TestWhatProbesSetOutWithIsLent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, time.Minute, "a")
		w.start(func(config *Config) { config.Learn = func(int64) bool { return true } })
		defer w.stop()
		tk, _ := w.tasks.Lookup(chat)
		r := rand.New(rand.NewPCG(1, 2))
		sampled := func(i int, with func(i int) bool) *outcome.Sample {
			request, err := task.Chat{}.Parse(fmt.Appendf(nil, `{"messages":[{"role":"user","content":"Ticket %d: the zeppelin is late again."}],"max_tokens":50}`, 4000+i), tk)
			if err != nil {
				t.Fatal(err)
			}
			id := fmt.Sprint("req-", i)
			if with(i) {
				w.s.makeLike(r, w.s.likeOf(dispatch.Asked{Request: request, Key: 1, ID: id, Miner: key("b").ID()}, tk), task.Chat{}, tk, key("a").ID())
			}
			return &outcome.Sample{ID: int64(i), Outcome: outcome.Outcome{Request: id, Source: outcome.Organic, Key: 1, Task: chat, Miner: key("b").ID()},
				Request: w.s.c.Relay.Payload(id, request, tk)}
		}
		const n = 60
		for i := range n {
			w.s.learnFrom(sampled(i, func(i int) bool { return i%2 == 0 }))
		}
		sampled(1, func(int) bool { return true }) // which is remembered already
		w.s.learned.mu.Lock()
		defer w.s.learned.mu.Unlock()
		list := w.s.learned.tasks[chat].list
		if len(list) != n {
			t.Fatalf("%d are remembered", len(list))
		}
		for i := range list {
			// of those that are crossed with, up to three a probe once there are enough, some are lent as well
			if (i%2 == 0 || i == 1) && list[i].unseen([]hotkey.ID{key("a").ID()}) {
				t.Errorf("of %s the miner has seen pieces, which is not noted", list[i].body)
			}
			if !list[i].unseen([]hotkey.ID{key("c").ID()}) || slices.Index(list[i].lent, key("a").ID()) > 0 {
				t.Errorf("%s is lent to %v", list[i].body, list[i].lent)
			}
		}
	})
}

// Of the texts that probes set out with the newest are remembered.
func TestWhatIsLentAheadIsBounded(t *testing.T) {
	var a ahead
	for i := range 3 * learnedAhead / 2 {
		sum := sha256.Sum256(fmt.Append(nil, i))
		a.note(sum, []hotkey.ID{key("a").ID()})
		a.note(sum, []hotkey.ID{key("a").ID(), key("b").ID()})
	}
	if len(a.lent) != learnedAhead || len(a.ring) != learnedAhead {
		t.Errorf("%d are remembered", len(a.lent))
	}
	if a.lent[sha256.Sum256(fmt.Append(nil, learnedAhead/2-1))] != nil || len(a.lent[sha256.Sum256(fmt.Append(nil, learnedAhead/2))]) != 2 {
		t.Error("others than the newest are remembered")
	}
}
