package scorer

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"vision/internal/chain"
)

// TestLedgerDown: the last snapshot serves; nobody loses a period.
func TestLedgerDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 10*time.Minute, "a")
		w.down = true
		w.start()
		w.until(2 * time.Minute)
		if len(w.store.periods) != 0 {
			t.Fatal("a period began before the ledger was ever read")
		}
		w.count(func() int { w.down = false; return 0 })
		w.until(4 * time.Minute)
		w.count(func() int { w.down = true; return 0 })
		w.until(36 * time.Minute)
		for id := int64(1); id <= 3; id++ {
			if r := w.store.result(id, w.ids[0], chat); r == nil || r.Score != 1 || r.Counts.Requests == 0 {
				t.Errorf("period %d with the ledger down: %+v", id, r)
			}
		}
		if last, _ := w.store.LastWeights(t.Context()); last.Set || len(w.set) != 0 {
			t.Errorf("weights %+v were set on a ledger that is down", last)
		}
		w.count(func() int { w.down = false; return 0 })
		w.until(38 * time.Minute)
		if last, _ := w.store.LastWeights(t.Context()); !last.Set || len(w.set) != 1 {
			t.Errorf("weights %+v (%d times on the ledger) after it came back, want the newest set once", last, len(w.set))
		}
		w.stop()
	})
}

// TestWeightsAreSetOnce whatever the ledger reports, and a restart between.
func TestWeightsAreSetOnce(t *testing.T) {
	lost := errors.New("connection lost")
	for name, c := range map[string]struct {
		applied []bool  // of the first attempts
		errs    []error // of the same
		restart bool
	}{
		"at once":                         {},
		"applied, reported failed":        {applied: []bool{true}, errs: []error{lost}},
		"not applied":                     {applied: []bool{false, false}, errs: []error{lost, lost}},
		"refused":                         {applied: []bool{false}, errs: []error{chain.Refuse(chain.NoPermit, "not yet")}},
		"applied, failed, then a restart": {applied: []bool{true}, errs: []error{lost}, restart: true},
		"not applied, then a restart":     {applied: []bool{false}, errs: []error{lost}, restart: true},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, 10*time.Minute, "a")
			tries := 0
			w.setError = func() (bool, error) {
				tries++
				if tries <= len(c.errs) {
					if c.restart {
						w.down = true // nothing can be learned before the restart
					}
					return c.applied[tries-1], c.errs[tries-1]
				}
				return true, nil
			}
			w.start()
			w.until(11 * time.Minute)
			if c.restart {
				w.stop()
				w.count(func() int { w.down = false; return 0 })
				w.start()
			}
			w.until(13 * time.Minute)
			w.stop()
			last, err := w.store.LastWeights(t.Context())
			if err != nil || !last.Set || len(w.set) != 1 {
				t.Errorf("%s: %+v, %v, %d times on the ledger; want them set, once", name, last, err, len(w.set))
			}
		})
	}
}

// TestRateLimit: weights wait for their time, and only the newest are set.
func TestRateLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 2*time.Minute, "a")
		w.limit = 300 // blocks of 1 s
		w.start()
		w.until(19 * time.Minute)
		w.stop()
		w.start()
		w.until(20 * time.Minute)
		w.stop()
		if n := len(w.set); n < 3 || n > 4 {
			t.Errorf("weights were set %d times in 20 minutes at one in five", n)
		}
		set := 0
		for _, v := range w.store.weights {
			if v.Set {
				set++
			}
		}
		if set != len(w.set) {
			t.Errorf("%d vectors are kept as set, %d were", set, len(w.set))
		}
	})
}

// TestNewerWeightsOutliveARestart though older ones were being set when they
// came, and the ledger takes none for an hour.
func TestNewerWeightsOutliveARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, time.Minute, "a")
		w.limit, w.setLag = 3600, 90*time.Second
		w.start()
		w.until(170 * time.Second) // set in the third minute, that of period 2 kept meanwhile
		w.stop()
		if len(w.set) != 1 {
			t.Fatalf("weights were set %d times, want once", len(w.set))
		}
		var newest int64
		for _, v := range w.store.weights {
			newest = max(newest, v.Period)
		}
		if last, _ := w.store.LastWeights(t.Context()); last.Period != newest || last.Set {
			t.Errorf("after a restart %+v would be taken up, want the weights of period %d", last, newest)
		}
	})
}
