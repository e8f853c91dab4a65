package scorer

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"vision/internal/outcome"
	"vision/internal/relay"
	"vision/internal/score"
)

// Who holds every second connection of a beacon back until it has answered on the others is late on those.
func TestConnectionsHeldBackTakeTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 10*time.Minute, "a", "b", "holding")
		busy(w, "a", "b", "holding")
		n := 0
		w.miners[key("holding").ID()].connects = func(call relay.Call) time.Duration {
			w.mu.Lock()
			defer w.mu.Unlock()
			if n++; call.Source != outcome.Burst || n%2 == 0 {
				return 0
			}
			return 3 * time.Second
		}
		w.miners[key("a").ID()].connects = func(relay.Call) time.Duration { return 900 * time.Millisecond } // it lives far away
		w.start(hardened(w))
		w.until(30 * time.Minute)
		w.stop()
		took := map[string]map[time.Duration]int{"a": {}, "b": {}, "holding": {}}
		for name, of := range took {
			list, err := w.store.LastBursts(t.Context(), key(name).ID(), chat, 100)
			if err != nil || len(list) == 0 {
				t.Fatal(list, err)
			}
			for _, one := range list {
				for _, a := range one.Answers {
					of[a.Elapsed]++
				}
			}
		}
		if len(took["a"]) != 1 || len(took["b"]) != 1 || took["a"][time.Second] == 0 || took["b"][time.Second] == 0 {
			t.Errorf("answers of those that hold nothing back took %v and %v, want a second", took["a"], took["b"])
		}
		if of := took["holding"]; len(of) != 2 || of[time.Second] == 0 || of[4*time.Second] == 0 {
			t.Errorf("answers took %v, want a second, and 4 with the connections that were held back", of)
		}
	})
}

// Nor does it help to hold back a refusal of optional fields, after which the slot is asked again. Who refuses at once loses nothing.
func TestRefusalsHeldBackTakeTime(t *testing.T) {
	for held, want := range map[time.Duration]time.Duration{3 * time.Second: 4 * time.Second, 50 * time.Millisecond: time.Second} {
		synctest.Test(t, func(t *testing.T) {
			_, _, r := slotsOf(t, 20, 1, 0, func(_ *world, ctx context.Context, call relay.Call) outcome.Outcome {
				if !call.Request.Features().Plain() {
					sleep(ctx, held)
					return outcome.Outcome{Status: outcome.Failed, Reason: "http_422"}
				}
				sleep(ctx, time.Second)
				return outcome.Outcome{Work: 100}
			})
			took := map[time.Duration]int{}
			for _, a := range r.Answers {
				took[a.Elapsed]++
			}
			if len(took) != 1 || took[want] == 0 {
				t.Errorf("answers took %v after refusals that took %v, want %v", took, held, want)
			}
		})
	}
}

func TestWaitsOfMostAreOurs(t *testing.T) {
	of := func(waits ...time.Duration) *burst {
		return &burst{slots: []slot{{}, {asked: len(waits), answers: make([]score.Arrived, len(waits)), waits: waits}}}
	}
	silent := &burst{slots: []slot{{asked: 1}}}
	for name, c := range map[string]struct {
		asked []*burst
		want  time.Duration
	}{
		"nobody":        {nil, time.Second},
		"none answered": {[]*burst{silent}, time.Second},
		"all at once":   {[]*burst{of(0, 10*time.Millisecond), of(0), silent}, time.Second},
		"one of two":    {[]*burst{of(4*time.Second, 0), of(100 * time.Millisecond)}, time.Second},
		"one of three":  {[]*burst{of(100 * time.Millisecond), of(4 * time.Second), of(200 * time.Millisecond)}, time.Second},
		"two of three":  {[]*burst{of(3 * time.Second), of(0, 2*time.Second, 0), of(200 * time.Millisecond)}, 4 * time.Second},
	} {
		if got := allowance(c.asked); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
	b := of(2*time.Second, 2*time.Second+1)
	if r := b.result(true, 2*time.Second); r.Answers[0].Elapsed != 0 || r.Answers[1].Elapsed != 2*time.Second+1 {
		t.Errorf("%+v", r.Answers)
	}
}
