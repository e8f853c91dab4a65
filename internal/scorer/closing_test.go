package scorer

import (
	"bytes"
	"context"
	"math"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"vision/internal/outcome"
	"vision/internal/period"
	"vision/internal/score"
)

// What is decided at a period's end follows from the store alone: a scorer that
// is killed before it has written it, and the one that comes after it, write
// the same, to the bit.
func TestAKilledScorerLosesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 5*time.Minute, "a", "b")
		busy(w, "a", "b")
		w.start(hardened(w))
		for range 40 {
			time.Sleep(20 * time.Second)
			w.organic(key("a").ID(), chat, outcome.OK, 80)
			w.organic(key("b").ID(), chat, outcome.RateLimited, 0)
		}
		// It is the third period; none of its closing takes effect.
		w.store.mu.Lock()
		w.store.fail = func(method string) (error, error) {
			if method == "FinishPeriod" {
				return errBroken, nil
			}
			return nil, nil
		}
		w.store.closings = nil
		w.store.mu.Unlock()
		w.until(15*time.Minute + 30*time.Second)
		w.stop()
		w.store.mu.Lock()
		killed := w.store.closings
		w.store.closings, w.store.fail = nil, nil
		w.store.mu.Unlock()
		if len(killed) < 2 || len(killed[0].States) < 3 || len(killed[0].Folded) == 0 {
			t.Fatalf("%d tries to close the period, the first with %+v", len(killed), killed)
		}
		if len(w.store.bursts) == 0 {
			t.Fatal("no beacon before the kill")
		}

		w.start(hardened(w))
		synctest.Wait()
		time.Sleep(20 * time.Second)
		w.stop()
		if len(w.store.closings) == 0 {
			t.Fatal("the period was never closed")
		}
		again := w.store.closings[0]
		if diff := cmp.Diff(killed[0].States, again.States); diff != "" {
			t.Errorf("states differ after a kill:\n%s", diff)
		}
		if !slices.Equal(killed[0].Folded, again.Folded) {
			t.Errorf("checks %v were taken in, then %v", killed[0].Folded, again.Folded)
		}
	})
}

// A closing that took effect though it reported a failure is not made twice.
func TestAClosingThatTookEffectIsNotRepeated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 5*time.Minute, "a")
		failed := 0
		w.store.fail = func(method string) (error, error) {
			if method == "FinishPeriod" && failed < 2 {
				failed++
				return nil, errBroken
			}
			return nil, nil
		}
		w.start(hardened(w))
		w.until(16 * time.Minute)
		w.stop()
		for _, st := range w.store.states["vision7"] {
			s, err := w.s.c.Mechanism.Decode(st.Bytes)
			if err != nil {
				t.Fatal(err)
			}
			b, err := s.AppendBinary(nil)
			if err != nil || !bytes.Equal(b, st.Bytes) || st.Period != 3 {
				t.Errorf("the state of period %d is not itself: %v", st.Period, err)
			}
		}
		if n := len(w.store.results); n != 3 {
			t.Errorf("%d periods were scored, want 3", n)
		}
	})
}

// What is known goes on from what was written, not from what a try made of it
// that came after the checks were marked as taken in.
func TestAClosingThatTookEffectIsWhatIsKnown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 5*time.Minute, "a")
		failed := false
		w.store.fail = func(method string) (error, error) {
			if method == "FinishPeriod" && !failed {
				failed = true
				return nil, errBroken
			}
			return nil, nil
		}
		w.start(hardened(w))
		w.until(8 * time.Minute)
		if n := len(w.store.closings); n != 2 || len(w.store.closings[0].Folded) == 0 || len(w.store.closings[1].Folded) >= len(w.store.closings[0].Folded) {
			t.Fatalf("the period was closed %d times, or no check was folded only the first time", n)
		}
		got, err := written(*w.s.known.Load())
		if err != nil {
			t.Fatal(err)
		}
		want, _ := w.store.States(t.Context(), "vision7")
		for i := range want {
			want[i].Period = 0
		}
		if diff := cmp.Diff(want, got); diff != "" || len(want) == 0 {
			t.Errorf("what is known is not what was written:\n%s", diff)
		}
		w.stop()
	})
}

func TestChangingTheMechanismGoesOnFromWhatIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 5*time.Minute, "a", "b")
		w.start()
		w.until(11 * time.Minute)
		w.stop()
		four, _, err := recall(t.Context(), w.store, score.Vision4{})
		if err != nil {
			t.Fatal(err)
		}
		w.start(hardened(w))
		time.Sleep(11 * time.Minute)
		w.stop()
		if len(w.store.states["vision7"]) != 2 {
			t.Errorf("%d states of vision7", len(w.store.states["vision7"]))
		}
		// Back again, the periods meanwhile count too.
		back, last, err := recall(t.Context(), w.store, score.Vision4{})
		if err != nil || len(last) == 0 || last[0].Period < 4 {
			t.Fatalf("as of period %v, %v", last, err)
		}
		for p, st := range four {
			was, err := st.AppendBinary(nil)
			if err != nil {
				t.Fatal(err)
			}
			is, err := back[p].AppendBinary(nil)
			if err != nil || len(is) <= len(was) {
				t.Errorf("%s: %d bytes of state, before %d: %v", p.Miner.Short(), len(is), len(was), err)
			}
		}
	})
}

// Who was slashed, and has served it, is not slashed again because another mechanism was in use for a while; nor is anybody
// let off who has not.
func TestGoingBackToAMechanismSlashesNobodyAgain(t *testing.T) {
	for periods, slashed := range map[float64]bool{1: false, 20: true} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, 5*time.Minute, "a", "b")
			busy(w, "a", "b")
			m, err := score.Named("vision7", map[string]float64{"slash_periods": periods})
			if err != nil {
				t.Fatal(err)
			}
			seven := func(c *Config) { hardened(w)(c); c.Mechanism = m }
			w.start(seven)
			w.until(7 * time.Minute)
			w.store.mu.Lock()
			w.store.checks = append(w.store.checks, outcome.Check{Sample: 1 << 40, Miner: key("a").ID(), Task: chat, At: time.Now(), Failed: true, Convicted: true, Work: 1})
			w.store.mu.Unlock()
			w.until(27 * time.Minute)
			w.stop()
			earns := func() (a, b bool) {
				g, err := gather(t.Context(), w.store, m, w.tasks, 0, false)
				if err != nil {
					t.Fatal(err)
				}
				out, err := m.Weights(g.tasks)
				if err != nil {
					t.Fatal(err)
				}
				weigh := func(name string) bool { e, _ := out.Explain(key(name).ID()); return e.Weight > 0 }
				return weigh("a"), weigh("b")
			}
			if a, b := earns(); a == slashed || !b {
				t.Fatalf("slashed for %v periods: after the fifth a earns %v, b %v", periods, a, b)
			}
			w.start() // with vision4
			w.until(38 * time.Minute)
			w.stop()
			w.start(seven)
			w.until(42 * time.Minute) // one period closes, of which half was by the other
			w.stop()
			if a, b := earns(); a == slashed || !b {
				t.Errorf("slashed for %v periods, after some by another mechanism: a earns %v, b %v", periods, a, b)
			}
		})
	}
}

// Where states are made anew of what is kept, beacons that a miner was away for count as they did when they were held.
func TestStatesMadeAnewRememberMissedBeacons(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 5*time.Minute, "stays", "leaves", "returns")
		busy(w, "stays", "leaves", "returns")
		away := func(name string, from, to time.Duration) {
			w.miners[key(name).ID()].declare = func(context.Context) error {
				if at := time.Since(w.started); at >= from && at < to {
					return errBroken
				}
				return nil
			}
		}
		away("leaves", 32*time.Minute, time.Hour)
		away("returns", 32*time.Minute, 41*time.Minute)
		w.start(hardened(w))
		w.until(62 * time.Minute)
		w.stop()
		results, err := w.store.Results(t.Context(), score.MaxHistory)
		if err != nil {
			t.Fatal(err)
		}
		m := score.Mechanism(w.s.c.Mechanism)
		anew, err := rebuild(t.Context(), w.store, m, known{}, 0, results)
		if err != nil {
			t.Fatal(err)
		}
		tk, _ := w.tasks.Lookup(chat)
		of := func(k known, name string) score.Hardened {
			p := outcome.Pair{Miner: key(name).ID(), Task: chat}
			f, err := m.Weights([]score.Task{{Name: chat, Weight: 1, Contenders: []score.Contender{{Hotkey: p.Miner, State: k[p],
				Offer: score.Offer{Declared: 72000 / 12, Maximum: 72000 / 12, StakeShare: 1, PerRequest: 100, Slots: 8, Length: w.length, Speed: speedOf(tk)}}}}})
			if err != nil {
				t.Fatal(err)
			}
			e, _ := f.Explain(p.Miner)
			return *e.Tasks[0].Hardened
		}
		lived := *w.s.known.Load()
		for _, name := range []string{"stays", "leaves", "returns"} {
			was, is := of(lived, name), of(anew, name)
			if math.Abs(is.Credited-was.Credited) > 0.01*was.Credited+1 || math.Abs(is.Reliability-was.Reliability) > 0.01 || is.Closed != was.Closed {
				t.Errorf("%s: made anew it is credited %.0f, reliability %.3f, after period %d; it was %.0f, %.3f, %d",
					name, is.Credited, is.Reliability, is.Closed, was.Credited, was.Reliability, was.Closed)
			}
		}
		if of(lived, "leaves").Credited > 0.5*of(lived, "stays").Credited {
			t.Error("the beacons that it missed have cost nothing")
		}
	})
}

// A period is closed only when what came of its beacons is kept, not while that is being written.
func TestAPeriodIsNotClosedBeforeItsBeaconsAreKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 10*time.Minute, "a")
		s, err := New(func() Config { c := w.config(); hardened(w)(&c); return c }())
		if err != nil {
			t.Fatal(err)
		}
		p, err := w.store.StartPeriod(t.Context(), period.Period{Start: time.Now().Add(-10 * time.Minute), End: time.Now()}, nil)
		if err != nil {
			t.Fatal(err)
		}
		b := newBook(p, [32]byte{7}, s.c.Mechanism)
		b.found(known{})
		s.known.Store(&known{})
		s.kept <- struct{}{} // a beacon's is being kept
		done := make(chan error, 1)
		go func() { done <- s.finish(t.Context(), b) }()
		time.Sleep(time.Hour)
		synctest.Wait()
		if n := len(w.store.closings); n != 0 {
			t.Errorf("the period was closed %d times meanwhile", n)
		}
		<-s.kept
		if err := <-done; err != nil || len(w.store.closings) != 1 {
			t.Errorf("%v, closed %d times", err, len(w.store.closings))
		}
	})
}
