package score

import (
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestCountsAdd(t *testing.T) {
	c := Counts{Declared: 1000}
	for _, o := range []Answer{{Kind: OK, Asked: 400, Served: 300}, {Kind: RateLimited, Asked: 50, Served: 50}, {Kind: Failed, Asked: 70, Served: 70}, {Kind: OK}} {
		if err := c.Add(o); err != nil {
			t.Fatal(err)
		}
	}
	if want := (Counts{Requests: 4, OK: 2, RateLimited: 1, Failed: 1, Consumed: 300, Declared: 1000, Asked: 520, AskedRateLimited: 50, AskedFailed: 70}); c != want {
		t.Errorf("counts %+v, want %+v: only good answers consume", c, want)
	}
}

func TestCountsRefuseWhatCannotBe(t *testing.T) {
	for name, o := range map[string]Answer{
		"no kind":         {Served: 5},
		"unknown kind":    {Kind: 9, Served: 5},
		"negative volume": {Kind: OK, Served: -1},
		"overflow":        {Kind: OK, Served: math.MaxInt64},
		"too much asked":  {Kind: Failed, Asked: math.MaxInt64},
		"negative asked":  {Kind: Failed, Asked: -1},
		"no time":         {Kind: OK, Took: -1},
	} {
		before := Counts{Requests: 1, OK: 1, Consumed: 1, Declared: 10, Asked: 1}
		after := before
		err := after.Add(o)
		if err == nil || after != before {
			t.Errorf("%s: error %v, counts %+v; want an error and no change", name, err, after)
		}
	}
}

func TestPeriodScoreIsAFraction(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := Counts{
			OK:          rapid.IntRange(0, 1000).Draw(t, "ok"),
			RateLimited: rapid.IntRange(0, 1000).Draw(t, "rate limited"),
			Failed:      rapid.IntRange(0, 1000).Draw(t, "failed"),
			Consumed:    rapid.Int64Range(0, math.MaxInt64).Draw(t, "consumed"),
			Declared:    rapid.Int64Range(0, math.MaxInt64).Draw(t, "declared"),
		}
		c.Requests = c.OK + c.RateLimited + c.Failed
		s, ok := c.Score()
		if ok != (c.Requests > 0 && c.Declared > 0) {
			t.Fatalf("%+v: has a score: %t", c, ok)
		}
		if !(s >= 0 && s <= 1) {
			t.Fatalf("%+v: score %v, want 0 to 1", c, s)
		}
		if c.Requests == c.OK && ok && s != 1 {
			t.Fatalf("%+v: score %v though nothing failed", c, s)
		}
		// One more failure may raise the score of a miner that refuses most requests (4
		// requests, 3 refused: .0625; with a failure besides: .064). The original's formula is
		// so; but turning a good answer into a failure never gains.
		if c.OK > 0 {
			worse := c
			worse.OK--
			worse.Failed++
			if w, _ := worse.Score(); ok && w > s+1e-12 {
				t.Fatalf("%+v scores %v, and %v with one answer failed instead", c, s, w)
			}
		}
		more := c
		more.Consumed += min(1000, math.MaxInt64-c.Consumed)
		if m, _ := more.Score(); ok && m < s-1e-12 {
			t.Fatalf("%+v scores %v, and %v having consumed more", c, s, m)
		}
	})
}

func TestHistoryAverages(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		past := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Past {
			return Past{Score: rapid.Float64Range(0, 1).Draw(t, "score"), Consumed: float64(rapid.Int64Range(0, 1e15).Draw(t, "consumed"))}
		}), 0, MaxHistory).Draw(t, "past")
		h := AveragePeriods(past)
		lowest, highest, consumed, weights := 1.0, 0.0, 0.0, 0.0
		for i, p := range past {
			consumed += p.Consumed
			weights += h.Weights[i]
			if p.Consumed > 0 {
				lowest, highest = min(lowest, p.Score), max(highest, p.Score)
			}
		}
		if consumed == 0 {
			if h.Score != 0 || weights != 0 {
				t.Fatalf("nothing consumed, yet %+v", h)
			}
			return
		}
		if !same(weights, 1) {
			t.Fatalf("weights sum to %v, want 1", weights)
		}
		if h.Mean < lowest-1e-12 || h.Mean > highest+1e-12 || h.Score > h.Mean || h.Score < 0.75*h.Mean-1e-12 {
			t.Fatalf("%+v, from scores of %v to %v", h, lowest, highest)
		}
	})
}

func TestSpeed(t *testing.T) {
	s := Speed{Overhead: time.Second, Mean: 0.01, Steepness: 80}
	if got := s.PerUnit(3*time.Second, 100); got != 0.02 {
		t.Errorf("100 units in 3 s with 1 s of overhead: %v s per unit, want 0.02", got)
	}
	if got := s.PerUnit(time.Second/2, 100); got != 0 {
		t.Errorf("within the overhead: %v s per unit, want 0", got)
	}
	if got := s.PerUnit(3*time.Second, 0); got != 2 {
		t.Errorf("an answer without work: %v s per unit, want 2", got)
	}
	if a, b := s.Factor(0), s.Factor(s.Mean); a != MaxSpeed || b != 1 {
		t.Errorf("factors %v at once and %v at the mean, want %v and 1", a, b, MaxSpeed)
	}
	rapid.Check(t, func(t *rapid.T) {
		x := rapid.Float64Range(0, 1).Draw(t, "seconds per unit")
		y := rapid.Float64Range(x, 1).Draw(t, "slower")
		fast, slow := s.Factor(x), s.Factor(y)
		if slow > fast || slow < 0 || fast > MaxSpeed {
			t.Fatalf("factors %v at %v and %v at %v: slower must not earn more", fast, x, slow, y)
		}
	})
	for _, bad := range []Speed{
		{Overhead: -1, Mean: 1}, {Mean: 0}, {Mean: math.NaN()}, {Mean: math.Inf(1)},
		{Mean: 1, Steepness: -1}, {Mean: 1, Steepness: math.NaN()}, {Mean: 1, Steepness: math.Inf(1)},
	} {
		if bad.Validate() == nil {
			t.Errorf("%+v is accepted", bad)
		}
	}
}

func TestQualityCountsTheNewestChecks(t *testing.T) {
	checks := make([]Check, 80)
	for i := range checks {
		if i < MaxChecks {
			checks[i] = Check{Quality: float64(i%2) * 0.8, Speed: 1.5}
		} else {
			checks[i] = Check{Quality: 1, Speed: 1} // older: must not count
		}
	}
	q := MeanQuality(checks)
	if q.Checks != MaxChecks || !same(q.Mean, 0.4) || !same(q.Speed, 1.5) || !same(q.Combined, 0.6) {
		t.Errorf("%+v, want 50 checks of mean 0.4 at speed 1.5, combined 0.6", q)
	}
	if q := MeanQuality(nil); q != (Quality{}) {
		t.Errorf("without checks: %+v, want nothing", q)
	}
	// The mean of products, not the product of means.
	q = MeanQuality([]Check{{Quality: 1, Speed: 1.6}, {Quality: 0, Speed: 0}})
	if !same(q.Combined, 0.8) {
		t.Errorf("combined %v, want 0.8", q.Combined)
	}
}
