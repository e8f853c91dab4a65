package storetest

import (
	"bytes"
	"math"
	"testing"
	"time"

	"vision/internal/fault"
	"vision/internal/outcome"
	"vision/internal/period"
	"vision/internal/score"
	"vision/internal/store"
)

// unfolded are the samples of the checks that no state has taken in.
func unfolded(s fixture) (list []int64) {
	s.t.Helper()
	for _, c := range must(s.UnfoldedChecks(ctx, 100))(s.t) {
		list = append(list, c.Sample)
	}
	return list
}

// folded are the samples of the checks that states have taken in, each with the period, after a sample's in a period.
func folded(s fixture, period, sample int64, limit int) (list [][2]int64) {
	s.t.Helper()
	for _, c := range must(s.FoldedChecks(ctx, period, sample, limit))(s.t) {
		if c.Test != "test" {
			s.t.Errorf("a check taken in has become %+v", c.Check)
		}
		list = append(list, [2]int64{c.Period, c.Sample})
	}
	return list
}

func testStates(t *testing.T, db Database) {
	s := open(t, db)
	same(t, "states of none", must(s.States(ctx, "a"))(t), []period.State{})
	for n := range 3 {
		if err := s.Record(ctx, sampled(n)); err != nil {
			t.Fatal(err)
		}
	}
	samples := must(s.ClaimSamples(ctx, t0.Add(time.Hour), time.Minute, 9))(t)
	for i, sm := range samples {
		// The later sample is judged first.
		s.save(outcome.Check{Sample: sm.ID, Task: "a", Miner: miner(1), At: t0.Add(-time.Duration(i) * time.Second), Test: "test"})
	}
	ids := []int64{samples[2].ID, samples[1].ID, samples[0].ID}
	same(t, "checks that no state has taken in", unfolded(s), ids)
	same(t, "the first of them", must(s.UnfoldedChecks(ctx, 1))(t)[0].Sample, ids[0])

	first := start(s, 1, contenders(3))
	closing := period.Closing{
		Results: resultsOf(s, first.ID), Mechanism: "a", Folded: ids[:2],
		States: []period.State{{Miner: miner(2), Task: "a", Bytes: []byte("one")}, {Miner: miner(1), Task: "b", Bytes: []byte{0, 255}}, {Miner: miner(1), Task: "a", Bytes: []byte{}}},
	}
	if err := s.FinishPeriod(ctx, first.ID, closing); err != nil {
		t.Fatal(err)
	}
	want := []period.State{
		{Miner: miner(1), Task: "a", Period: first.ID, Bytes: []byte{}}, {Miner: miner(1), Task: "b", Period: first.ID, Bytes: []byte{0, 255}},
		{Miner: miner(2), Task: "a", Period: first.ID, Bytes: []byte("one")},
	}
	same(t, "states", must(s.States(ctx, "a"))(t), want)
	same(t, "states of another mechanism", must(s.States(ctx, "b"))(t), []period.State{})
	same(t, "checks left", unfolded(s), ids[2:])
	taken := [][2]int64{{first.ID, ids[1]}, {first.ID, ids[0]}}
	same(t, "checks taken in", folded(s, 0, 0, 9), taken)

	// All of it or nothing.
	second := start(s, 2, contenders(3))
	bad := closing
	bad.Results, bad.Folded = nil, ids
	bad.States = []period.State{{Miner: miner(1), Task: "a", Bytes: []byte("new")}, {Miner: miner(1), Task: "b", Bytes: bytes.Repeat([]byte{1}, store.MaxState+1)}}
	if err := s.FinishPeriod(ctx, second.ID, bad); err == nil {
		t.Error("a state that is too large was accepted")
	}
	stranger := closing
	stranger.Results = append(resultsOf(s, second.ID), period.Result{Contender: period.Contender{Miner: miner(50), Task: "x"}})
	stranger.Folded = ids
	if err := s.FinishPeriod(ctx, second.ID, stranger); err == nil {
		t.Error("a stranger's result was accepted")
	}
	same(t, "states after refusals", must(s.States(ctx, "a"))(t), want)
	same(t, "checks left after refusals", unfolded(s), ids[2:])
	if got := must(s.LastPeriod(ctx))(t); got.Phase != period.Running {
		t.Errorf("a refused closing moved the period to phase %d", got.Phase)
	}

	// One contender's state moves on; the others' stay.
	if err := s.FinishPeriod(ctx, second.ID, period.Closing{Mechanism: "a", Folded: ids[2:], States: []period.State{{Miner: miner(1), Task: "b", Bytes: []byte("two")}}}); err != nil {
		t.Fatal(err)
	}
	want[1].Period, want[1].Bytes = second.ID, []byte("two")
	same(t, "states after the second period", must(s.States(ctx, "a"))(t), want)
	same(t, "checks left in the end", len(unfolded(s)), 0)
	taken = append(taken, [2]int64{second.ID, ids[2]})
	same(t, "checks taken in by both", folded(s, 0, math.MaxInt64, 9), taken)
	same(t, "the first of them", folded(s, 0, 0, 1), taken[:1])
	same(t, "those after the first", folded(s, taken[0][0], taken[0][1], 9), taken[1:])
	same(t, "those of the second period", folded(s, first.ID, math.MaxInt64, 9), taken[2:])
	same(t, "those after the last", len(folded(s, taken[2][0], taken[2][1], 9)), 0)

	if err := s.Prune(ctx, first.End.Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	same(t, "states after the first period is dropped", must(s.States(ctx, "a"))(t), want[1:2])
}

func testBeacons(t *testing.T, db Database) {
	s := open(t, db)
	p := start(s, 1, contenders(3))
	var saved []period.Beacon
	for i := range 3 {
		b := period.Beacon{Period: p.ID, Source: "drand", Number: 1<<63 + uint64(i), At: t0.Add(time.Duration(i) * time.Minute)}
		got := must(s.SaveBeacon(ctx, b))(t)
		if again := must(s.SaveBeacon(ctx, b))(t); again.ID != got.ID || got.ID == 0 {
			t.Errorf("saved again, beacon %d is %d", got.ID, again.ID)
		}
		saved = append(saved, got)
	}
	same(t, "beacons", must(s.Beacons(ctx, p.ID))(t), saved)
	same(t, "beacons of no period", must(s.Beacons(ctx, 99))(t), []period.Beacon{})

	burst := func(beacon, m int) period.Burst {
		return period.Burst{Beacon: saved[beacon].ID, Period: p.ID, Miner: miner(m), Task: "a", Asked: 5 + beacon, InFlight: 2,
			Answers: []score.Arrived{{Served: 1 << 40, Elapsed: 3 * time.Second}, {Served: 0, Elapsed: time.Nanosecond}}}
	}
	all := []period.Burst{burst(0, 2), burst(0, 1), burst(1, 1)}
	all[1].Answers = nil
	all[0].Offer = score.Offer{Declared: 1 << 40, Maximum: 7, StakeShare: 0.3, Slots: 4, Part: 0.5}
	all[2].Slots, all[2].Answers[0].Of, all[2].Answers[1].Of = 3, 1, 300
	for _, list := range [][]period.Burst{all[:2], all[1:]} { // one of them twice
		if err := s.SaveBursts(ctx, list); err != nil {
			t.Fatal(err)
		}
	}
	same(t, "bursts", must(s.Bursts(ctx, p.ID))(t), all)
	same(t, "bursts of no period", must(s.Bursts(ctx, 99))(t), []period.Burst{})
	same(t, "the newest of one contender", must(s.LastBursts(ctx, miner(1), "a", 1))(t), all[2:])
	same(t, "those of one contender", must(s.LastBursts(ctx, miner(1), "a", 9))(t), []period.Burst{all[2], all[1]})

	if err := s.FinishPeriod(ctx, p.ID, period.Closing{Results: resultsOf(s, p.ID)}); err != nil {
		t.Fatal(err)
	}
	if err := s.Prune(ctx, p.End.Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	same(t, "bursts of a period that was dropped", must(s.Bursts(ctx, p.ID))(t), []period.Burst{})
}

func testReports(t *testing.T, db Database) {
	s := open(t, db)
	same(t, "reports of none", must(s.Reports(ctx))(t), []period.Report{})
	if _, err := s.OwnReport(ctx, true); fault.KindOf(err) != fault.NotFound {
		t.Errorf("the own report of none: %v", err)
	}
	own := period.Report{Validator: miner(9), Own: true, Period: 3, At: t0, Body: []byte("one")}
	other := period.Report{Validator: miner(1), Period: 7, At: t0.Add(time.Hour), Body: []byte("other")}
	for _, r := range []period.Report{own, other} {
		if err := s.SaveReport(ctx, r); err != nil {
			t.Fatal(err)
		}
	}
	own.Period, own.At, own.Body = 4, t0.Add(time.Minute), []byte("two")
	old := other
	old.At, old.Body = t0, []byte("older than the one there is")
	for _, r := range []period.Report{own, old} {
		if err := s.SaveReport(ctx, r); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.SaveReport(ctx, period.Report{Validator: miner(2), Body: make([]byte, store.MaxReport+1)}); err == nil {
		t.Error("a report that is too large was accepted")
	}
	same(t, "reports", must(s.Reports(ctx))(t), []period.Report{own, other})
	same(t, "the own report", must(s.OwnReport(ctx, true))(t), own)

	// Its clock was ahead, and is set right.
	ahead := own
	ahead.At = own.At.AddDate(1, 0, 0)
	for _, r := range []period.Report{ahead, own} {
		if err := s.SaveReport(ctx, r); err != nil {
			t.Fatal(err)
		}
	}
	same(t, "the own report after the clock was set back", must(s.OwnReport(ctx, true))(t), own)

	// The validator changes its hotkey, and then back.
	next := period.Report{Validator: miner(8), Own: true, Period: 5, At: own.At.Add(time.Minute), Body: []byte("three")}
	if err := s.SaveReport(ctx, next); err != nil {
		t.Fatal(err)
	}
	same(t, "reports after a change of hotkey", must(s.Reports(ctx))(t), []period.Report{next, own, other})
	own.Period, own.At = 6, next.At.Add(time.Minute)
	if err := s.SaveReport(ctx, own); err != nil {
		t.Fatal(err)
	}
	same(t, "reports after the change was undone", must(s.Reports(ctx))(t), []period.Report{own, next, other})
	own.Body = nil
	same(t, "the own report without its body", must(s.OwnReport(ctx, false))(t), own)
}
