package scorer

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"vision/internal/outcome"
	"vision/internal/score"
)

// beaconAt is when a beacon asks in these tests, for five seconds.
var beaconAt = dawn.Add(time.Minute)

const window = 5 * time.Second

// usualPace is a contender that usually takes 0.01 s per unit, and half a second besides.
func usualPace(t testing.TB) pace {
	t.Helper()
	m, err := score.Named("vision7", nil)
	if err != nil {
		t.Fatal(err)
	}
	offer := score.Offer{Declared: 72000, Maximum: 72000, StakeShare: 1, PerRequest: 100, Slots: 8, Length: time.Hour,
		Speed: score.Speed{Overhead: 500 * time.Millisecond, Mean: 0.01, Steepness: 50}}
	return paceOf(m, nil, offer)
}

// stream is how a customer's went: so many units, in pieces, each of which takes so long; for a part of the beacon it gave nothing.
type stream struct {
	before time.Duration // the beacon that it began
	first  time.Duration // to its first output
	pieces int
	units  int // of each
	each   time.Duration
	slower float64       // while the beacon asks
	held   time.Duration // from the beacon's first moment on
}

// outcome is what is seen of it.
func (s stream) outcome() *outcome.Outcome {
	o := &outcome.Outcome{Stream: true, Start: beaconAt.Add(-s.before), FirstOutput: s.first, Work: int64(s.pieces * s.units)}
	at := o.Start.Add(s.first)
	for i := range s.pieces {
		if i > 0 {
			// A piece takes longer in the beacon, and stands still while it is held up.
			left := s.each
			for left > 0 {
				step := min(left, time.Millisecond)
				left -= step
				in := !at.Before(beaconAt) && at.Before(beaconAt.Add(window))
				if in && s.held > 0 && at.Before(beaconAt.Add(s.held)) {
					at = beaconAt.Add(s.held)
				}
				if in {
					step = time.Duration(float64(step) * max(s.slower, 1))
				}
				at = at.Add(step)
			}
		}
		o.Arrivals.Chunks++
		if !at.Before(beaconAt) && at.Before(beaconAt.Add(window)) {
			o.Beacon.Work += int64(s.units)
		}
	}
	o.Total = at.Sub(o.Start)
	from, until := o.Start.Add(o.FirstOutput), at
	if from.Before(beaconAt) {
		from = beaconAt
	}
	if end := beaconAt.Add(window); until.After(end) {
		until = end
	}
	o.Beacon.Time = max(until.Sub(from), 0)
	if o.Beacon.Time == 0 {
		o.Beacon.Work = 0
	}
	return o
}

// An honest miner's streams go on at the pace that they have, up to 1.6 times slower with all slots full. None of them
// counts as held up: whatever the pace is, from half of the usual time per unit to ten times as much, when it began, how long the prompt took, and in what
// pieces the output comes.
func TestSteadyStreamsAreNotHeldUp(t *testing.T) {
	p := usualPace(t)
	rapid.Check(t, func(t *rapid.T) {
		s := stream{
			first:  time.Duration(rapid.IntRange(1, 3000).Draw(t, "first")) * time.Millisecond,
			units:  rapid.IntRange(1, 50).Draw(t, "units"),
			slower: rapid.Float64Range(1, 1.6).Draw(t, "slower"),
		}
		perUnit := rapid.IntRange(5, 100).Draw(t, "ms per unit") // usual is 10
		s.each = time.Duration(s.units*perUnit) * time.Millisecond
		s.pieces = rapid.IntRange(1, max(2, int(40*time.Second/s.each))).Draw(t, "pieces")
		total := s.first + time.Duration(s.pieces)*s.each
		s.before = time.Duration(rapid.Int64Range(int64(s.first), int64(total)).Draw(t, "before"))
		o := s.outcome()
		if p.heldUp(o, beaconAt, beaconAt.Add(window)) {
			t.Fatalf("%+v counts as held up: %v in the beacon, %d of %d units; allowed %v", s, o.Beacon.Time, o.Beacon.Work, o.Work, p.allowed(o))
		}
	})
}

// One that stands still while the beacon asks does, as long as it comes in pieces that are not seconds long.
func TestHeldStreamsAreSeen(t *testing.T) {
	p := usualPace(t)
	rapid.Check(t, func(t *rapid.T) {
		s := stream{
			first: time.Duration(rapid.IntRange(1, 3000).Draw(t, "first")) * time.Millisecond,
			units: rapid.IntRange(1, 20).Draw(t, "units"),
			held:  time.Duration(rapid.IntRange(4500, 5000).Draw(t, "held")) * time.Millisecond,
		}
		s.each = time.Duration(s.units*rapid.IntRange(5, 20).Draw(t, "ms per unit")) * time.Millisecond
		s.pieces = 2 + int(20*time.Second/s.each)
		s.before = s.first + time.Duration(rapid.IntRange(1, 19000).Draw(t, "output before"))*time.Millisecond
		o := s.outcome()
		if !p.heldUp(o, beaconAt, beaconAt.Add(window)) {
			t.Fatalf("%+v does not count as held up: %v in the beacon, %d of %d units; allowed %v", s, o.Beacon.Time, o.Beacon.Work, o.Work, p.allowed(o))
		}
	})
}

// What is seen of the end alone counts only if it is later than usual by most of the beacon.
func TestWholeAnswersAreHeldUpByWhatIsUsual(t *testing.T) {
	p := usualPace(t)
	const s = time.Second
	for name, c := range map[string]struct {
		before, total time.Duration
		change        func(*outcome.Outcome)
		want          bool
	}{
		// 200 units usually take 2.5 s, and may take 0.5 + 0.4 + 1.6 x 2 = 4.1 s.
		"as usual":                         {before: 1 * s, total: 2500 * time.Millisecond},
		"held up for all of it":            {before: 1 * s, total: 7500 * time.Millisecond, want: true},
		"begun with it, and held up":       {before: 0, total: 7 * s, want: true},
		"longer, but not by as much":       {before: 1 * s, total: 6 * s},
		"slow, and over when it had begun": {before: 9 * s, total: 10 * s},
		"its reader held it up":            {before: 1 * s, total: 7500 * time.Millisecond, change: func(o *outcome.Outcome) { o.Blocked = s }},
		"the first output came after it":   {before: 1 * s, total: 8 * s, change: func(o *outcome.Outcome) { o.Stream, o.FirstOutput = true, 6500*time.Millisecond }, want: true},
		"long, and later by all of it":     {before: 1 * s, total: 25500 * time.Millisecond, change: func(o *outcome.Outcome) { o.Work = 2000 }},
		"a stream that is slow by its pace": {before: 1 * s, total: 20 * s, change: func(o *outcome.Outcome) {
			o.Stream, o.FirstOutput, o.Beacon, o.Arrivals.Chunks = true, s/2, outcome.During{Time: 5 * s, Work: 52}, 200
		}},
	} {
		o := &outcome.Outcome{Start: beaconAt.Add(-c.before), Work: 200, FirstOutput: c.total, Total: c.total}
		if c.change != nil {
			c.change(o)
		}
		if got := p.heldUp(o, beaconAt, beaconAt.Add(window)); got != c.want {
			t.Errorf("%s: held up is %v", name, got)
		}
		if p.heldUp(o, beaconAt, beaconAt.Add(heldFrom-1)) {
			t.Errorf("%s: held up for a beacon that asks for less than a second", name)
		}
		none := paceOf(score.Vision4{}, nil, score.Offer{})
		if none.heldUp(o, beaconAt, beaconAt.Add(window)) {
			t.Errorf("%s: held up by a mechanism without paces", name)
		}
	}
}

// Two miners have eight slots each, of which customers use two. One declares eight, the other ten, and holds customers up to answer
// beacons on their slots. It shows no more than it has; who serves both at once loses nothing.
func TestWhoHoldsCustomersUpShowsNoMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, time.Hour, "steady", "holds")
		busy(w)
		const slots, declared = 8, 10
		for name, n := range map[string]int64{"steady": slots, "holds": declared} {
			m := w.miners[key(name).ID()]
			m.declares = map[string]int64{chat: n * 360_000} // an answer of 100 takes a second
			free := slots
			if name == "steady" {
				free -= 2 // its customers' requests go on
			}
			g := &gpus{slots: free}
			m.answer = g.answer
			m.slots = int(n)
		}
		w.customers = 2
		var asks sync.Map // when beacons asked
		w.start(hardened(w), func(c *Config) {
			c.Random = &ticking{every: 3 * time.Second}
			c.Called = func(_ float64, from, until time.Time) func() { asks.Store(from, until); return func() {} }
		})
		// Customers' streams of 20 s, two at a time at each miner, of 100 units each second.
		ctx, cancel := context.WithCancel(t.Context())
		var streams sync.WaitGroup
		for _, name := range []string{"steady", "holds"} {
			for i := range 2 {
				streams.Go(func() {
					for sleep(ctx, time.Duration(i)*10*time.Second) {
						i = 0
						o := outcome.Outcome{Request: "r", Key: 1, Task: chat, Miner: key(name).ID(), Stream: true, Work: 1950, Start: time.Now(), FirstOutput: 500 * time.Millisecond, Last: true}
						o.Arrivals.Chunks = 1950
						if !sleep(ctx, 20*time.Second) {
							return
						}
						asks.Range(func(from, until any) bool {
							begin, end := from.(time.Time), until.(time.Time)
							if begin.Before(o.Start.Add(o.FirstOutput)) || begin.After(time.Now()) {
								return true
							}
							if name == "holds" {
								if !sleep(ctx, end.Sub(begin)) {
									return false
								}
								o.Beacon = outcome.During{Time: end.Sub(begin)}
							} else if end.Before(time.Now()) {
								o.Beacon = outcome.During{Time: end.Sub(begin), Work: 500}
							}
							return true
						})
						o.Total = time.Since(o.Start)
						if err := w.store.Record(ctx, outcome.Entry{Outcome: o}); err != nil && ctx.Err() == nil {
							t.Error(err)
						}
					}
				})
			}
		}
		w.until(8*time.Hour + 30*time.Second)
		cancel()
		streams.Wait()
		w.stop()
		credited := func(name string) float64 {
			f, _ := w.judged(name, chat)
			return f.Hardened.Credited / 360_000
		}
		t.Logf("credited: steady %.2f, holds %.2f", credited("steady"), credited("holds"))
		if got := credited("steady"); got < 0.97*slots {
			t.Errorf("who serves its customers and the beacon is credited %.2f slots of %d", got, slots)
		}
		if got := credited("holds"); got > 1.02*slots {
			t.Errorf("who holds its customers up is credited %.2f slots, and has %d", got, slots)
		}
	})
}

// An outage of ours that cuts a customer's stream off shows nothing of its miner, however long we waited.
func TestOurOutageIsNoSlotThatAnsweredNothing(t *testing.T) {
	for status, want := range map[outcome.Status]int{outcome.Ours: 0, outcome.OK: 1, outcome.Canceled: 1} {
		b := &burst{contender: entrant(0, 9), at: beaconAt, until: beaconAt.Add(window), customers: 1, pace: usualPace(t)}
		var w watched
		w.add(b)
		w.see(&outcome.Outcome{Miner: b.contender.Miner, Task: b.contender.Task, Source: outcome.Organic, Status: status, Reason: "network_down",
			Stream: true, Start: beaconAt.Add(-time.Second), FirstOutput: 500 * time.Millisecond, Total: time.Minute, Work: 10,
			Beacon: outcome.During{Time: window, Work: 1}, Arrivals: outcome.Arrivals{Chunks: 2}})
		if b.ended != 1 || b.well != 0 || b.badly != want {
			t.Errorf("%v: %d ended, %d well, %d badly; want 1, 0, %d", status, b.ended, b.well, b.badly, want)
		}
	}
}

// A very long prompt takes its time before there is any output, and no beacon's request shows how much: an honest miner loses nothing by
// one that a beacon finds under way. A short one is no reason to wait.
func TestLongPromptsAreNotHeldUp(t *testing.T) {
	p := usualPace(t)
	for _, streamed := range []bool{true, false} {
		for prompt, total := range map[int64]time.Duration{16_000: 7 * time.Second, 128_000: 30 * time.Second} { // some 4000 tokens a second
			for _, before := range []time.Duration{0, time.Second, total - 5*time.Second} {
				o := &outcome.Outcome{Stream: streamed, Status: outcome.OK, Start: beaconAt.Add(-before), FirstOutput: total - 100*time.Millisecond, Total: total,
					Work: 10, PromptWork: prompt, Arrivals: outcome.Arrivals{Chunks: 10}}
				if p.heldUp(o, beaconAt, beaconAt.Add(window)) || p.dawdled(o) {
					t.Errorf("a prompt of %d, begun %v before, streamed %v: held up %v, dawdled %v", prompt, before, streamed, p.heldUp(o, beaconAt, beaconAt.Add(window)), p.dawdled(o))
				}
				o.PromptWork = 1000
				if !p.dawdled(o) || before <= total-window && !p.heldUp(o, beaconAt, beaconAt.Add(window)) {
					t.Errorf("a short prompt, begun %v before, streamed %v: held up %v, dawdled %v", before, streamed, p.heldUp(o, beaconAt, beaconAt.Add(window)), p.dawdled(o))
				}
			}
		}
	}
}

// Of a stream that had begun nobody knows how it went on where its gateway did not hear of the beacon: it may be steady, and slow.
func TestNothingIsHeldUpWhereNobodyLooked(t *testing.T) {
	p := usualPace(t)
	o := &outcome.Outcome{Stream: true, Status: outcome.OK, Start: beaconAt.Add(-time.Second), FirstOutput: 500 * time.Millisecond, Total: 8 * time.Second, Work: 300, Arrivals: outcome.Arrivals{Chunks: 300}}
	if p.heldUp(o, beaconAt, beaconAt.Add(window)) {
		t.Error("a stream counts as held up of which nobody saw what came meanwhile")
	}
	empty := *o
	empty.FirstOutput, empty.Work, empty.Arrivals = 0, 0, outcome.Arrivals{}
	if !p.heldUp(&empty, beaconAt, beaconAt.Add(window)) {
		t.Error("one that ended late without any output does not")
	}
	o.Beacon = outcome.During{Time: window, Work: 1}
	if !p.heldUp(o, beaconAt, beaconAt.Add(window)) {
		t.Error("one of which next to nothing came meanwhile does not")
	}
}
