package beacon

import (
	"crypto/sha256"
	"encoding/binary"
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var t0 = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)

// value is number n of a made-up source that ticks every 3 s.
func value(n uint64) Round {
	return Round{Source: "test", Number: n, At: t0.Add(time.Duration(n) * 3 * time.Second), Tick: 3 * time.Second,
		Value: sha256.Sum256(binary.BigEndian.AppendUint64(nil, n))}
}

// calls are the beacons of values from first to last, as one who hears all of them has them.
func calls(r Rules, first, last uint64) (list []Call) {
	c := NewCaller(r)
	for n := first; n <= last; n++ {
		if call, ok := c.Hear(value(n)); ok {
			list = append(list, call)
		}
	}
	return list
}

func TestAboutFourAnHourAndNoneWithinTheRest(t *testing.T) {
	r := For(time.Hour, 4)
	const hours = 1000
	list := calls(r, 1, hours*1200)
	// The number in 1000 hours is nearly normal with a deviation below 64.
	if n := len(list); math.Abs(float64(n)-4*hours) > 4*64 {
		t.Errorf("%d beacons in %d hours, want about %d", n, hours, 4*hours)
	}
	for i := 1; i < len(list); i++ {
		if gap := list[i].At.Sub(list[i-1].At); gap <= r.Rest {
			t.Fatalf("two beacons are %v apart, want more than %v", gap, r.Rest)
		}
	}
}

// How long the last beacon is past tells nothing of when the next comes: the
// share of gaps that end in their next minute is the same for young and old.
func TestGapsHaveNoMemory(t *testing.T) {
	r := For(time.Hour, 4)
	list := calls(r, 1, 2000*1200)
	ends := func(from time.Duration) float64 {
		ended, lived := 0, 0
		for i := 1; i < len(list); i++ {
			if gap := list[i].At.Sub(list[i-1].At); gap > from {
				lived++
				if gap <= from+3*time.Minute {
					ended++
				}
			}
		}
		return float64(ended) / float64(lived)
	}
	young, old := ends(r.Rest), ends(15*time.Minute)
	if math.Abs(young-old) > 0.03 {
		t.Errorf("a gap ends within 3 minutes of the rest with chance %.3f, after a quarter of an hour %.3f", young, old)
	}
}

func TestWhoJoinsLaterAgrees(t *testing.T) {
	r := For(time.Hour, 4)
	all := calls(r, 1, 20000)
	rapid.Check(t, func(t *rapid.T) {
		first := rapid.Uint64Range(1, 19000).Draw(t, "first")
		late := calls(r, first, 20000)
		if len(late) == 0 {
			return
		}
		// From its first beacon on it has the same ones.
		var same []Call
		for _, c := range all {
			if !c.At.Before(late[0].At) {
				same = append(same, c)
			}
		}
		if len(same) != len(late) {
			t.Fatalf("%d beacons from %v on, others have %d", len(late), late[0].At, len(same))
		}
		for i := range same {
			if same[i] != late[i] {
				t.Fatalf("beacon %d is %+v, for others %+v", i, late[i], same[i])
			}
		}
	})
}

func TestAGapInWhatWasHeardCallsNothingDoubtful(t *testing.T) {
	r := For(time.Hour, 4)
	all := map[time.Time]bool{}
	for _, c := range calls(r, 1, 20000) {
		all[c.At] = true
	}
	rapid.Check(t, func(t *rapid.T) {
		c := NewCaller(r)
		for n := uint64(1); n < 20000; n++ {
			if rapid.Uint64Range(0, 499).Draw(t, "missed") == 0 {
				n += rapid.Uint64Range(0, 100).Draw(t, "for")
			}
			if call, ok := c.Hear(value(n)); ok && !all[call.At] {
				t.Fatalf("a beacon at %v that nobody else has", call.At)
			}
		}
	})
}

func TestValuesTwiceAndOldOnesCallNothing(t *testing.T) {
	r := Rules{Every: 6 * time.Second} // every second value
	c := NewCaller(r)
	var n uint64 = 1
	for ; ; n++ {
		if _, ok := c.Hear(value(n)); ok {
			break
		}
	}
	if _, ok := c.Hear(value(n)); ok {
		t.Error("the same value called twice")
	}
	for old := range n {
		if _, ok := c.Hear(value(old)); ok {
			t.Errorf("value %d called after value %d", old, n)
		}
	}
	if _, ok := c.Hear(Round{Source: "test", Number: n + 1}); ok {
		t.Error("a value without a tick called")
	}
}

func TestSourcesHaveNothingToDoWithOneAnother(t *testing.T) {
	r := Rules{Every: 6 * time.Second}
	same := 0
	for n := range uint64(4000) {
		v := value(n)
		_, one := NewCaller(r).Hear(v)
		v.Source = "other"
		_, other := NewCaller(r).Hear(v)
		if one == other {
			same++
		}
	}
	if same < 1800 || same > 2200 {
		t.Errorf("two sources agree on %d of 4000 values, want about half", same)
	}
}

func TestShortPeriodsHaveTheirBeaconsToo(t *testing.T) {
	r := For(10*time.Second, 2)
	if err := r.Validate(); err != nil {
		t.Fatal(err)
	}
	c := NewCaller(r)
	n := 0
	for i := range uint64(10000) {
		v := value(i)
		v.Tick = time.Second
		if _, ok := c.Hear(v); ok {
			n++
		}
	}
	if gap := For(10*time.Second, 2).Gap(time.Second); math.Abs(float64(n)-float64(10000*time.Second/gap)) > 200 {
		t.Errorf("%d beacons in 10000 s, where %v are said to lie between two", n, gap)
	}
	if n < 1350 || n > 2300 { // a rest of two values of five leaves 1.5 a period
		t.Errorf("%d beacons in 1000 periods, want about 2000, or as many as the rest allows", n)
	}
}

func TestRulesSayWhatIsWrong(t *testing.T) {
	for _, r := range []Rules{{}, {Every: time.Minute, Rest: time.Minute}, {Every: time.Minute, Lead: -1}, {Every: time.Minute, Window: time.Minute}} {
		if r.Validate() == nil {
			t.Errorf("%+v passes", r)
		}
	}
	for _, each := range []float64{4, 60, 0.01, 1e-300} {
		r := For(time.Hour, each)
		if err := r.Validate(); err != nil {
			t.Errorf("%v an hour: %v", each, err)
		}
		if each < 1e-9 && len(calls(r, 1, 100_000)) > 0 {
			t.Errorf("a beacon in %v hours came within days", 1/each)
		}
	}
	if For(10*time.Second, 60).Validate() == nil {
		t.Error("60 beacons in 10 seconds pass")
	}
	if gap := For(time.Hour, 4).Gap(3 * time.Second); gap < 15*time.Minute || gap > 15*time.Minute+time.Second {
		t.Errorf("beacons every 15m lie %v apart", gap)
	}
}

// Whose values begin to be heard calls nothing for the rest, even where another source's numbers seem to go on in its own.
func TestAnotherSourceBeginsWithTheRest(t *testing.T) {
	rules := For(time.Hour, 4)
	c := NewCaller(rules)
	first := uint64(1)
	for ; drawOf(value(first+1000)) >= 0.002; first++ { // a value that draws yes
	}
	for n := first; n < first+1000; n++ {
		other := value(n)
		other.Source = "another"
		c.Hear(other)
	}
	if _, ok := c.Hear(value(first + 1000)); ok {
		t.Error("the first value of a source calls a beacon")
	}
}
