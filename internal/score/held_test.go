package score

import (
	"encoding/hex"
	"math"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// constant is a miner that holds each of its slots for the same time, alone and at beacons, and declares what that comes to.
type constant struct {
	slots    float64
	elapsed  time.Duration // of an answer
	work     int64         // of an answer
	declares float64       // of what it can do
	speed    Speed
}

func (m constant) offer() Offer {
	can := m.slots * 3600 / m.elapsed.Seconds() * float64(m.work)
	return Offer{Declared: int64(m.declares * can), Maximum: math.MaxInt64, StakeShare: 1, PerRequest: m.work, Length: time.Hour, Speed: m.speed}
}

// plays has it asked at so many beacons. What is more than its slots it refuses.
func (m constant) plays(t fataler, v Vision7, s State, beacons int) State {
	t.Helper()
	o := m.offer()
	for i := range beacons {
		_, uniform := math.Modf(0.618 * float64(i))
		b := Beacon{Offer: o, Asked: v.Burst(s, o, uniform)}
		for range min(b.Asked, int(m.slots)) {
			b.Answers = append(b.Answers, Arrived{Served: m.work, Elapsed: m.elapsed})
		}
		if b.Asked > 0 {
			s = observeAll(t, v, s, Observation{Beacon: &b})
		}
		if i%4 == 3 {
			s = observeAll(t, v, s,
				Observation{Answer: &Answer{Kind: OK, Asked: m.work, Served: m.work, Took: m.speed.Beyond(m.elapsed)}},
				Observation{Closed: &Closed{Number: int64(i/4 + 1), Offer: o}})
		}
	}
	return s
}

func (m constant) atOnce(t fataler, v Vision7) float64 {
	t.Helper()
	s, err := asState7(m.plays(t, v, nil, 80))
	if err != nil {
		t.Fatal(err)
	}
	return v.atOnce(s, m.offer())
}

// A slot is held for the task's overhead, too. Who declares what its slots can do is asked to fill all of them.
func TestBeaconsAskForEverySlot(t *testing.T) {
	v := seven(t)
	for name, m := range map[string]constant{
		"16 slots, a usual answer":               {16, 8500 * time.Millisecond, 400, 1, Speed{Overhead: 500 * time.Millisecond, Mean: 0.02}},
		"hardly longer than the overhead":        {16, 1100 * time.Millisecond, 10, 1, Speed{Overhead: time.Second, Mean: 0.01}},
		"in a part of the overhead":              {16, 200 * time.Millisecond, 10, 1, Speed{Overhead: time.Second, Mean: 0.01}},
		"within the slack":                       {16, 1400 * time.Millisecond, 10, 1, Speed{Overhead: time.Second, Mean: 0.01}},
		"one slot":                               {1, 1100 * time.Millisecond, 10, 1, Speed{Overhead: time.Second, Mean: 0.01}},
		"no overhead":                            {16, 8 * time.Second, 400, 1, Speed{Mean: 0.02}},
		"half of what it can do, half the slots": {32, 1100 * time.Millisecond, 10, 0.5, Speed{Overhead: time.Second, Mean: 0.01}},
	} {
		if got, want := m.atOnce(t, v), m.slots*m.declares; math.Abs(got-want) > 0.01*want {
			t.Errorf("%s: beacons ask for %.2f at once, want %.0f", name, got, want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		m := constant{
			slots: float64(rapid.IntRange(1, 30).Draw(t, "slots")), work: rapid.Int64Range(1, 1000).Draw(t, "work"), declares: 1,
			speed: Speed{Overhead: time.Duration(rapid.Float64Range(0, 2e9).Draw(t, "overhead"))},
		}
		held := rapid.Float64Range(0.1, 10).Draw(t, "seconds")
		m.elapsed = m.speed.Overhead + time.Duration(held*1e9)
		m.speed.Mean = held / float64(m.work) * rapid.Float64Range(0.8, 1.2).Draw(t, "mean")
		if got := m.atOnce(t, v); math.Abs(got-m.slots) > 0.01*m.slots {
			t.Fatalf("of %+v beacons ask for %.2f at once", m, got)
		}
	})
}

// Whoever declares more than its slots do, of whatever length its answers are, is paid no more for it.
func TestShortAnswersHideNoLies(t *testing.T) {
	v := seven(t)
	rapid.Check(t, func(t *rapid.T) {
		m := constant{
			slots: float64(rapid.IntRange(4, 20).Draw(t, "slots")), work: 10, declares: 1,
			elapsed: time.Duration(rapid.Float64Range(1.05e9, 3e9).Draw(t, "elapsed")), speed: Speed{Overhead: time.Second, Mean: 0.01},
		}
		lies := m
		lies.declares = rapid.Float64Range(1.3, 10).Draw(t, "declares")
		paid := func(m constant) float64 {
			standing, err := v.Standing(m.plays(t, v, nil, 80), m.offer())
			if err != nil {
				t.Fatal(err)
			}
			return standing.Credited
		}
		if honest, lied := paid(m), paid(lies); lied > honest {
			t.Fatalf("%+v: honest it is paid %.0f, and %.0f for declaring %.1f times as much", m, honest, lied, lies.declares)
		}
	})
}

// before is a state that was written before the time that answers hold a slot was counted: of a miner that answered all that
// three periods asked of its two slots, as honest has it.
const before = "070133333333339425410bd7a370bd27f34100000000000000000000000000f925410000000000f92541348bc146785ab0404e370c6faeee24405ff8ec79315013c0" +
	"a8b8a191fa0530400000000000e0b6400000000000e0b6400000000000" +
	"00f03fd833abc599f73040000000000000000085909a307b8a2e40030b6720525c34408223c3b616533240000000000000f03f000000000000f03f000000000000f03f" +
	"0b00010103120000000000000006000000"

func TestStatesFromBeforeTimeWasHeld(t *testing.T) {
	v := seven(t)
	b, err := hex.DecodeString(before)
	if err != nil {
		t.Fatal(err)
	}
	s, err := v.Decode(b)
	if err != nil {
		t.Fatal(err)
	}
	// It stands where it stood, to the last bit.
	standing, err := v.Standing(s, chatOffer(2))
	if want := (Standing{Credited: 659292.6998595332, AtOnce: 0.7325474445098193, PerUnit: 0.0080000000024184, Trust: 0.385}); err != nil || standing != want {
		t.Errorf("a standing of %+v, error %v, want %+v", standing, err, want)
	}
	again := written(t, s)
	if len(again) != len(b)+2*8+1 {
		t.Errorf("it is written in %d bytes, was in %d", len(again), len(b))
	}
	for n := range again {
		if _, err := v.Decode(again[:n]); err == nil {
			t.Errorf("a state that ends after %d of %d bytes is read", n, len(again))
		}
	}
	// What it holds comes in with its answers: 3.7 s for 400 units.
	seven, atOnce := s.(*state7), 0.0
	for i := range 600 {
		now := v.atOnce(seven, chatOffer(2))
		if now < atOnce-1e-9 && i > 50 {
			t.Fatalf("after %d beacons %v are asked at once, %v before", i, now, atOnce)
		}
		atOnce = now
		beacon := beaconOf(v, seven, chatOffer(2), 0, 1, 0.008)
		seven = observeAll(t, v, seven, Observation{Beacon: &beacon}).(*state7)
	}
	if want := 720_000 * 3.7 / 400 / 3600; math.Abs(atOnce-want) > 0.02*want {
		t.Errorf("%v are asked at once in the end, want %v", atOnce, want)
	}
}

// However its numbers are, a state asks for finitely many, and more at once the longer its slots are held.
func TestTimeHeldIsAsked(t *testing.T) {
	v := seven(t)
	rapid.Check(t, func(t *rapid.T) {
		s := observeAll(t, v, newState7(), slices.Concat(genPeriods(t)...)...).(*state7)
		o := genOffer7(t)
		if o.Declared == 0 {
			return
		}
		o.Slots = 0
		longer := *s
		longer.held += float64(s.answers * rapid.Float64Range(0, 1000).Draw(t, "longer"))
		short, long := v.level(s, o)/v.oneSlotBusy(s, o), v.level(s, o)/v.oneSlotBusy(&longer, o)
		if !(short >= 0) || math.IsInf(long, 0) || long < short {
			t.Fatalf("%v at once, %v where answers hold their slots for longer", short, long)
		}
		if a, b := v.oneSlotBusy(s, o), v.oneSlot(s, o); a > b || !(a > 0) {
			t.Fatalf("one slot does %v under beacons and %v else", a, b)
		}
	})
}
