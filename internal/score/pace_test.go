package score

import (
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// Answers that take hardly longer than the overhead that their task grants tell little of how long others take: whoever gave many
// of them is not late with a long one that takes as long as it must, and counts as hardly slower with it.
func TestShortAnswersTellLittleOfThePace(t *testing.T) {
	v := seven(t)
	rapid.Check(t, func(t *rapid.T) {
		o := chatOffer(4)
		o.Speed.Overhead = time.Duration(rapid.Float64Range(0, 2e9).Draw(t, "granted"))
		perUnit := rapid.Float64Range(0.001, 0.02).Draw(t, "seconds per unit")
		own := rapid.Float64Range(0, 1).Draw(t, "part of the overhead that it has")
		takes := func(units int64) time.Duration {
			return time.Duration(own*float64(o.Speed.Overhead) + perUnit*float64(units)*1e9)
		}
		lengths := rapid.SliceOfN(rapid.Int64Range(1, 400), 1, 40).Draw(t, "lengths")
		var s State
		for _, n := range lengths {
			s = observeAll(t, v, s, Observation{Answer: &Answer{Kind: OK, Asked: n, Served: n, Took: o.Speed.Beyond(takes(n))}})
		}
		s = observeAll(t, v, s, Observation{Closed: &Closed{Number: 1, Offer: o}})
		for _, n := range append(lengths, 400, 4000) {
			if in, err := v.Deadline(s, o, n); err != nil || takes(n) > in+time.Microsecond {
				t.Fatalf("%d units take %v, and are late after %v, error %v", n, takes(n), in, err)
			}
		}
		seven, err := asState7(s)
		if err != nil {
			t.Fatal(err)
		}
		var work int64
		var longest time.Duration
		for _, n := range lengths {
			work += n
			longest += takes(n)
		}
		most := longest.Seconds() / float64(work)
		const cut = 1e-6 // times are kept in whole microseconds, and an answer is a unit or more
		if pace := v.pace(seven, o); pace > most+cut || pace < most*5/8-cut {
			t.Fatalf("a usual pace of %v, want 5/8 of %v to all of it", pace, most)
		}
	})
}

// Where all answers lie within the overhead that their task grants, taking twice as long at beacons counts as twice as long.
func TestSlownessIsSeenWithinTheOverhead(t *testing.T) {
	v := seven(t)
	o := chatOffer(1)
	o.StakeShare, o.Speed.Overhead = 1, 4*time.Second
	factor := func(atBeacons time.Duration) float64 {
		s := observeAll(t, v, nil,
			Observation{Answer: &Answer{Kind: OK, Asked: 400, Served: 400, Took: o.Speed.Beyond(2 * time.Second)}},
			Observation{Closed: &Closed{Number: 1, Offer: o}},
			Observation{Beacon: &Beacon{Offer: o, Asked: 1, Answers: []Arrived{{Served: 400, Elapsed: atBeacons}}}})
		seven, err := asState7(s)
		if err != nil {
			t.Fatal(err)
		}
		return exp(seven.slowdown)
	}
	for takes, want := range map[time.Duration]float64{2 * time.Second: 1, 3 * time.Second: 1.5, 4 * time.Second: 2} {
		if got := factor(takes); math.Abs(got-want) > 1e-6 {
			t.Errorf("answers of usually 2 s take %v at beacons: %v times as long, want %v", takes, got, want)
		}
	}
}
