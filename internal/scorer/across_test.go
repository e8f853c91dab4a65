package scorer

import (
	"bytes"
	"maps"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"vision/internal/outcome"
	"vision/internal/period"
	"vision/internal/score"
)

// A beacon that asks in one period and is over in the next is judged by what was offered when it asked, also of who offers
// nothing any more, and nobody has missed it.
func TestABeaconIsJudgedByTheOfferThatItAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 5*time.Minute, "changes", "leaves")
		busy(w, "changes", "leaves")
		w.start(hardened(w))
		m := w.s.c.Mechanism
		encoded := func(s score.State) []byte {
			t.Helper()
			b, err := s.AppendBinary(nil)
			if err != nil {
				t.Fatal(err)
			}
			return b
		}
		var errs []error
		later, gone, told := 0, 0, 0
		for n := 5; n <= 60; n++ { // they have shown by then that they take several requests at once
			w.until(time.Duration(n-1)*w.length + 2*time.Minute) // the period before has closed
			w.mu.Lock()
			w.customers = 1 // whose requests never end, so that each beacon is waited for as long as may be
			b, before := w.s.running.Load(), *w.s.known.Load()
			// What they offer in the next.
			changes, leaves := w.miners[key("changes").ID()], w.miners[key("leaves").ID()]
			changes.declares, leaves.declares = map[string]int64{chat: 3_600_000}, map[string]int64{chat: 3_600_000}
			if n%2 == 1 {
				changes.declares = map[string]int64{chat: 1_200_000}
			}
			if n%4 == 1 {
				leaves.declares = nil
			}
			w.mu.Unlock()
			w.until(time.Duration(n)*w.length - time.Second)
			w.store.mu.Lock()
			bursts := slices.DeleteFunc(slices.Clone(w.store.bursts), func(x period.Burst) bool { return x.Period != b.ID })
			beacons, entrants := slices.Clone(w.store.beacons), maps.Clone(w.store.entrants)
			w.store.mu.Unlock()
			offered := func(id int64, p outcome.Pair) (o score.Offer) {
				for _, c := range entrants[id] {
					if pairOf(&c) == p {
						o = c.Offer
					}
				}
				return o
			}
			missed := map[int64]bool{} // beacons that asked in the period
			for i := range bursts {
				if !beacons[bursts[i].Beacon-1].At.Before(b.Start) {
					missed[bursts[i].Beacon] = true
				}
			}
			for _, name := range []string{"changes", "leaves"} {
				p := outcome.Pair{Miner: key(name).ID(), Task: chat}
				state := before[p]
				b.mu.Lock()
				i, contends := b.index[p]
				if contends {
					state = b.contenders[i].state // with answers that came since
				}
				b.mu.Unlock()
				want, wrong, late := state, state, 0
				for _, burst := range bursts {
					if burst.Miner != p.Miner {
						continue
					}
					offer := offered(b.ID, p)
					burst.Offer = score.Offer{}
					if contends {
						wrong = fold(m, wrong, burstSeen(&burst, offer), &errs)
					}
					if !missed[burst.Beacon] {
						offer = offered(b.ID-1, p)
						late++
					}
					want = fold(m, want, burstSeen(&burst, offer), &errs)
				}
				if late == 0 {
					continue
				}
				later++
				if contends {
					b.mu.Lock()
					got := b.stateNow(i)
					b.mu.Unlock()
					if !bytes.Equal(encoded(got), encoded(want)) {
						t.Errorf("period %d: what is known of %s is not what %d beacons of the period before showed of what it offered then", n, name, late)
					}
					if !bytes.Equal(encoded(want), encoded(wrong)) {
						told++
					}
					continue
				}
				gone++
				w.until(time.Duration(n)*w.length + time.Minute)
				want = fold(m, want, score.Observation{Closed: &score.Closed{Number: b.ID, Missed: len(missed)}}, &errs)
				if got := (*w.s.known.Load())[p]; !bytes.Equal(encoded(got), encoded(want)) {
					t.Errorf("period %d: what is known of %s, which has left, is not what %d beacons of the period before showed, and %d that it missed", n, name, late, len(missed))
				}
			}
		}
		w.stop()
		if gone == 0 || told == 0 || len(errs) > 0 {
			t.Errorf("%d times a beacon was over in the next period, %d times the offer told, %d times its miner had left; %v", later, told, gone, errs)
		}
	})
}
