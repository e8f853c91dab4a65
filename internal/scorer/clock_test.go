package scorer

import (
	"testing"
	"testing/synctest"
	"time"

	"vision/internal/beacon"
)

// A clock that is set, by however much, holds no period up, and costs at most what was measured in the one under way: nobody
// loses anything by it, and the periods after it are measured like those before.
func TestAClockThatIsSetCostsNobodyAnything(t *testing.T) {
	for _, by := range []time.Duration{5 * time.Hour, 90 * time.Second, -90 * time.Second, -5 * time.Hour} {
		t.Run(by.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, 10*time.Minute, "a")
				w.start()
				w.until(15 * time.Minute)
				w.stepped.Store(int64(by))
				w.until(62 * time.Minute)
				if b := w.s.running.Load(); b.Start != b.Start.Round(0) || b.Start.Sub(w.clock()).Abs() > w.length {
					t.Errorf("a period that begins at %v runs at %v", b.Start, w.clock())
				}
				if n := len(w.s.tail.ahead); n != 0 {
					t.Errorf("%d outcomes wait for their time to come", n)
				}
				w.stop()
				if n := len(w.store.results); n < 5 || n > 6 {
					t.Fatalf("%d periods were scored in an hour", n)
				}
				for id := int64(1); id <= int64(len(w.store.results)); id++ {
					r := w.store.result(id, w.ids[0], chat)
					if r == nil || r.Counts.OK != r.Counts.Requests || r.Valid && r.Score != 1 {
						t.Errorf("period %d: %+v", id, r)
					}
					if id > 3 && (r == nil || r.Counts.Requests < r.Probes) {
						t.Errorf("of period %d, after the clock was set, are counted %+v", id, r)
					}
				}
			})
		})
	}
}

// Nor does one that is set while the validator is down: what is left of the period is over at once, or lasts no longer than a whole one.
func TestAClockThatIsSetWhileTheValidatorIsDown(t *testing.T) {
	for _, by := range []time.Duration{5 * time.Hour, -5 * time.Hour} {
		t.Run(by.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, 10*time.Minute, "a")
				w.start()
				w.until(15 * time.Minute)
				w.stop()
				w.stepped.Store(int64(by))
				w.start()
				w.until(47 * time.Minute)
				w.stop()
				if n := len(w.store.results); n < 4 {
					t.Fatalf("%d periods were scored in 47 minutes", n)
				}
				for id := int64(3); id <= int64(len(w.store.results)); id++ {
					if r := w.store.result(id, w.ids[0], chat); r == nil || r.Counts.Requests < r.Probes || r.Counts.OK != r.Counts.Requests {
						t.Errorf("period %d: %+v", id, r)
					}
				}
			})
		})
	}
}

// While the clock is behind, nobody is asked at an instant that is no other validator's, then or later.
func TestAClockThatIsBehindAsksAtNoInstantOfItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 10*time.Minute, "a")
		busy(w, "a")
		w.start(hardened(w))
		w.until(30 * time.Minute)
		before := len(w.bursts())
		w.stepped.Store(int64(-40 * time.Minute))
		w.until(60 * time.Minute)
		behind := len(w.bursts())
		missed := w.s.Stats().BeaconsMissed
		w.stepped.Store(0)
		w.until(100 * time.Minute)
		w.stop()
		if before == 0 || missed == 0 || behind != before || len(w.bursts()) == behind {
			t.Errorf("%d instants before, %d after the clock was behind, with %d beacons missed, and %d in the end", before, behind, missed, len(w.bursts()))
		}
		// What another validator, whose clock is right, has asked at.
		rules := beacon.For(w.length, w.s.c.Mechanism.Beacons())
		caller, source, called := beacon.NewCaller(rules), new(ticking), map[time.Time]bool{}
		for n := uint64(w.started.Unix()); n <= uint64(time.Now().Unix()); n++ {
			if call, ok := caller.Hear(source.round(n)); ok {
				called[call.At] = true
			}
		}
		for at := range w.bursts() {
			ours := false
			for theirs := range called {
				ours = ours || !at.Before(theirs) && at.Before(theirs.Add(rules.Window+time.Second))
			}
			if !ours {
				t.Errorf("a beacon's requests were sent %v after the start, when no other validator's were", at.Sub(w.started))
			}
		}
	})
}
