package scorer

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

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
		l.add(int64(i), key("b").ID(), "a", fmt.Appendf(nil, `{"prompt":"%d"}`, i))
	}
	if body, _ := l.draw(r, "a", key("a").ID()); body != nil {
		t.Error("too few requests are used")
	}
	for i := range 3 * learnedPerTask {
		l.add(int64(i), key("b").ID(), "a", fmt.Appendf(nil, `{"prompt":"%d"}`, i))
	}
	l.add(-1, key("b").ID(), "a", []byte(`{"image":"data:image/png;base64,AA"}`))
	l.add(-2, key("b").ID(), "a", make([]byte, learnedBytes+1))
	if body, _ := l.draw(r, "a", key("b").ID()); body != nil {
		t.Error("a miner is asked what it was asked before")
	}
	known := l.tasks["a"].list
	bytes := 0
	for _, b := range known {
		bytes += len(b.body)
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
