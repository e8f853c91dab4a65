package score

import (
	"testing"
	"time"
)

// Who says how many slots it has, and more work than they can do, is asked for all that the slots can do. What a beacon shows of
// their speed changes how much that is, but makes nobody a newcomer again whose credit half goes with one bad beacon.
func TestWhoIsAskedForAllItsSlotsIsNoNewcomer(t *testing.T) {
	v := seven(t)
	o := chatOffer(100)
	o.StakeShare, o.Slots = 1, 4
	s := observeAll(t, v, nil,
		Observation{Answer: &Answer{Kind: OK, Asked: 400, Served: 400, Took: 4 * time.Second}}, Observation{Closed: &Closed{Number: 1, Offer: o}})
	settled := false
	for i := range 40 {
		elapsed := 5500 * time.Millisecond
		if i%2 == 0 {
			elapsed = 6 * time.Second // so that how slow they are changes with each
		}
		b := Beacon{Offer: o, Asked: v.Burst(s, o, 0.5)}
		for range b.Asked {
			b.Answers = append(b.Answers, Arrived{Served: 400, Elapsed: elapsed})
		}
		s = observeAll(t, v, s, Observation{Beacon: &b})
		known, err := asState7(s)
		if err != nil {
			t.Fatal(err)
		}
		if settled && !known.settled {
			t.Fatalf("a newcomer again after beacon %d", i+1)
		}
		settled = known.settled
	}
	if !settled {
		t.Fatal("still a newcomer after 40 beacons that were answered in full")
	}
}

// A request that ends after its miner has gone makes a period away no better than one without.
func TestRequestsThatEndLateDoNotHideAnAbsence(t *testing.T) {
	v := seven(t)
	o := chatOffer(4)
	there := Counts{Requests: 10, OK: 10, Asked: 4000, Consumed: 4000}
	away := func(late Counts) float64 {
		s, err := asState7(observeAll(t, v, nil,
			Observation{Closed: &Closed{Number: 1, Offer: o, Counts: there}}, Observation{Closed: &Closed{Number: 2, Counts: late}}))
		if err != nil {
			t.Fatal(err)
		}
		return s.kept / s.offered
	}
	if got := away(Counts{}); !same(got, 0.8) {
		t.Errorf("a period away leaves %v of reliability, want 0.8", got)
	}
	// (0.8 x 0.8 x 4000 + 4)/(0.8 x 4000 + 4)
	if got := away(Counts{Requests: 1, OK: 1, Asked: 4, Consumed: 4}); !same(got, 2564.0/3204) {
		t.Errorf("with one small request that ended meanwhile it leaves %v, want %v", got, 2564.0/3204)
	}
}
