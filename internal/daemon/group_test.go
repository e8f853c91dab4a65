package daemon

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// journal notes what happened, in order.
type journal struct {
	mu    sync.Mutex
	lines []string
}

func (j *journal) add(line string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lines = append(j.lines, line)
}

func (j *journal) component(name string) Component {
	return Component{
		Name:  name,
		Start: func(context.Context) error { j.add("start " + name); return nil },
		Serve: func(ctx context.Context) error { <-ctx.Done(); j.add("end " + name); return ctx.Err() },
		Stop:  func(context.Context) error { j.add("stop " + name); return nil },
	}
}

func TestStopsInReverseOrder(t *testing.T) {
	var j journal
	var g Group
	g.Add(j.component("store"))
	g.Add(j.component("gateway"))
	ctx, cancel := context.WithCancel(t.Context())
	if err := g.Run(ctx, func() { j.add("ready"); cancel() }); err != nil {
		t.Fatal(err)
	}
	want := []string{"start store", "start gateway", "ready", "stop gateway", "end gateway", "stop store", "end store"}
	if !slices.Equal(j.lines, want) {
		t.Errorf("got %q, want %q", j.lines, want)
	}
}

func TestOneFailureStopsTheRest(t *testing.T) {
	for name, fail := range map[string]error{"an error": errors.New("port gone"), "a silent end": nil} {
		t.Run(name, func(t *testing.T) {
			var j journal
			var g Group
			g.Add(j.component("store"))
			g.Add(Component{Name: "listener", Serve: func(context.Context) error { return fail }})
			err := g.Run(t.Context(), nil)
			if err == nil || !strings.HasPrefix(err.Error(), "listener: ") {
				t.Errorf("got %v, want the listener's failure", err)
			}
			if fail != nil && !errors.Is(err, fail) {
				t.Errorf("got %v, want it to wrap %v", err, fail)
			}
			if !slices.Contains(j.lines, "end store") {
				t.Errorf("the store went on: %q", j.lines)
			}
		})
	}
}

func TestFailedStartUndoesWhatHadStarted(t *testing.T) {
	var j journal
	var g Group
	g.Add(j.component("store"))
	g.Add(Component{Name: "gateway", Start: func(context.Context) error { return errors.New("address in use") }})
	g.Add(j.component("scorer"))
	err := g.Run(t.Context(), func() { t.Error("called itself ready") })
	if err == nil || !strings.Contains(err.Error(), "start gateway: address in use") {
		t.Errorf("got %v", err)
	}
	if want := []string{"start store", "stop store", "end store"}; !slices.Equal(j.lines, want) {
		t.Errorf("got %q, want %q", j.lines, want)
	}
}

func TestAStuckComponentDelaysNobodyBeyondTheDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var j journal
		release := make(chan struct{})
		g := Group{StopAfter: 3 * time.Second}
		g.Add(j.component("store"))
		g.Add(Component{Name: "stuck", Serve: func(context.Context) error { <-release; return nil }})
		ctx, cancel := context.WithCancel(t.Context())
		begun := time.Now()
		err := g.Run(ctx, cancel)
		if took := time.Since(begun); took < 3*time.Second || took > 3*time.Second+2*lastMoment {
			t.Errorf("took %v, want the deadline of 3s and a moment", took)
		}
		if err == nil || !strings.Contains(err.Error(), "stop stuck: still running") {
			t.Errorf("got %v", err)
		}
		close(release)
		synctest.Wait()
		if !slices.Contains(j.lines, "stop store") {
			t.Error("the store was never stopped")
		}
	})
}
