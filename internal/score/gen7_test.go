package score

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
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
