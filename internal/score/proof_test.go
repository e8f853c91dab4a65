package score

import (
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// Whatever was shown, declaring more than that is paid no more, and declaring it exactly no less than anything above.
func TestDeclaringMoreThanIsShownIsPaidNoMore(t *testing.T) {
	v := seven(t)
	rapid.Check(t, func(t *rapid.T) {
		s := newState7()
		s.credit = rapid.Float64Range(0, 1e9).Draw(t, "credit")
		s.variance = math.Pow(s.credit*rapid.Float64Range(0, 1).Draw(t, "scatter"), 2)
		s.settled = rapid.Bool().Draw(t, "settled")
		o := chatOffer(1)
		o.Slots, o.Declared = 0, int64(math.Ceil(s.credit))
		_, most := v.paid(s, o)
		o.Declared += rapid.Int64Range(0, 1e10).Draw(t, "more")
		_, some := v.paid(s, o)
		o.Declared += rapid.Int64Range(0, 1e10).Draw(t, "still more")
		_, less := v.paid(s, o)
		if some > most*(1+1e-9) || less > some*(1+1e-9) || !(less >= 0) {
			t.Fatalf("what is shown pays %v, more %v, still more %v", most, some, less)
		}
	})
}

// Credit below 0.7 of what could be credited pays less than in proportion, by the fourth power; but newcomers grow unpunished.
func TestProof(t *testing.T) {
	v := seven(t)
	o := chatOffer(1)
	o.Slots = 0
	for part, want := range map[float64]float64{1: 1, 0.7: 1, 0.35: 1.0 / 16, 0.1: math.Pow(1.0/7, 4), 0: 0} {
		s := newState7()
		s.credit, s.settled = part*v.ceiling(s, o), true
		if got := v.proof(s, o); math.Abs(got-want) > 1e-9 {
			t.Errorf("credited %v of what can be: %v is left, want %v", part, got, want)
		}
		if s.settled = false; v.proof(s, o) != 1 {
			t.Errorf("a newcomer credited %v of what can be: %v is left, want all", part, v.proof(s, o))
		}
	}
}

// Newcomers are not held to what they declare. Whoever declares too much gains nothing by refusing beacons now and then to be taken for
// one again: it is paid less, on average, than if it declared what it can do.
func TestActingTheNewcomerDoesNotPay(t *testing.T) {
	v := seven(t)
	honest := constant{slots: 8, elapsed: 9 * time.Second, work: 400, declares: 1, speed: Speed{Overhead: time.Second, Mean: 0.02}}
	// paid is the mean of 400 beacons. After each that it could not answer in full it refuses so many.
	paid := func(m constant, refuses int) float64 {
		o, s := m.offer(), State(nil)
		total, refusing := 0.0, 0
		for i := range 400 {
			_, uniform := math.Modf(0.618 * float64(i))
			b := Beacon{Offer: o, Asked: v.Burst(s, o, uniform)}
			can := int(m.slots)
			if refusing > 0 {
				can, refusing = 0, refusing-1
			} else if b.Asked > can {
				refusing = refuses
			}
			for range min(b.Asked, can) {
				b.Answers = append(b.Answers, Arrived{Served: m.work, Elapsed: m.elapsed})
			}
			if b.Asked > 0 {
				s = observeAll(t, v, s, Observation{Beacon: &b})
			}
			st, err := v.Standing(s, o)
			if err != nil {
				t.Fatal(err)
			}
			total += st.Credited
		}
		return total / 400
	}
	all := paid(honest, 0)
	for _, declares := range []float64{1.1, 1.5, 2, 5} {
		for refuses := range 25 {
			m := honest
			m.declares = declares
			if got := paid(m, refuses); got > 0.9*all {
				t.Errorf("declaring %v times what it has and refusing %d beacons after each that it missed pays %.0f, honesty %.0f", declares, refuses, got, all)
			}
		}
	}
}
