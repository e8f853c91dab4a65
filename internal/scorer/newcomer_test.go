package scorer

import (
	"testing"
	"testing/synctest"
	"time"

	"vision/internal/score"
)

// weighed gives a miner's weight as of a period's end; not ok if none was kept.
func (w *world) weighed(period int64, miner string) (weight float64, ok bool) {
	w.store.mu.Lock()
	defer w.store.mu.Unlock()
	for _, kept := range w.store.weights {
		if kept.Period != period {
			continue
		}
		for _, m := range kept.Miners {
			if m.Miner == key(miner).ID() {
				weight = m.Weight
			}
		}
		return weight, true
	}
	return 0, false
}

// A miner that registers in one period contends in the next, and is paid at its end, if two beacons
// have asked it by then: one alone shows too little.
func TestANewcomerIsPaidAfterItsFirstPeriod(t *testing.T) {
	for name, declares := range map[string]int64{
		"of five requests at once": 3_600_000,
		// One single request is more than 1% of these, and must be asked all the same.
		"of three requests in a period": 300,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, time.Hour, "old", "new")
				busy(w, "old", "new")
				w.onlyChat()
				w.miners[key("new").ID()].declares[chat] = declares
				ids := w.ids
				w.ids = ids[:1]
				w.start(hardened(w))
				defer w.stop()
				w.until(20 * time.Minute)
				w.count(func() int { w.ids = ids; return 0 })
				w.until(time.Hour + 30*time.Second)
				if weight, ok := w.weighed(1, "new"); weight != 0 || !ok || w.store.result(1, key("new").ID(), chat) != nil {
					t.Errorf("in the period in which it registered it weighs %v", weight)
				}
				w.until(2*time.Hour + 30*time.Second)
				r := w.store.result(2, key("new").ID(), chat)
				if r == nil || r.Offer.Part != 0 || r.Counts.Requests < 1 || r.Counts.Requests > 2 {
					t.Fatalf("its first period is %+v", r)
				}
				f, _ := w.judged("new", chat)
				h := f.Hardened
				if h.Beacons != int64(len(w.burstsOf(2, "new"))) || h.Beacons < 2 && declares > 1e6 {
					t.Errorf("it was asked at %d beacons: %+v", h.Beacons, h)
				}
				weight, _ := w.weighed(2, "new")
				if (weight > 0) != (h.Beacons >= 2) || h.Reliability != 1 || !(f.Quality.Combined > 0) || !(h.Trust > 0.25) {
					t.Errorf("after %d beacons, its first weight is %v: %+v", h.Beacons, weight, f)
				}
			})
		})
	}
}

// The first beacon shows half of a slot, give or take more than a quarter; the second what is paid.
func TestOneBeaconAloneIsNotPaid(t *testing.T) {
	m, err := score.Named("vision7", nil)
	if err != nil {
		t.Fatal(err)
	}
	v := m.(score.Vision7)
	offer := score.Offer{Declared: 1_000_000, Maximum: 1_000_000, StakeShare: 1, PerRequest: 100, Slots: 5, Length: time.Hour,
		Speed: score.Speed{Overhead: 500 * time.Millisecond, Mean: 0.005, Steepness: 50}}
	var s score.State
	for i, paid := range []bool{false, false, true} {
		if i > 0 {
			if s, err = v.Observe(s, score.Observation{Beacon: &score.Beacon{Offer: offer, Asked: 1, Answers: []score.Arrived{{Served: 100, Elapsed: time.Second}}}}); err != nil {
				t.Fatal(err)
			}
		}
		got, err := v.Standing(s, offer)
		if err != nil || (got.Credited > 0) != paid {
			t.Errorf("after %d beacons that it answered, %v is paid, %v", i, got.Credited, err)
		}
	}
}
