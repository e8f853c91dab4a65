package outcome

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

const (
	ms  = time.Millisecond
	sec = time.Second
)

// came is a stream whose tokens came at these times, and that ended with the last.
func came(at ...time.Duration) Outcome {
	o := Outcome{Stream: true, Work: int64(len(at))}
	var sum time.Duration
	for i, t := range at {
		if i == 0 {
			o.FirstOutput = max(t, 1)
		}
		sum += t
		o.Total = max(o.Total, t)
	}
	o.Arrivals.Mean = sum / time.Duration(len(at))
	return o
}

// evenly gives n times from the first to the last.
func evenly(n int, first, last time.Duration) (list []time.Duration) {
	for i := range n {
		list = append(list, first+(last-first)*time.Duration(i)/time.Duration(max(n-1, 1)))
	}
	return list
}

func TestTaken(t *testing.T) {
	const overhead = 500 * ms
	for _, c := range []struct {
		name string
		o    Outcome
		want time.Duration
	}{
		{"flows from 0.2 s to 4 s", came(evenly(100, 200*ms, 4*sec)...), 4 * sec},
		{"begins only after 1.5 s", came(evenly(100, 1500*ms, 4*sec)...), 5 * sec},
		{"all at once after 4 s", came(evenly(100, 4*sec, 4*sec)...), 7500 * ms},
		{"one token ahead, then all at once", came(append([]time.Duration{ms}, evenly(99, 4*sec, 4*sec)...)...), 7420 * ms},
		{"one token ahead, then from 1.5 s on", came(append([]time.Duration{ms}, evenly(99, 1500*ms, 4*sec)...)...), 4960 * ms},
		{"ten tokens at a time", came(chunked(100, 10, 4*sec)...), 4 * sec},
		{"fifty at a time", came(chunked(100, 50, 4*sec)...), 5500 * ms},
		{"early, then slowly", came(append(evenly(90, 100*ms, sec), evenly(10, sec, 4*sec)...)...), 4 * sec},
	} {
		least, most := c.o.Taken(overhead)
		if (least-c.want).Abs() > 50*ms || least != most {
			t.Errorf("%s: %v to %v, want %v", c.name, least, most, c.want)
		}
	}
}

// chunked gives the times of n tokens that flow for a time, k at once.
func chunked(n, k int, last time.Duration) (list []time.Duration) {
	for i := range n {
		list = append(list, last*time.Duration((i/k+1)*k)/time.Duration(n))
	}
	return list
}

// Holding output back makes no answer quicker: of two streams, one whose every
// token comes no earlier takes no less, and looks no quicker to begin.
func TestHoldingBackGainsNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 60).Draw(t, "n")
		overhead := time.Duration(rapid.IntRange(0, 2000).Draw(t, "overhead")) * ms
		at, later := make([]time.Duration, n), make([]time.Duration, n)
		for i := range n {
			gap := time.Duration(rapid.IntRange(0, 500).Draw(t, "gap")) * ms
			at[i] = gap
			if i > 0 {
				at[i] += at[i-1]
			}
		}
		end := at[n-1] // the work is done then; a cheat has it no sooner
		for i := range n {
			later[i] = at[i] + time.Duration(rapid.Int64Range(0, int64(end-at[i])).Draw(t, "held"))
			if i > 0 {
				later[i] = max(later[i], later[i-1])
			}
		}
		honest, held := came(at...), came(later...)
		a, _ := honest.Taken(overhead)
		b, _ := held.Taken(overhead)
		if b < a {
			t.Fatalf("held back it takes %v, else %v", b, a)
		}
		if held.FirstUseful() < honest.FirstUseful() && held.FirstOutput >= honest.FirstOutput {
			t.Fatalf("held back it begins after %v, else after %v", held.FirstUseful(), honest.FirstUseful())
		}
	})
}

// A first token that runs ahead of n others moves neither time by more than twice its share.
func TestRunningAheadGainsNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(20, 500).Draw(t, "n")
		first := time.Duration(rapid.IntRange(100, 3000).Draw(t, "first")) * ms
		last := first + time.Duration(rapid.IntRange(0, 9000).Draw(t, "rest"))*ms
		times := evenly(n, first, last)
		honest := came(times...)
		times[0] = 1
		ahead := came(times...)
		slack := 2*last/time.Duration(n) + time.Microsecond
		if honest.FirstUseful()-ahead.FirstUseful() > slack {
			t.Fatalf("it seems to begin after %v, honestly %v", ahead.FirstUseful(), honest.FirstUseful())
		}
		a, _ := honest.Taken(0)
		b, _ := ahead.Taken(0)
		if a-b > slack {
			t.Fatalf("it seems to take %v, honestly %v", b, a)
		}
	})
}

// The round trip comes off once, and never more than MaxFloor or than the first output took.
func TestRoundTripIsTakenOff(t *testing.T) {
	for _, c := range []struct{ floor, first, want time.Duration }{
		{0, sec, 4 * sec}, {100 * ms, sec, 3900 * ms}, {3 * sec, sec, 3750 * ms}, {200 * ms, 50 * ms, 3950 * ms}, {200 * ms, 0, 4 * sec}, {-sec, sec, 4 * sec},
	} {
		o := Outcome{Total: 4 * sec, FirstOutput: c.first, Floor: c.floor}
		if got, _ := o.Taken(0); got != c.want {
			t.Errorf("floor %v, first output after %v: %v, want %v", c.floor, c.first, got, c.want)
		}
	}
}

// While the caller kept the miner waiting nobody knows what it did.
func TestBlockedLeavesDoubt(t *testing.T) {
	o := came(evenly(100, 100*ms, 4*sec)...)
	o.Blocked = 3 * sec
	if least, most := o.Taken(500 * ms); least != o.Total || most < 7*sec {
		t.Errorf("%v to %v", least, most)
	}
	o = Outcome{Total: 4 * sec} // not a stream, or one that nothing is known of
	if least, most := o.Taken(500 * ms); least != 4*sec || most != 4*sec {
		t.Errorf("%v to %v", least, most)
	}
}
