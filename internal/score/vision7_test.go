package score

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"vision/internal/hotkey"
)

func seven(t testing.TB) Vision7 {
	t.Helper()
	v, err := NewVision7(Defaults7)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// chatOffer declares n requests at once on a task of 0.01 s per unit, of whom we hold half the stake.
func chatOffer(n float64) Offer {
	return Offer{
		Declared: int64(n * 360_000), Maximum: math.MaxInt64, StakeShare: 0.5, PerRequest: 400,
		Length: time.Hour, Speed: Speed{Overhead: 500 * time.Millisecond, Mean: 0.01, Steepness: 80},
	}
}

func genOffer7(t *rapid.T) Offer {
	o := chatOffer(1)
	o.Declared = rapid.OneOf(rapid.Just(int64(0)), rapid.Int64Range(1, 1e8), rapid.Int64Range(0, math.MaxInt64)).Draw(t, "declared")
	o.Maximum = rapid.OneOf(rapid.Just(int64(math.MaxInt64)), rapid.Int64Range(0, 1e9)).Draw(t, "maximum")
	o.StakeShare = rapid.OneOf(rapid.Just(0.5), rapid.Float64Range(0, 1)).Draw(t, "stake")
	o.Slots = rapid.IntRange(0, 50).Draw(t, "slots")
	o.Length = rapid.SampledFrom([]time.Duration{time.Second, 10 * time.Second, time.Hour}).Draw(t, "length")
	return o
}

func genAnswer(t *rapid.T) Answer {
	return Answer{
		Kind: rapid.SampledFrom([]Kind{OK, OK, RateLimited, Failed}).Draw(t, "kind"), Asked: rapid.Int64Range(0, 1e6).Draw(t, "asked"),
		Served: rapid.Int64Range(0, 1e6).Draw(t, "served"), Took: time.Duration(rapid.OneOf(rapid.Int64Range(0, 1e9), rapid.Int64Range(0, math.MaxInt64)).Draw(t, "took")),
	}
}

func genCheck(t *rapid.T) Check {
	return Check{
		Quality: rapid.Float64Range(0, 1).Draw(t, "quality"), Speed: rapid.Float64Range(0, MaxSpeed).Draw(t, "speed"),
		Failed: rapid.IntRange(0, 9).Draw(t, "failed") == 0, Convicted: rapid.IntRange(0, 99).Draw(t, "convicted") == 0,
	}
}

func genBeacon(t *rapid.T) Beacon {
	b := Beacon{Offer: genOffer7(t), Asked: rapid.IntRange(0, 20).Draw(t, "asked"), InFlight: rapid.IntRange(0, 5).Draw(t, "in flight")}
	b.Slots = rapid.IntRange(0, b.Asked).Draw(t, "slots")
	for range rapid.IntRange(0, b.Asked).Draw(t, "answers") {
		b.Answers = append(b.Answers, Arrived{Served: rapid.Int64Range(0, 4000).Draw(t, "served"),
			Elapsed: time.Duration(rapid.Int64Range(0, int64(time.Minute)).Draw(t, "elapsed")), Of: rapid.IntRange(0, 20).Draw(t, "of")})
	}
	return b
}

func genClosed(number int64) *rapid.Generator[Closed] {
	return rapid.Custom(func(t *rapid.T) Closed {
		c := Closed{Number: number, Offer: genOffer7(t), Missed: rapid.IntRange(0, 4).Draw(t, "missed")}
		for range rapid.IntRange(0, 8).Draw(t, "requests") {
			if err := c.Counts.Add(genAnswer(t)); err != nil {
				t.Fatal(err)
			}
		}
		return c
	})
}

// genPeriods is what was seen of one contender: for each period its beacons, in order, and its answers and checks, in any.
func genPeriods(t *rapid.T) [][]Observation {
	var periods [][]Observation
	for n := range rapid.IntRange(0, 5).Draw(t, "periods") {
		var p []Observation
		for range rapid.IntRange(0, 12).Draw(t, "observations") {
			switch rapid.IntRange(0, 2).Draw(t, "what") {
			case 0:
				a := genAnswer(t)
				p = append(p, Observation{Answer: &a})
			case 1:
				c := genCheck(t)
				p = append(p, Observation{Check: &c})
			case 2:
				b := genBeacon(t)
				p = append(p, Observation{Beacon: &b})
			}
		}
		c := genClosed(int64(n+1)).Draw(t, "closed")
		periods = append(periods, append(p, Observation{Closed: &c}))
	}
	return periods
}

type fataler interface {
	Helper()
	Fatal(...any)
}

func observeAll(t fataler, m Mechanism, s State, list ...Observation) State {
	t.Helper()
	for _, o := range list {
		var err error
		if s, err = m.Observe(s, o); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func genTasks7(t *rapid.T, v Vision7) []Task {
	tasks := make([]Task, rapid.IntRange(1, 3).Draw(t, "tasks"))
	left := 1.0
	for i := range tasks {
		w := left
		if i < len(tasks)-1 {
			w = left * rapid.Float64Range(0, 1).Draw(t, "weight")
		}
		left -= w
		tasks[i] = Task{Name: fmt.Sprint("task-", i), Weight: w}
		for m := range 4 {
			if rapid.IntRange(0, 3).Draw(t, "contends") > 0 {
				tasks[i].Contenders = append(tasks[i].Contenders, Contender{miner(m), genOffer7(t), observeAll(t, v, nil, slices.Concat(genPeriods(t)...)...)})
			}
		}
	}
	return tasks
}

func weights7(t fataler, v Vision7, tasks []Task) Outcome {
	t.Helper()
	out, err := v.Weights(tasks)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

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

func written(t fataler, s State) []byte {
	t.Helper()
	if s == nil {
		return nil
	}
	b, err := s.AppendBinary(nil)
	if err != nil {
		t.Fatal(err)
	}
	return b
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
			if n := v.Burst(s, offer, rapid.Float64Range(0, 0.999999).Draw(t, "uniform")); n < 0 || float64(n) > v.due(s.(*state7), offer)+1 && offer.Declared > 0 {
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

// contender is an honest one of n requests at once after so many periods.
func honest(t fataler, v Vision7, n float64, periods int) State {
	t.Helper()
	var s State
	for i := range periods {
		s = observeAll(t, v, s, period7(v, s, chatOffer(n), int64(i+1))...)
	}
	return s
}

// period7 is a period in which the contender answers all that it is asked, in its usual time of 0.008 s per unit.
func period7(v Vision7, s State, o Offer, number int64) []Observation {
	var list []Observation
	var c Counts
	for range 6 {
		a := Answer{Kind: OK, Asked: 400, Served: 400, Took: 3200 * time.Millisecond}
		_ = c.Add(a)
		list = append(list, Observation{Answer: &a}, Observation{Check: &Check{Quality: 0.9, Speed: 1.2}})
	}
	for i := range int(v.p.Beacons) {
		_, uniform := math.Modf(0.618 * float64(4*int(number)+i))
		b := beaconOf(v, s, o, uniform, 1, 0.008)
		s, _ = v.Observe(s, Observation{Beacon: &b})
		list = append(list, Observation{Beacon: &b})
	}
	return append(list, Observation{Closed: &Closed{Number: number, Counts: c, Offer: o}})
}

// beaconOf is a beacon of which the part answered is answered at a pace, and the rest never.
func beaconOf(v Vision7, s State, o Offer, uniform, answered, pace float64) Beacon {
	b := Beacon{Offer: o, Asked: v.Burst(s, o, uniform)}
	for range int(math.Round(float64(b.Asked) * answered)) {
		b.Answers = append(b.Answers, Arrived{Served: 400, Elapsed: o.Speed.Overhead + time.Duration(400*pace*1e9)})
	}
	return b
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

// Validators that share a beacon's number ask together for what is due, to within one.
func TestVision7ValidatorsAskTogether(t *testing.T) {
	v := seven(t)
	rapid.Check(t, func(t *rapid.T) {
		declared := rapid.Float64Range(0.1, 40).Draw(t, "declared")
		shares := rapid.SliceOfN(rapid.Float64Range(0.01, 1), 1, 12).Draw(t, "stakes")
		uniform := rapid.Float64Range(0, 0.999).Draw(t, "uniform")
		var total, before sum
		for _, x := range shares {
			total.add(x)
		}
		asked, due := 0, 0.0
		s := newState7()
		s.settled, s.credit = true, 1e9 // more than is declared, which is what is tested then
		for _, x := range shares {
			o := chatOffer(declared)
			o.StakeBefore, o.StakeShare = before.value()/total.value(), x/total.value()
			before.add(x)
			n := v.Burst(s, o, uniform)
			if math.Abs(float64(n)-v.due(s, o)) >= 1+1e-9 {
				t.Fatalf("asked %d, due %v", n, v.due(s, o))
			}
			asked += n
			due = v.atOnce(s, o)
		}
		if math.Abs(float64(asked)-due) >= 1+1e-9 {
			t.Fatalf("together they ask %d, due are %v", asked, due)
		}
	})
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
		s := observeAll(t, v, newState7(), slices.Concat(genPeriods(t)...)...)
		whole := genOffer7(t)
		late := whole
		late.Part = rapid.Float64Range(1e-9, 1).Draw(t, "part")
		_, all := v.paid(s.(*state7), whole)
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

func TestVision7RefusesWhatCannotBe(t *testing.T) {
	v := seven(t)
	known := honest(t, v, 2, 3)
	o := chatOffer(2)
	bad := o
	bad.StakeShare = math.NaN()
	beyond := o
	beyond.StakeBefore = 0.6
	parted := o
	parted.Part = 1.5
	timeless := o
	timeless.Length = 0
	four, _ := Vision4{}.Observe(nil, Observation{Check: &Check{}})
	for want, c := range map[string]struct {
		s State
		o Observation
	}{
		"holds 0 things":         {known, Observation{}},
		"of another mechanism":   {four, Observation{Check: &Check{}}},
		"quality NaN":            {known, Observation{Check: &Check{Quality: math.NaN()}}},
		"speed factor 1.7":       {known, Observation{Check: &Check{Speed: 1.7}}},
		"work -1":                {known, Observation{Check: &Check{Work: -1}}},
		"unknown kind 0":         {known, Observation{Answer: &Answer{}}},
		"stake of NaN":           {known, Observation{Beacon: &Beacon{Offer: bad}}},
		"a part of 1.5":          {known, Observation{Beacon: &Beacon{Offer: parted}}},
		"a period of 0s":         {known, Observation{Beacon: &Beacon{Offer: timeless}}},
		"asked -1":               {known, Observation{Beacon: &Beacon{Offer: o, Asked: -1}}},
		"1 answers to a beacon":  {known, Observation{Beacon: &Beacon{Offer: o, Answers: []Arrived{{Served: 1, Elapsed: 1}}}}},
		"-5 units":               {known, Observation{Beacon: &Beacon{Offer: o, Asked: 1, Answers: []Arrived{{Served: -5, Elapsed: 1}}}}},
		"after period 3 has":     {known, Observation{Closed: &Closed{Number: 3, Offer: o}}},
		"the end of period 0":    {known, Observation{Closed: &Closed{Offer: o}}},
		"1 requests, but 0 ok":   {known, Observation{Closed: &Closed{Number: 9, Offer: o, Counts: Counts{Requests: 1}}}},
		"-1 beacons missed":      {known, Observation{Closed: &Closed{Number: 9, Offer: o, Missed: -1}}},
		"none may be negative":   {known, Observation{Closed: &Closed{Number: 9, Offer: Offer{Declared: -1}}}},
		"number above 0":         {known, Observation{Beacon: &Beacon{Offer: Offer{Declared: 1, Length: 1}}}},
		"1, of which 1 rate lim": {known, Observation{Closed: &Closed{Number: 9, Offer: o, Counts: Counts{Asked: 1, AskedRateLimited: 1, AskedFailed: 1}}}},
	} {
		s, err := v.Observe(c.s, c.o)
		if err == nil || !strings.Contains(err.Error(), want) || s != c.s {
			t.Errorf("error %v, want one about %q and no other state", err, want)
		}
	}
	for name, c := range map[string]Contender{
		"stake of NaN":         {miner(1), bad, known},
		"0.5 after 0.6":        {miner(1), beyond, known},
		"of another mechanism": {miner(1), o, four},
		"credit is NaN":        {miner(1), o, &state7{credit: math.NaN(), audit: [3]float64{1, 1, 1}}},
	} {
		out, err := v.Weights([]Task{{"chat", 1, []Contender{c}}})
		if err == nil || !strings.Contains(err.Error(), name) || !strings.Contains(err.Error(), miner(1).String()) || out.Weights != nil {
			t.Errorf("error %v, want one about %q that names the miner", err, name)
		}
	}
	if _, err := v.Weights([]Task{{Name: "a", Weight: 0.5}}); err == nil {
		t.Error("weights of tasks that sum to 0.5 are accepted")
	}
}

// What could overflow is refused, or stops growing.
func TestVision7CountersDoNotOverflow(t *testing.T) {
	v := seven(t)
	full := newState7()
	full.pending = pending7{timed: mostPending, took: mostTaken.Microseconds() * mostPending, worked: mostServed * mostPending, passed: mostPending, failed: mostPending,
		quality: billion * mostPending, speed: mostSpeed * mostPending, product: mostSpeed * mostPending}
	full.trusted, full.kept, full.offered = math.MaxInt64/2, mostWork/10, mostWork/10
	full.audit = [3]float64{mostAudit, mostAudit, mostAudit}
	if err := full.validate(); err != nil {
		t.Fatal(err)
	}
	for name, o := range map[string]Observation{"answers": {Answer: &Answer{Kind: OK, Took: 1}}, "checks": {Check: &Check{Quality: 1}}} {
		if _, err := v.Observe(full, o); err == nil || !strings.Contains(err.Error(), "more than") {
			t.Errorf("%s past the bound: error %v", name, err)
		}
	}
	for _, convicted := range []bool{false, true} {
		full.pending.convicted = convicted
		s := observeAll(t, v, full, Observation{Closed: &Closed{Number: math.MaxInt64 / 2, Offer: chatOffer(1), Counts: Counts{
			Requests: 1, OK: 1, Asked: math.MaxInt64, Consumed: math.MaxInt64, Declared: math.MaxInt64}}})
		if err := s.(*state7).validate(); err != nil {
			t.Error(err)
		}
	}
	many := Beacon{Offer: chatOffer(1e9), Asked: MostAsked}
	for range many.Asked {
		many.Answers = append(many.Answers, Arrived{Served: math.MaxInt64, Elapsed: math.MaxInt64})
	}
	if s := observeAll(t, v, nil, Observation{Beacon: &many}); s.(*state7).validate() != nil || s.(*state7).served != mostServed*MostAsked {
		t.Errorf("%+v", s)
	}
	many.Asked++
	if _, err := v.Observe(nil, Observation{Beacon: &many}); err == nil {
		t.Error("a beacon that asks more than can be added up is accepted")
	}
}

func TestNamed(t *testing.T) {
	m, err := Named("vision7", map[string]float64{"kappa": 10})
	if err != nil || m.Name() != "vision7" || m.(Vision7).Params().Kappa != 10 || m.(Vision7).Params().Growth != Defaults7.Growth {
		t.Errorf("%+v, error %v", m, err)
	}
	if m, err := Named("vision4", nil); err != nil || m.Name() != "vision4" {
		t.Errorf("%+v, error %v", m, err)
	}
	for want, c := range map[string]struct {
		name   string
		params map[string]float64
	}{
		`no mechanism "vision5"`: {"vision5", nil},
		"no parameters":          {"vision4", map[string]float64{"kappa": 1}},
		`parameter "kapa"`:       {"vision7", map[string]float64{"kapa": 1}},
		"kappa is NaN":           {"vision7", map[string]float64{"kappa": math.NaN()}},
		"growth is 1,":           {"vision7", map[string]float64{"growth": 1}},
		"each above the one":     {"vision7", map[string]float64{"tolerated": 0.2}},
		"want at least growth":   {"vision7", map[string]float64{"growth": 3}},
	} {
		if _, err := Named(c.name, c.params); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one about %q", err, want)
		}
	}
	if p, err := Params7From(Defaults7.Map()); err != nil || p != Defaults7 {
		t.Errorf("the defaults by name are %+v, error %v", p, err)
	}
}

func FuzzDecode7(f *testing.F) {
	v := seven(f)
	f.Add(written(f, honest(f, v, 2, 3)))
	f.Add(written(f, newState7()))
	if b, err := hex.DecodeString(before); err == nil {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := v.Decode(b)
		if err != nil {
			return
		}
		again := written(t, s)
		if b[1]&flagHeld == 0 { // one from before time was held is written as it is now
			b = again
			if s, err = v.Decode(b); err != nil {
				t.Fatalf("%x was written and is not read: %v", b, err)
			}
			again = written(t, s)
		}
		if !bytes.Equal(b, again) {
			t.Fatalf("%x was read, and written again as %x", b, again)
		}
		s = observeAll(t, v, s, Observation{Check: &Check{Quality: 1, Speed: 1}}, Observation{Answer: &Answer{Kind: OK, Took: 1}})
		out := weights7(t, v, []Task{{"chat", 1, []Contender{{miner(1), chatOffer(1), s}}}})
		if w := out.Weights[0].Weight; w != 0 && w != 1 {
			t.Fatalf("a weight of %v", w)
		}
	})
}

func BenchmarkObserve7(b *testing.B) {
	v := seven(b)
	s := honest(b, v, 8, 4)
	beacon := beaconOf(v, s, chatOffer(8), 0.5, 0.9, 0.009)
	for name, o := range map[string]Observation{
		"answer": {Answer: &Answer{Kind: OK, Asked: 400, Served: 400, Took: 3200 * time.Millisecond}},
		"check":  {Check: &Check{Quality: 0.9, Speed: 1.2}},
		"beacon": {Beacon: &beacon},
		"closed": {Closed: &Closed{Number: 9, Offer: chatOffer(8), Counts: Counts{Requests: 1, OK: 1, Asked: 400, Consumed: 400}}},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := v.Observe(s, o); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkWeights7(b *testing.B) {
	v := seven(b)
	tasks := make([]Task, 20)
	for i := range tasks {
		tasks[i] = Task{Name: fmt.Sprint("task-", i), Weight: 1.0 / 20}
		for m := range 256 {
			tasks[i].Contenders = append(tasks[i].Contenders, Contender{hotkey.ID{byte(m), 1}, chatOffer(3), nil})
		}
	}
	s := honest(b, v, 3, 5)
	for i := range tasks {
		for m := range tasks[i].Contenders {
			tasks[i].Contenders[m].State = s
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := v.Weights(tasks); err != nil {
			b.Fatal(err)
		}
	}
}
