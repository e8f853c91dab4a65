package score

import (
	"bytes"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestVision7WeightsAreADistribution(t *testing.T) {
	v := seven(t)
	rapid.Check(t, func(t *rapid.T) {
		out := weights7(t, v, genTasks7(t, v))
		var total sum
		earning := false
		for _, w := range out.Weights {
			if !(w.Weight >= 0 && w.Weight <= 1) {
				t.Fatalf("a weight of %v", w.Weight)
			}
			total.add(w.Weight)
			e, _ := out.Explain(w.Hotkey)
			var contributions sum
			for _, f := range e.Tasks {
				earning = earning || f.EffectiveVolume > 0 && f.TaskWeight > 0
				h := f.Hardened
				if product := f.Quality.Combined * h.Reliability * h.Trust * h.Paid; !h.Slashed && !same(f.EffectiveVolume, product) || h.Slashed && f.EffectiveVolume != 0 {
					t.Fatalf("effective volume %v of %+v", f.EffectiveVolume, h)
				}
				if !same(f.Quality.Combined, h.Passing*h.FailureFactor) || f.CubedShare != f.Share {
					t.Fatalf("factors don't multiply up: %+v", f)
				}
				contributions.add(f.Contribution)
			}
			if !same(contributions.value(), w.Weight) {
				t.Fatalf("contributions of %v, a weight of %v", contributions.value(), w.Weight)
			}
		}
		if got := total.value(); earning && !same(got, 1) || !earning && got != 0 {
			t.Fatalf("weights sum to %v, somebody earns: %t", got, earning)
		}
	})
}

func TestVision7DoesNotDependOnOrder(t *testing.T) {
	v := seven(t)
	rapid.Check(t, func(t *rapid.T) {
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "shuffle"), 1))
		// Of tasks and contenders.
		tasks := genTasks7(t, v)
		before := weights7(t, v, tasks)
		shuffled := slices.Clone(tasks)
		r.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		for i := range shuffled {
			c := slices.Clone(shuffled[i].Contenders)
			r.Shuffle(len(c), func(i, j int) { c[i], c[j] = c[j], c[i] })
			shuffled[i].Contenders = c
		}
		if diff := cmp.Diff(before, weights7(t, v, shuffled), cmp.AllowUnexported(Outcome{}, taskFactors{})); diff != "" {
			t.Fatalf("another order of tasks and contenders gives other numbers:\n%s", diff)
		}
		// Of observations in a period; beacons are at instants of their own, but their answers come in any order.
		periods := genPeriods(t)
		s := observeAll(t, v, nil, slices.Concat(periods...)...)
		for i, p := range periods {
			beacons, rest := []Observation{}, []Observation{}
			for _, o := range p[:len(p)-1] {
				if o.Beacon != nil {
					b := *o.Beacon
					b.Answers = slices.Clone(b.Answers)
					r.Shuffle(len(b.Answers), func(i, j int) { b.Answers[i], b.Answers[j] = b.Answers[j], b.Answers[i] })
					beacons = append(beacons, Observation{Beacon: &b})
				} else {
					rest = append(rest, o)
				}
			}
			r.Shuffle(len(rest), func(i, j int) { rest[i], rest[j] = rest[j], rest[i] })
			mixed := []Observation{}
			for len(beacons)+len(rest) > 0 {
				if from := &beacons; r.IntN(len(beacons)+len(rest)) < len(beacons) || len(rest) == 0 {
					mixed, *from = append(mixed, (*from)[0]), (*from)[1:]
				} else {
					mixed, rest = append(mixed, rest[0]), rest[1:]
				}
			}
			periods[i] = append(mixed, p[len(p)-1])
		}
		again := observeAll(t, v, nil, slices.Concat(periods...)...)
		if !bytes.Equal(written(t, s), written(t, again)) {
			t.Fatal("another order within periods gives another state")
		}
	})
}

func TestVision7States(t *testing.T) {
	v := seven(t)
	rapid.Check(t, func(t *rapid.T) {
		var s State
		for _, o := range slices.Concat(genPeriods(t)...) {
			before := written(t, s)
			next, err := v.Observe(s, o)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(before, written(t, s)) {
				t.Fatal("the state that was given has changed")
			}
			s = next
			if err := s.(*state7).validate(); err != nil {
				t.Fatal(err)
			}
			if n := len(written(t, s)); n >= 2048 {
				t.Fatalf("a state of %d bytes", n)
			}
			checkRoundTrip(t, v, s)
			offer := genOffer7(t)
			if n := v.Burst(s, offer, rapid.Float64Range(0, 0.999999).Draw(t, "uniform")); n < 0 || float64(n) >= v.atOnce(s.(*state7), offer)+1 && offer.Declared > 0 {
				t.Fatalf("a burst of %d", n)
			}
			if p := v.Plan(s, offer, DrawFrom(rapid.Uint64().Draw(t, "draw"))); p.Requests < 0 || p.Requests > 2 || p.Requests > 0 && p.Capacity == 0 {
				t.Fatalf("a plan of %+v", p)
			}
			if offer.Declared > 0 {
				if st, err := v.Standing(s, offer); err != nil || !(st.Credited >= 0) || !(st.AtOnce >= 0) || !(st.PerUnit > 0) || !within(st.Trust, 1) {
					t.Fatalf("a standing of %+v, error %v", st, err)
				}
			}
		}
	})
}

// Update must lead where Observe does, and in place.
func TestVision7UpdatesAsItObserves(t *testing.T) {
	v := seven(t)
	rapid.Check(t, func(t *rapid.T) {
		var observed, updated State
		for _, o := range slices.Concat(genPeriods(t)...) {
			observed = observeAll(t, v, observed, o)
			before := updated
			var err error
			if updated, err = v.Update(updated, o); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(written(t, observed), written(t, updated)) || before != nil && before != updated {
				t.Fatal("updating led elsewhere than observing, or to another state")
			}
		}
	})
}

// Validators that share a beacon's number ask together for what is due, to within one. Where they took the miner's answers
// to take more or less long, they ask together for no more than the one that thinks most is due, and no less than the one that
// thinks least is.
func TestVision7ValidatorsAskTogether(t *testing.T) {
	v := seven(t)
	rapid.Check(t, func(t *rapid.T) {
		declared := rapid.Float64Range(0.1, 40).Draw(t, "declared")
		shares := rapid.SliceOfN(rapid.Float64Range(0.01, 1), 1, 12).Draw(t, "stakes")
		uniform := rapid.Float64Range(0, 0.999999).Draw(t, "uniform")
		agree := rapid.Bool().Draw(t, "agree")
		var total, before sum
		for _, x := range shares {
			total.add(x)
		}
		asked, most, least := 0, 0.0, math.Inf(1)
		s := newState7()
		s.settled, s.credit = true, 1e9 // more than is declared, which is what is tested then
		for _, x := range shares {
			o := chatOffer(declared)
			o.StakeBefore, o.StakeShare = before.value()/total.value(), x/total.value()
			before.add(x)
			if !agree {
				s.slowdown = rapid.Float64Range(0, 0.5).Draw(t, "slowdown")
			}
			asked += v.Burst(s, o, uniform)
			most, least = max(most, v.atOnce(s, o)), min(least, v.atOnce(s, o))
		}
		if float64(asked) >= most+1 || float64(asked) <= least-1 {
			t.Fatalf("together they ask %d, due are %v to %v", asked, least, most)
		}
	})
}

// Over many beacons a validator asks for its part of what is due, however small that is.
func TestVision7AsksForItsPart(t *testing.T) {
	v := seven(t)
	s := newState7()
	s.settled, s.credit = true, 1e9
	r := rand.New(rand.NewPCG(1, 2))
	for _, declared := range []float64{0.3, 1, 3.7, 16, 150} {
		for _, part := range []struct{ before, share float64 }{{0, 0.4}, {0.4, 0.25}, {0.65, 0.15}, {0.8, 0.12}, {0.92, 0.08}} {
			o := chatOffer(declared)
			o.StakeBefore, o.StakeShare = part.before, part.share
			const beacons = 4000
			asked, squares := 0.0, 0.0
			for range beacons {
				n := float64(v.Burst(s, o, r.Float64()))
				asked += n
				squares += (n - v.due(s, o)) * (n - v.due(s, o))
			}
			if mean, due := asked/beacons, v.due(s, o); math.Abs(mean-due) > 5*math.Sqrt(max(squares/beacons, 1e-3)/beacons) || squares/beacons > 1.5 {
				t.Errorf("%v slots, part %v: asked %v, %v around that, due %v", declared, part.share, mean, math.Sqrt(squares/beacons), due)
			}
		}
	}
}

func TestVision7IsMonotone(t *testing.T) {
	v := seven(t)
	rapid.Check(t, func(t *rapid.T) {
		tasks := genTasks7(t, v)
		o := chatOffer(rapid.Float64Range(0.5, 50).Draw(t, "declared"))
		s := honest(t, v, rapid.Float64Range(0.5, 50).Draw(t, "shown"), rapid.IntRange(0, 6).Draw(t, "periods"))
		worse, better := s, s
		closed := Closed{Number: 100, Offer: o}
		for range 3 {
			_ = closed.Counts.Add(genAnswer(t))
		}
		over := closed
		how := rapid.SampledFrom([]string{"quality", "speed", "passing", "delivered", "sooner", "longer", "served", "not refused", "not failed"}).Draw(t, "better")
		switch how {
		case "quality", "speed", "passing":
			c := genCheck(t)
			c.Convicted = false
			d := c
			switch how {
			case "quality":
				d.Quality = rapid.Float64Range(c.Quality, 1).Draw(t, "better quality")
			case "speed":
				d.Speed = rapid.Float64Range(c.Speed, MaxSpeed).Draw(t, "better speed")
			default: // a failure against an answer as good as the others
				c.Failed, d.Failed, d.Quality, d.Speed = true, false, 1, MaxSpeed
			}
			worse, better = observeAll(t, v, s, Observation{Check: &c}), observeAll(t, v, s, Observation{Check: &d})
		case "delivered", "sooner", "longer":
			a := beaconOf(v, s, o, 0.3, rapid.Float64Range(0, 1).Draw(t, "answered"), rapid.Float64Range(0.001, 0.02).Draw(t, "pace"))
			b := a
			switch how {
			case "longer":
				b.Answers = slices.Clone(a.Answers)
				for i := range b.Answers {
					b.Answers[i].Served = rapid.Int64Range(400, 4000).Draw(t, "longer")
				}
			case "sooner":
				b.Answers = slices.Clone(a.Answers)
				for i := range b.Answers {
					b.Answers[i].Elapsed = time.Duration(float64(b.Answers[i].Elapsed) * rapid.Float64Range(0, 1).Draw(t, "sooner"))
				}
			default:
				for len(b.Answers) < b.Asked {
					b.Answers = append(b.Answers, Arrived{Served: 400, Elapsed: o.Speed.Overhead})
				}
			}
			worse, better = observeAll(t, v, s, Observation{Beacon: &a}), observeAll(t, v, s, Observation{Beacon: &b})
		case "served":
			over.Counts.Consumed += rapid.Int64Range(0, 1e9).Draw(t, "more")
		case "not refused":
			over.Counts.OK, over.Counts.RateLimited, over.Counts.AskedRateLimited = over.Counts.OK+over.Counts.RateLimited, 0, 0
		case "not failed":
			over.Counts.OK, over.Counts.Failed, over.Counts.AskedFailed = over.Counts.OK+over.Counts.Failed, 0, 0
		}
		worse, better = observeAll(t, v, worse, Observation{Closed: &closed}), observeAll(t, v, better, Observation{Closed: &over})
		weight := func(s State) float64 {
			with := slices.Clone(tasks)
			with[0].Contenders = append(slices.Clone(tasks[0].Contenders), Contender{miner(99), o, s})
			return weightOf(weights7(t, v, with), miner(99))
		}
		if a, b := weight(worse), weight(better); b < a-1e-12 {
			t.Fatalf("better (%s) weighs %v, worse %v", how, b, a)
		}
	})
}

// Who joins a period late is paid for its part of it, and judged like anyone.
func TestVision7PaysALateContenderItsPart(t *testing.T) {
	v := seven(t)
	rapid.Check(t, func(t *rapid.T) {
		s, whole := observeAll(t, v, newState7(), slices.Concat(genPeriods(t)...)...), genOffer7(t)
		earns := rapid.Bool().Draw(t, "earns") // of what is seen at random next to nobody does
		if earns {
			s, whole = honest(t, v, 4, rapid.IntRange(1, 6).Draw(t, "periods")), chatOffer(rapid.Float64Range(1, 8).Draw(t, "declared"))
		}
		late := whole
		late.Part = rapid.Float64Range(1e-9, 1).Draw(t, "part")
		_, all := v.paid(s.(*state7), whole)
		if earns && all == 0 {
			t.Fatal("a contender that shows what it declares is paid nothing")
		}
		if _, paid := v.paid(s.(*state7), late); paid != all*late.Part {
			t.Fatalf("%v of a period is paid %v, all of it %v", late.Part, paid, all)
		}
		if u := rapid.Float64Range(0, 0.999999).Draw(t, "uniform"); v.Burst(s, whole, u) != v.Burst(s, late, u) {
			t.Fatal("a beacon asks it for something else")
		}
		seen := genBeacon(t)
		one, other := seen, seen
		one.Offer, other.Offer = whole, late
		if !bytes.Equal(written(t, observeAll(t, v, s, Observation{Beacon: &one})), written(t, observeAll(t, v, s, Observation{Beacon: &other}))) {
			t.Fatal("a beacon shows something else of it")
		}
	})
}

func TestVision7MinersOnOtherTasksDoNotMatter(t *testing.T) {
	v := seven(t)
	rapid.Check(t, func(t *rapid.T) {
		chat := Task{Name: "chat", Weight: 0.6, Contenders: []Contender{{miner(1), chatOffer(3), honest(t, v, 3, 4)}, {miner(2), chatOffer(2), honest(t, v, 2, 3)}}}
		image := Task{Name: "image", Weight: 0.4, Contenders: []Contender{{miner(3), chatOffer(1), honest(t, v, 1, 3)}}}
		before := weights7(t, v, []Task{chat, image})
		for m := range rapid.IntRange(0, 4).Draw(t, "newcomers") {
			image.Contenders = append(image.Contenders, Contender{miner(10 + m), genOffer7(t), observeAll(t, v, nil, slices.Concat(genPeriods(t)...)...)})
		}
		after := weights7(t, v, []Task{chat, image})
		for m := 1; m <= 2; m++ {
			if a, b := weightOf(before, miner(m)), weightOf(after, miner(m)); a != b {
				t.Fatalf("miner %d on chat weighed %v, and %v with newcomers on image", m, a, b)
			}
		}
	})
}
