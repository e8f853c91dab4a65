package scorer

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"vision/internal/outcome"
	"vision/internal/score"
)

// A check counts once, whenever it comes and by whatever mechanisms the periods are scored meanwhile: between a period's end
// and its closing, while the validator is killed, or in a period that nobody contends in.
func TestAChangeOfMechanismCountsEachCheckOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 5*time.Minute, "a", "b")
		busy(w, "a", "b")
		var away atomic.Bool
		for _, id := range w.ids {
			w.miners[id].declare = func(context.Context) error {
				if away.Load() {
					return errBroken
				}
				return nil
			}
		}
		silent := func(c *Config) { c.Checker = nil } // all checks are by hand
		seven := func(c *Config) { hardened(w)(c); silent(c) }
		four := func(c *Config) { silent(c) }
		passed := 0
		check := func(n int) {
			w.store.mu.Lock()
			defer w.store.mu.Unlock()
			for range n {
				passed++
				w.store.checks = append(w.store.checks, outcome.Check{Sample: int64(passed), Miner: key("a").ID(), Task: chat, At: w.clock(), Quality: 1, Speed: 1, Work: 1})
			}
		}
		broken := func(on bool) {
			w.store.mu.Lock()
			defer w.store.mu.Unlock()
			w.store.fail = func(method string) (error, error) {
				if on && method == "FinishPeriod" {
					return errBroken, nil
				}
				return nil, nil
			}
		}
		// counted is what vision7 has counted, and what of it the store says that some state has taken in.
		counted := func(when string) {
			t.Helper()
			m, err := score.Named("vision7", nil)
			if err != nil {
				t.Fatal(err)
			}
			k, _, err := recall(t.Context(), w.store, m)
			if err != nil {
				t.Fatal(err)
			}
			p := outcome.Pair{Miner: key("a").ID(), Task: chat}
			// Checks count when the period closes that they came in.
			last, err := m.Observe(k[p], score.Observation{Closed: &score.Closed{Number: 1 << 30, Void: true}})
			if err != nil {
				t.Fatal(err)
			}
			out, err := m.Weights([]score.Task{{Name: chat, Weight: 1, Contenders: []score.Contender{{Hotkey: p.Miner, State: last,
				Offer: score.Offer{Declared: 1e6, Maximum: 1e6, StakeShare: 1, PerRequest: 100, Slots: 8, Length: w.length, Speed: speedOf(&w.tasks.Tasks()[0])}}}}})
			if err != nil {
				t.Fatal(err)
			}
			e, _ := out.Explain(p.Miner)
			w.store.mu.Lock()
			want := len(w.store.folded)
			w.store.mu.Unlock()
			if got := e.Tasks[0].Hardened.TrustedChecks; got != int64(want) || want == 0 {
				t.Errorf("%s: %d of %d checks were taken in, and %d count", when, want, passed, got)
			}
		}

		w.start(seven)
		w.until(time.Minute)
		check(3)
		w.until(5*time.Minute + time.Second) // the period is over, and not closed yet
		check(5)
		w.until(9 * time.Minute)
		counted("vision7 alone")
		check(7)
		w.until(10*time.Minute + time.Second)
		check(11)
		broken(true) // killed in the middle of closing the second
		w.until(10*time.Minute + 20*time.Second)
		w.stop()
		check(13)
		broken(false)
		w.start(four)
		w.until(11 * time.Minute)
		counted("vision4 closed a period of vision7")
		check(210) // more than any mechanism looks back on
		w.until(15*time.Minute + time.Second)
		check(17)
		w.until(18 * time.Minute)
		away.Store(true)
		w.until(22 * time.Minute)
		check(19)
		w.until(27 * time.Minute) // nobody contended in the last that closed
		counted("vision4 alone")
		w.stop()
		w.start(seven)
		w.until(28 * time.Minute)
		away.Store(false)
		check(23)
		w.until(30*time.Minute + time.Second)
		check(29)
		w.until(34 * time.Minute)
		counted("vision7 again")
		w.until(42 * time.Minute)
		w.stop()
		counted("the end")
		w.store.mu.Lock()
		defer w.store.mu.Unlock()
		if len(w.store.folded) != passed {
			t.Errorf("%d of %d checks were taken in", len(w.store.folded), passed)
		}
	})
}
