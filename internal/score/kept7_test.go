package score

import (
	"math"
	"testing"
	"time"
)

// slashedAt is a state that is found to cheat at the end of a period, and what it was before.
func slashedAt(t *testing.T, v Vision7, periods int) (before, after *state7, o Offer) {
	t.Helper()
	o = chatOffer(4)
	s := honest(t, v, 4, periods)
	before, err := asState7(s)
	if err != nil {
		t.Fatal(err)
	}
	after, err = asState7(observeAll(t, v, s, Observation{Check: &Check{Failed: true, Convicted: true}}, Observation{Closed: &Closed{Number: int64(periods + 1), Offer: o}}))
	if err != nil {
		t.Fatal(err)
	}
	return before, after, o
}

// A slashing takes what was shown on the task, and nothing else: the pace and the reliability are facts.
func TestWhatASlashingTakes(t *testing.T) {
	v := seven(t)
	was, is, _ := slashedAt(t, v, 4)
	if is.credit != 0 || is.variance != 0 || is.beacons != 0 || is.settled || is.passed+is.failed != 0 || is.trusted != 0 || is.evidence() != 1 {
		t.Errorf("left of what was shown are %+v", is)
	}
	if is.timed != was.timed || is.took != was.took || is.worked != was.worked || was.timed == 0 {
		t.Errorf("the usual pace was %v s for %v units of %v answers, and is %v for %v of %v", was.took, was.worked, was.timed, is.took, is.worked, is.timed)
	}
	if is.offered != was.offered || is.kept != was.kept || is.scored != was.scored || is.score != was.score || was.kept == 0 {
		t.Errorf("kept were %v of %v in %d periods, and are %v of %v in %d", was.kept, was.offered, was.scored, is.kept, is.offered, is.scored)
	}
	if is.slashings != 1 || is.slashedIn != 5 || is.slashedUntil != 5+24 || !is.slashed() {
		t.Errorf("slashed %d times, in period %d until %d", is.slashings, is.slashedIn, is.slashedUntil)
	}
}

// While a miner is slashed it is asked for nothing, and nothing that it shows or is convicted of counts.
func TestNothingCountsWhileSlashed(t *testing.T) {
	v := seven(t)
	_, s, o := slashedAt(t, v, 4)
	if n := v.Burst(s, o, 0); n != 0 {
		t.Errorf("a beacon asks for %d requests", n)
	}
	if p := v.Plan(s, o, Draw{}); p.Requests != 0 || p.Capacity == 0 {
		t.Errorf("a plan of %+v", p)
	}
	then, err := asState7(observeAll(t, v, s,
		Observation{Beacon: &Beacon{Offer: o, Asked: 1, Answers: []Arrived{{Served: 400, Elapsed: 3 * time.Second}}}},
		Observation{Check: &Check{Failed: true, Convicted: true}}, Observation{Check: &Check{Quality: 1, Speed: 1}},
		Observation{Closed: &Closed{Number: 6, Offer: o, Missed: 2}}))
	if err != nil {
		t.Fatal(err)
	}
	want := *s
	want.number = 6
	if *then != want {
		t.Errorf("it was %+v, and is %+v", want, *then)
	}
}

// Each slashing is forgotten after as many periods without one, one after the other. However many there were, the next is no
// longer than 1024 times the first.
func TestSlashingsAreForgottenOneByOne(t *testing.T) {
	v := seven(t)
	s := newState7()
	s.number, s.slashings, s.slashedIn = 100, 2, 100
	for _, c := range []struct{ period, left int64 }{{819, 2}, {820, 1}, {1539, 1}, {1540, 0}, {3000, 0}} {
		next, err := asState7(observeAll(t, v, s, Observation{Closed: &Closed{Number: c.period}}))
		if err != nil {
			t.Fatal(err)
		}
		if s = next; s.slashings != c.left {
			t.Errorf("after period %d, %d slashings are remembered, want %d", c.period, s.slashings, c.left)
		}
	}
	for before, want := range map[int64]int64{1: 2 * 24, 10: 1024 * 24, 11: 1024 * 24, 1 << 40: 1024 * 24} {
		s = newState7()
		s.number, s.slashings = 100, before
		next, err := asState7(observeAll(t, v, s, Observation{Check: &Check{Failed: true, Convicted: true}}, Observation{Closed: &Closed{Number: 101}}))
		if err != nil {
			t.Fatal(err)
		}
		if next.slashedUntil-101 != want {
			t.Errorf("after %d slashings it is slashed for %d periods, want %d", before, next.slashedUntil-101, want)
		}
	}
}

// Who would be slashed for longer the next time, or is convicted already, is not forgotten.
func TestWhoMayBeForgotten(t *testing.T) {
	v := seven(t)
	_, slashed, _ := slashedAt(t, v, 2)
	served := newState7()
	served.number, served.slashings, served.slashedUntil = 90, 1, 80
	convicted := observeAll(t, v, nil, Observation{Check: &Check{Failed: true, Convicted: true}})
	for name, c := range map[string]struct {
		s    State
		want bool
	}{
		"nothing is known": {nil, true}, "honest": {honest(t, v, 2, 2), true},
		"slashed": {slashed, false}, "slashed once": {served, false}, "convicted": {convicted, false},
	} {
		if got := v.Forgettable(c.s); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

// Answers that are no good ones tell nothing of the pace, and one of any length leaves a state that can be read again.
func TestWhatTellsThePace(t *testing.T) {
	v := seven(t)
	s := observeAll(t, v, nil, Observation{Answer: &Answer{Kind: OK, Served: 100, Took: time.Second}})
	for _, a := range []Answer{
		{Kind: OK, Served: 100}, {Kind: Failed, Served: 100, Took: time.Hour}, {Kind: RateLimited, Took: time.Hour},
	} {
		if next := observeAll(t, v, s, Observation{Answer: &a}); *next.(*state7) != *s.(*state7) {
			t.Errorf("%+v changes what is usual", a)
		}
	}
	long := observeAll(t, v, s, Observation{Answer: &Answer{Kind: OK, Served: math.MaxInt64, Took: math.MaxInt64}}, Observation{Answer: &Answer{Kind: OK, Took: 1}})
	if _, err := v.Decode(written(t, long)); err != nil {
		t.Error(err)
	}

	// An answer makes older ones count 49/50 of what they did.
	o := chatOffer(4)
	list := make([]Observation, 0, 26)
	for range 25 {
		list = append(list, Observation{Answer: &Answer{Kind: OK, Served: 100, Took: 2 * time.Second}})
	}
	old := observeAll(t, v, s, Observation{Closed: &Closed{Number: 1, Offer: o}})
	is, err := asState7(observeAll(t, v, old, append(list, Observation{Closed: &Closed{Number: 2, Offer: o}})...))
	if err != nil {
		t.Fatal(err)
	}
	fade := math.Pow(0.98, 25)
	if want := (fade + 50) / (100*fade + 2500); math.Abs(v.pace(is, o)-want) > 1e-9 {
		t.Errorf("a usual pace of %v, want %v", v.pace(is, o), want)
	}
}

// A short answer may take as long as one of a quarter of a usual request.
func TestShortAnswersHaveTheTimeOfAQuarter(t *testing.T) {
	v := seven(t)
	o := chatOffer(4)
	limit := func(served int64) time.Duration {
		d, err := v.Deadline(nil, o, served)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	if limit(0) != limit(100) || limit(99) != limit(100) || limit(101) <= limit(100) {
		t.Errorf("%v for nothing, %v for a quarter less one, %v for a quarter, %v for one more", limit(0), limit(99), limit(100), limit(101))
	}
	// 0.5 + 0.4 + 1.6 x 0.01 x 400
	if d := limit(400) - 7300*time.Millisecond; d.Abs() > time.Microsecond {
		t.Errorf("%v for a usual request, want 7.3 s", limit(400))
	}
}

// Five beacons in a row that were answered in full and asked for less than all make a newcomer again, not four.
func TestFiveFullBeaconsMakeANewcomerAgain(t *testing.T) {
	v := seven(t)
	o := chatOffer(1000)
	o.StakeShare = 1
	s := newState7()
	s.settled, s.credit = true, 360_000
	var known State = s
	for i := range 6 {
		b := beaconOf(v, known, o, 0.5, 1, 0.008)
		known = observeAll(t, v, known, Observation{Beacon: &b})
		if got, want := known.(*state7).settled, i < 4; got != want {
			t.Errorf("after %d beacons: settled %v, want %v", i+1, got, want)
		}
	}
}

// What cannot have come of a beacon is refused, with customers' requests in flight too.
func TestBeaconsThatCannotBe(t *testing.T) {
	v := seven(t)
	for name, b := range map[string]Beacon{
		"more answers than were asked": {Asked: 1, InFlight: 5, Answers: make([]Arrived, 2)},
		"more slots than were asked":   {Asked: 1, InFlight: 5, Slots: 2},
		"slots below 0":                {Asked: 1, Slots: -1},
		"too many":                     {Asked: MostAsked + 1},
		"too many in flight":           {InFlight: MostAsked + 1},
		"part of less than no slot":    {Asked: 1, Answers: []Arrived{{Of: -1}}},
	} {
		b.Offer = chatOffer(4)
		if s, err := v.Observe(nil, Observation{Beacon: &b}); err == nil || s != nil {
			t.Errorf("%s: %v, %v", name, s, err)
		}
	}
}

// Two single requests are planned while the pace is not known, and one after; of the smallest contender one in each period
// until one has a score, and then one in eight.
func TestHowManySingleRequests(t *testing.T) {
	v := seven(t)
	timed := observeAll(t, v, nil, Observation{Answer: &Answer{Kind: OK, Served: 400, Took: 4 * time.Second}}, Observation{Closed: &Closed{Number: 1, Offer: chatOffer(4)}})
	scored := honest(t, v, 4, 1)
	tiny := chatOffer(0.01)
	for name, c := range map[string]struct {
		s      State
		o      Offer
		choice float64
		want   int
	}{
		"nothing known":             {nil, chatOffer(4), 0.5, 2},
		"a pace known":              {timed, chatOffer(4), 0.5, 1},
		"small, nothing known":      {nil, tiny, 0.5, 1},
		"small, a pace known":       {timed, tiny, 0.5, 1},
		"small, scored":             {scored, tiny, 0.5, 0},
		"small, scored, its eighth": {scored, tiny, 0.12, 1},
		"nothing declared":          {nil, chatOffer(0), 0, 0},
	} {
		if p := v.Plan(c.s, c.o, Draw{Choice: c.choice}); p.Requests != c.want {
			t.Errorf("%s: %+v, want %d requests", name, p, c.want)
		}
	}
}

// What may be asked of who came late is its part of it: the rest was nobody's to ask.
func TestPeriodScoreOfAPart(t *testing.T) {
	v := seven(t)
	s := newState7()
	s.settled, s.credit = true, 1_000_000
	score := func(part float64) float64 {
		o := chatOffer(4)
		o.Part = part
		closed := Closed{Number: 1, Offer: o, Counts: Counts{Requests: 10, OK: 9, RateLimited: 1, Asked: 1000, AskedRateLimited: 100, Consumed: 250_000}}
		is, err := asState7(observeAll(t, v, s, Observation{Closed: &closed}))
		if err != nil {
			t.Fatal(err)
		}
		return is.score
	}
	// May: half of 1,000,000. 0.9 x (1 - 0.1 x 1/2); of a half period's 250,000 all was used.
	if all, half := score(0), score(0.5); !same(all, 0.855) || !same(half, 0.9) {
		t.Errorf("period scores of %v and, for half of it, %v; want 0.855 and 0.9", all, half)
	}
}

// The newest score is 0 once the contender is away, and the score before where nobody contends.
func TestLastScoreOfWhoIsAway(t *testing.T) {
	v := seven(t)
	for void, want := range map[bool]float64{false: 0, true: 1} {
		is, err := asState7(observeAll(t, v, honest(t, v, 4, 2), Observation{Closed: &Closed{Number: 3, Void: void}}))
		if err != nil {
			t.Fatal(err)
		}
		if is.score != want || is.number != 3 {
			t.Errorf("void %v: a score of %v in period %d, want %v", void, is.score, is.number, want)
		}
		if r := is.kept / is.offered; math.Abs(r-(0.8+0.2*want)) > 1e-9 {
			t.Errorf("void %v: a reliability of %v", void, r)
		}
	}
}

// Trust grows over periods.
func TestTrustAddsUp(t *testing.T) {
	v := seven(t)
	is, err := asState7(honest(t, v, 4, 3)) // 6 checks in each
	if err != nil {
		t.Fatal(err)
	}
	if is.trusted != 18 || !same(v.trust(is), 0.25+0.75*0.18) {
		t.Errorf("%d checks make a trust of %v, want 18 and 0.385", is.trusted, v.trust(is))
	}
}

// Of two that are paid alike, the shorter's answers are usual: half of what is paid is at or below them.
func TestUsualLengthIsTheLowerMedian(t *testing.T) {
	v := seven(t)
	short, long := *honest(t, v, 4, 20).(*state7), *honest(t, v, 4, 20).(*state7)
	short.served, short.held = short.answers*200, 0
	long.served, long.held = long.answers*400, 0
	out := weights7(t, v, []Task{{"chat", 1, []Contender{{miner(1), chatOffer(4), &short}, {miner(2), chatOffer(4), &long}}}})
	for _, f := range out.Task("chat") {
		if f.Hardened.Brevity != 1 || f.Hardened.Paid == 0 {
			t.Errorf("answers of %v units: %v of %v is paid", f.Hardened.Served, f.Hardened.Brevity, f.Hardened.Paid)
		}
	}
}

// Growth of newcomers is a parameter of its own, and slots are counted at the pace of answers to beacons.
func TestWhatABeaconTests(t *testing.T) {
	p := Defaults7
	p.Growth, p.RampGrowth = 1.5, 3
	v, err := NewVision7(p)
	if err != nil {
		t.Fatal(err)
	}
	o := chatOffer(100)
	s := newState7()
	s.credit = 3_600_000
	if got := v.level(s, o); !same(got, 3*3_600_000) {
		t.Errorf("a newcomer is tested for %v of %v", got, s.credit)
	}
	if s.settled = true; !same(v.level(s, o), 1.5*3_600_000) {
		t.Errorf("others are tested for %v of %v", v.level(s, o), s.credit)
	}
	// Answers to beacons take twice as long, so that six slots do 6/2 of what they do alone.
	s.slowdown, s.answers, s.served, s.held = ln2, 10, 4000, 80
	o.Slots = 6
	if got := v.ceiling(s, o); math.Abs(got/(6*180_000)-1) > 1e-9 {
		t.Errorf("six slots at 0.02 s per unit do %v, want %v", got, 6*180_000)
	}
}

// What may be counted on at once is the same however long a contender is there; its mean quality is that of the checks that passed.
func TestStandingAndQuality(t *testing.T) {
	v := seven(t)
	s := honest(t, v, 4, 8)
	whole, part := chatOffer(4), chatOffer(4)
	part.Part = 0.25
	a, err := v.Standing(s, whole)
	if err != nil {
		t.Fatal(err)
	}
	b, err := v.Standing(s, part)
	if err != nil || !same(a.AtOnce, b.AtOnce) || !same(a.Credited, 4*b.Credited) || a.AtOnce == 0 {
		t.Errorf("%+v of all, %+v of a quarter, %v", a, b, err)
	}
	s = observeAll(t, v, s, Observation{Check: &Check{Failed: true}}, Observation{Closed: &Closed{Number: 9, Offer: whole}})
	f := weights7(t, v, []Task{{"chat", 1, []Contender{{miner(1), whole, s}}}}).Task("chat")[0]
	if math.Abs(f.Quality.Mean-0.9) > 1e-9 || math.Abs(f.Quality.Speed-1.2) > 1e-9 || f.Quality.Checks == 0 {
		t.Errorf("%+v, want 0.9 and 1.2 of those that passed", f.Quality)
	}
}
