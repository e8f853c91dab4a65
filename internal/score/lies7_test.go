package score

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// tactics is how a miner with some slots, whose answers take longer the more of them it gives at once, deals with beacons.
type tactics struct {
	declares []float64 // in each period of a cycle, of what it can do
	atOnce   []float64 // answers that it gives at once at most, of its slots; the more, the later all of them
	slow     float64   // single answers take so many times as long as they need
	refuses  int       // so many beacons after one that asked for more than its slots
}

// earns is what the tactics are paid on average, by a validator with all of the stake, for each unit that the miner can do; the
// speed of single answers is in it.
func (a tactics) earns(t fataler, v Vision7, slots float64, seed uint64) float64 {
	t.Helper()
	const periods, work, overhead, pace = 60, 400, 0.5, 0.015
	speed := Speed{Overhead: time.Second, Mean: 0.02, Steepness: 40}
	alone := overhead + pace*work
	can := slots * 3600 / alone * work
	r := rand.New(rand.NewPCG(seed, 1))
	var s State
	total, refusing := 0.0, 0
	for n := range periods {
		k := n % len(a.declares)
		o := Offer{Declared: int64(a.declares[k] * can), Maximum: math.MaxInt64, StakeShare: 1, PerRequest: work, Length: time.Hour, Speed: speed}
		end := Closed{Number: int64(n + 1), Offer: o}
		for range 2 + r.IntN(5) {
			if o.Declared == 0 {
				end.Missed++
				continue
			}
			b := Beacon{Offer: o, Asked: v.Burst(s, o, r.Float64())}
			answers := min(float64(b.Asked), math.Floor(a.atOnce[k]*slots))
			if refusing > 0 {
				answers, refusing = 0, refusing-1
			} else if float64(b.Asked) > slots {
				refusing = a.refuses
			}
			for range int(answers) {
				b.Answers = append(b.Answers, Arrived{Served: work, Elapsed: duration(alone * max(1, answers/slots))})
			}
			if b.Asked > 0 {
				s = observeAll(t, v, s, Observation{Beacon: &b})
			}
		}
		elapsed := duration(alone * a.slow)
		s = observeAll(t, v, s, Observation{Answer: &Answer{Kind: OK, Asked: work, Served: work, Took: speed.Beyond(elapsed)}}, Observation{Closed: &end})
		st, err := v.Standing(s, o)
		if err != nil {
			t.Fatal(err)
		}
		if n >= periods/6 {
			total += st.Credited * speed.Factor(speed.PerUnit(elapsed, work))
		}
	}
	return total / (periods - periods/6) / can
}

// No mixture of declaring too much or too little from period to period, of answering more at once than there are slots, of slow single
// answers and of refusing beacons is paid more than declaring what one can do and doing it.
func TestNoTacticsAtBeaconsPayMoreThanHonesty(t *testing.T) {
	v := seven(t)
	rapid.Check(t, func(t *rapid.T) {
		slots := float64(rapid.SampledFrom([]int{1, 2, 3, 8, 20}).Draw(t, "slots"))
		a := tactics{
			slow:    rapid.OneOf(rapid.Just(1.0), rapid.Float64Range(1, 2.5)).Draw(t, "slow"),
			refuses: rapid.OneOf(rapid.Just(0), rapid.IntRange(0, 8)).Draw(t, "refuses"),
		}
		for range rapid.IntRange(1, 5).Draw(t, "cycle") {
			a.declares = append(a.declares, rapid.OneOf(rapid.SampledFrom([]float64{0, 1, 2}), rapid.Float64Range(0, 5)).Draw(t, "declares"))
			a.atOnce = append(a.atOnce, rapid.OneOf(rapid.Just(1.0), rapid.Float64Range(1, 2)).Draw(t, "at once"))
		}
		honest := tactics{declares: []float64{1}, atOnce: []float64{1}, slow: 1}.earns(t, v, slots, 1)
		seed := rapid.Uint64().Draw(t, "beacons")
		if got := a.earns(t, v, slots, seed); got > 1.01*honest {
			t.Fatalf("%+v earns %v, honesty %v", a, got, honest)
		}
	})
}

// Several validators ask at once, each for its share of stake. Whoever declares more than it can do and chooses whom of them it
// answers, and how many at once, is credited no more by all of them together than it can do.
func TestChoosingAmongValidatorsDoesNotPay(t *testing.T) {
	v := seven(t)
	rapid.Check(t, func(t *rapid.T) {
		slots := rapid.SampledFrom([]float64{1, 2, 4, 16}).Draw(t, "slots")
		declares := rapid.OneOf(rapid.Just(1.0), rapid.Float64Range(0.8, 3)).Draw(t, "declares")
		atOnce := math.Floor(slots * rapid.OneOf(rapid.Just(1.0), rapid.Float64Range(1, 1.6)).Draw(t, "at once"))
		first := rapid.IntRange(-1, 4).Draw(t, "first") // the validator that is answered before others, in turn; -1: none is favoured
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "beacons"), 1))
		stakes := [5]float64{0.4, 0.25, 0.15, 0.12, 0.08}
		const periods, work, alone = 60, 400, 6.5
		can := slots * 3600 / alone * work
		var offers [5]Offer
		before := 0.0
		for i, share := range stakes {
			offers[i] = Offer{Declared: int64(declares * can), Maximum: math.MaxInt64, StakeShare: share, StakeBefore: min(before, 1-share), PerRequest: work,
				Length: time.Hour, Speed: Speed{Overhead: time.Second, Mean: 0.02}}
			before += share
		}
		var states [5]State
		total := 0.0
		for n := range periods {
			for range 2 + r.IntN(5) {
				from, uniform, left, answered := first, r.Float64(), int(atOnce), 0
				if first < 0 {
					from = r.IntN(5)
				}
				var beacons [5]Beacon
				for i := range stakes {
					of := (from + i) % 5
					beacons[of] = Beacon{Offer: offers[of], Asked: v.Burst(states[of], offers[of], uniform)}
					given := min(left, beacons[of].Asked)
					beacons[of].Answers = make([]Arrived, given)
					left, answered = left-given, answered+given
				}
				for i, b := range beacons {
					for j := range b.Answers {
						b.Answers[j] = Arrived{Served: work, Elapsed: duration(alone * max(1, float64(answered)/slots))}
					}
					if b.Asked > 0 {
						states[i] = observeAll(t, v, states[i], Observation{Beacon: &b})
					}
				}
			}
			for i, share := range stakes {
				states[i] = observeAll(t, v, states[i], Observation{Answer: &Answer{Kind: OK, Asked: work, Served: work, Took: offers[i].Speed.Beyond(duration(alone))}},
					Observation{Closed: &Closed{Number: int64(n + 1), Offer: offers[i]}})
				st, err := v.Standing(states[i], offers[i])
				if err != nil {
					t.Fatal(err)
				}
				if n >= periods/6 {
					total += float64(st.Credited * share)
				}
			}
		}
		if got := total / (periods - periods/6) / can; got > 1.01 {
			t.Fatalf("it is paid for %v times what it can do", got)
		}
	})
}
