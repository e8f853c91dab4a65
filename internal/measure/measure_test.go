package measure

import (
	"context"
	"errors"
	"math"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"vision/internal/capacity"
	"vision/internal/outcome"
	"vision/internal/relay"
	"vision/internal/score"
	"vision/internal/task"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func tasks(t testing.TB) (chat, image *task.Task) {
	t.Helper()
	base := task.Task{
		Weight: 1, Capacity: 1e12, Typical: 100,
		Timeouts: task.Timeouts{First: time.Minute, Gap: time.Minute, Total: 10 * time.Minute},
		Speed:    task.Speed{Overhead: 0.1, Mean: 0.02, Steepness: 20},
		Model:    task.Model{Name: "m", Quantisation: "none", Context: 4096, SeedBits: 63},
	}
	a, b := base, base
	a.Name, a.Kind, a.Limits = "chat", "chat", task.Limits{Output: 200}
	b.Name, b.Kind, b.Limits, b.Typical = "image", "text-to-image", task.Limits{Steps: 50, Images: 1, Sizes: []string{"512x512"}}, 20
	c, err := task.NewCatalogue([]task.Task{a, b})
	if err != nil {
		t.Fatal(err)
	}
	chat, _ = c.Lookup("chat")
	image, _ = c.Lookup("image")
	return chat, image
}

func member(t *task.Task, units int64, slots int) Member {
	kind, _ := task.KindNamed(t.Kind)
	return Member{Task: t, Kind: kind, Units: units, Slots: slots}
}

// gpu imitates a miner in front of a GPU. Every request takes 0.1 s and 0.01 s per unit, times how many
// GPUs' worth of work is running; beyond its slots it refuses.
type gpu struct {
	slots int                    // beyond which it refuses; 0: none
	slow  func(n int) float64    // of n running, at least 1
	fail  func(name string) bool // every request of a task

	mu      sync.Mutex // guards the rest
	running int
	peak    int
	served  int64         // work
	held    time.Duration // by requests that were answered
}

func (g *gpu) Payload(string, task.Request, *task.Task) []byte { return nil }

func (g *gpu) Do(ctx context.Context, call relay.Call, _ relay.Sink) relay.Answer {
	o := outcome.Outcome{Request: call.ID, Source: call.Source, Task: call.Task.Name, Stream: call.Request.Stream(), Start: time.Now()}
	g.mu.Lock()
	switch {
	case g.fail != nil && g.fail(call.Task.Name):
		o.Status, o.Reason = outcome.Failed, "http_503"
	case g.slots > 0 && g.running >= g.slots:
		o.Status, o.Reason = outcome.RateLimited, "http_429"
	}
	if o.Status != outcome.OK {
		g.mu.Unlock()
		return relay.Answer{Outcome: o}
	}
	g.running++
	g.peak = max(g.peak, g.running)
	g.mu.Unlock()
	defer func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.running--
		g.served += o.Work
		g.held += o.Total
	}()
	work := call.Request.Work()
	if !sleep(ctx, 100*time.Millisecond) {
		o.Status, o.Reason = outcome.Canceled, outcome.CallerGone
		return relay.Answer{Outcome: o}
	}
	for range work {
		g.mu.Lock()
		slow := g.slow(g.running)
		g.mu.Unlock()
		if !sleep(ctx, time.Duration(slow*1e7)) {
			o.Status, o.Reason = outcome.Canceled, outcome.CallerGone
			return relay.Answer{Outcome: o}
		}
	}
	o.Work, o.Total = work, time.Since(o.Start)
	o.FirstOutput, o.Arrivals.Mean = 100*time.Millisecond, o.Total/2
	return relay.Answer{Outcome: o}
}

func sleep(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

func never(int) float64 { return 1 }

func measurer(t testing.TB, g *gpu) *Measurer {
	t.Helper()
	v, err := score.NewVision7(score.Defaults7)
	if err != nil {
		t.Fatal(err)
	}
	return &Measurer{
		Relay: g, Rules: capacity.Rules{Mechanism: v, Period: time.Hour}, For: 20 * time.Second, Most: 64, Now: time.Now, Seed: 1,
	}
}

// A server that runs five at once, as fast as one, and refuses more: five are declared, and just what they do.
func TestAFullServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		chat, _ := tasks(t)
		g := &gpu{slots: 5, slow: never}
		results, err := measurer(t, g).Mix(t.Context(), []Member{member(chat, 1000, 5)})
		if err != nil {
			t.Fatal(err)
		}
		r := results[0]
		if r.Slots != 5 || r.Most != 5 || g.peak != 5 {
			t.Errorf("declares %d slots of %d that count, at most %d ran: %+v", r.Slots, r.Most, g.peak, r.Loads)
		}
		if got := r.Alone.Seconds / float64(r.Alone.Units); got < 0.01 || got > 0.012 {
			t.Errorf("one at a time %v s a unit", got)
		}
		for _, l := range r.Loads {
			switch {
			case l.Slots <= 5 && (l.InTime != l.Asked || l.Asked == 0 || l.Refused+l.Late+l.Failed != 0 || l.Paid < 0.95*float64(l.Units)):
				t.Errorf("%d slots: %+v", l.Slots, l)
			case l.Slots > 5 && (l.Refused == 0 || l.Paid >= r.Paid):
				t.Errorf("%d slots: %+v", l.Slots, l)
			case l.Slots == 5: // what five slots do in an hour, one after the other
				if want := 5 * 3600 / l.Held; math.Abs(float64(r.Units)-want) > 0.02*want {
					t.Errorf("declares %d units, five slots do %v", r.Units, want)
				}
			}
		}
		if r.Declared.As == nil || r.Declared.As.Paid > 1000.5 || !mentions(r.Warnings(), "units are declared, 1000 in place of") {
			t.Errorf("declared: %+v; %v", r.Declared.As, r.Warnings())
		}
	})
}

// A server that gets slower with each request is worth most with fewer than it can hold.
func TestASlowingServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		chat, _ := tasks(t)
		g := &gpu{slow: func(n int) float64 { return 1 + float64(n-1)/20 }}
		m := measurer(t, g)
		results, err := m.Mix(t.Context(), []Member{member(chat, 1e9, 60)})
		if err != nil {
			t.Fatal(err)
		}
		r := results[0]
		// n slow^-3 is largest at 1 + (n-1)/20 = 3 n/20: 9.5; the speed factor, which falls too, moves it down a little.
		if r.Slots < 5 || r.Slots > 12 {
			t.Errorf("declares %d slots: %+v", r.Slots, r.Loads)
		}
		if w := r.Warnings(); !mentions(w, "slots are declared, 60 in place of") || !mentions(w, "too many units are declared") {
			t.Errorf("%v", w)
		}
		if r.Declared.As != nil {
			t.Error("measured what is far more than it can do")
		}
	})
}

func mentions(list []string, what string) bool {
	return strings.Contains(strings.Join(list, "; "), what)
}

// Two tasks on one GPU are asked at the same instants, and declared so that both together are what it does.
func TestTasksTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		chat, image := tasks(t)
		g := &gpu{slots: 6, slow: never}
		results, err := measurer(t, g).Mix(t.Context(), []Member{member(chat, 1000, 4), member(image, 1000, 2)})
		if err != nil {
			t.Fatal(err)
		}
		if a, b := results[0], results[1]; a.Slots != 4 || b.Slots != 2 || a.Together[0] != "image" || b.Together[0] != "chat" || a.Unit != "token" || b.Unit != "step" {
			t.Errorf("%+v\n%+v", a, b)
		}
	})
}

// A task of which the network counts no more than one slot does leaves the others to its neighbour.
func TestNoMoreThanCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		chat, image := tasks(t)
		little := *image
		little.Capacity = 3600
		g := &gpu{slots: 6, slow: never}
		results, err := measurer(t, g).Mix(t.Context(), []Member{member(chat, 1000, 4), member(&little, 1000, 4)})
		if err != nil {
			t.Fatal(err)
		}
		if a, b := results[0], results[1]; a.Slots != 5 || b.Slots != 1 || b.Units != 3600 || !mentions(b.Warnings(), "3600 steps a period are the most that the task counts") {
			t.Errorf("%+v\n%+v", a, b)
		}
	})
}

// What is not served is said, with the reason, and nothing else is measured of it.
func TestUnserved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		chat, image := tasks(t)
		g := &gpu{slow: never, fail: func(name string) bool { return name == "image" }}
		m := measurer(t, g)
		_, err := m.Mix(t.Context(), []Member{member(chat, 1, 1), member(image, 1, 1)})
		var u *Unserved
		if !errors.As(err, &u) || u.Task != "image" || !strings.Contains(u.Why, "http_503") {
			t.Errorf("%v", err)
		}
		m.Why = func(string) []capacity.Error { return []capacity.Error{{What: "connection refused", Times: 1}} }
		if _, err = m.Mix(t.Context(), []Member{member(image, 1, 1)}); err == nil || err.Error() != "image is not served: connection refused" {
			t.Errorf("%v", err)
		}
	})
}

// Ctrl-C ends it at once, wherever it is, and leaves what was measured.
func TestStopped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		chat, _ := tasks(t)
		for _, after := range []time.Duration{0, time.Second, 30 * time.Second, 70 * time.Second} {
			g := &gpu{slow: never}
			ctx, cancel := context.WithTimeout(t.Context(), after)
			m := measurer(t, g)
			begun := time.Now()
			results, err := m.Mix(ctx, []Member{member(chat, 1, 1)})
			cancel()
			if !errors.Is(err, ErrStopped) || time.Since(begun) != after || len(results) != 1 {
				t.Errorf("after %v: %v, %v later", after, err, time.Since(begun))
			}
			if after == 70*time.Second && (len(results[0].Loads) == 0 || results[0].Units == 0) {
				t.Errorf("nothing is left of what was measured: %+v", results[0])
			}
			if g.running != 0 {
				t.Errorf("%d requests still run", g.running)
			}
		}
	})
}
