package storetest

import (
	"fmt"
	"math"
	"testing"
	"time"

	"vision/internal/apikey"
	"vision/internal/outcome"
	"vision/internal/period"
	"vision/internal/score"
	"vision/internal/store"
)

func contenders(n int) (list []period.Contender) {
	for i := range n {
		list = append(list, period.Contender{
			Miner: miner(i / 2), Task: fmt.Sprintf("task-%d", i%2), UID: uint16(65535 - i/2), Addr: fmt.Sprintf("10.0.0.%d:4000", i),
			Declared: 1 << 50, Capacity: int64(i) + 1, Share: 1 / float64(i+1), Probes: i, Slots: i + 1,
			Offer: score.Offer{Declared: 1 << 50, Maximum: int64(i), StakeShare: 1 / float64(i+3), PerRequest: 7, Slots: i, PerSlot: 9},
		})
	}
	return list
}

func start(s fixture, n int, list []period.Contender) period.Period {
	s.t.Helper()
	p := period.Period{Start: t0.Add(time.Duration(n) * time.Hour), End: t0.Add(time.Duration(n+1) * time.Hour), Seed: math.MaxUint64 - uint64(n)}
	got := must(s.StartPeriod(ctx, p, list))(s.t)
	p.ID = got.ID
	same(s.t, "the started period", got, p)
	return got
}

func resultsOf(s fixture, id int64) (list []period.Result) {
	s.t.Helper()
	for i, c := range must(s.Contenders(ctx, id))(s.t) {
		list = append(list, period.Result{
			Contender: c, Score: float64(i) / 10, Valid: i%3 != 0,
			Counts: score.Counts{Requests: 6 + i, OK: 3 + i, RateLimited: 2, Failed: 1, Consumed: 1 << 40, Declared: 1 << 41},
		})
	}
	return list
}

func testPeriods(t *testing.T, db Database) {
	s := open(t, db)
	_, err := s.LastPeriod(ctx)
	wantIs(t, "last period of none", err, store.ErrNotFound)
	same(t, "results of none", must(s.Results(ctx, 5))(t), []period.Result{})

	first := start(s, 1, contenders(5))
	got := must(s.Contenders(ctx, first.ID))(t)
	want := contenders(5)
	want = []period.Contender{want[4], want[2], want[3], want[0], want[1]} // by UID, then task
	for i := range want {
		want[i].Period = first.ID
	}
	same(t, "contenders", got, want)
	same(t, "last period", must(s.LastPeriod(ctx))(t), first)

	second := start(s, 2, contenders(3))
	if second.ID <= first.ID {
		t.Errorf("period %d follows %d", second.ID, first.ID)
	}
	same(t, "last period", must(s.LastPeriod(ctx))(t), second)
	same(t, "contenders of no period", must(s.Contenders(ctx, 99))(t), []period.Contender{})

	one, two := resultsOf(s, first.ID), resultsOf(s, second.ID)
	for _, p := range []struct {
		id      int64
		results []period.Result
	}{{first.ID, one}, {second.ID, two}} {
		if err := s.FinishPeriod(ctx, p.id, period.Closing{Results: p.results}); err != nil {
			t.Fatal(err)
		}
	}
	second.Phase = period.Scored
	same(t, "last period, scored", must(s.LastPeriod(ctx))(t), second)
	start(s, 3, contenders(2))
	same(t, "results of the newest", must(s.Results(ctx, 1))(t), two)
	same(t, "results of all", must(s.Results(ctx, 9))(t), append(two, one...))
	past := []period.Past{}
	for _, r := range append(two, one...) {
		if r.Miner != one[0].Miner || r.Task != one[0].Task {
			continue
		}
		end := first.End
		if r.Period == second.ID {
			end = second.End
		}
		counts := r.Counts
		counts.Asked, counts.AskedRateLimited, counts.AskedFailed = 0, 0, 0 // only as long as the period runs
		past = append(past, period.Past{Period: r.Period, End: end, Counts: counts})
	}
	same(t, "results of one contender", must(s.LastResults(ctx, one[0].Miner, one[0].Task, 9))(t), past)
	if got := must(s.LastResults(ctx, two[0].Miner, two[0].Task, 1))(t); len(got) != 1 || got[0].Period != second.ID {
		t.Errorf("of the newest period: %+v", got)
	}
	same(t, "results of none that contended", must(s.LastResults(ctx, one[0].Miner, "another", 9))(t), []period.Past{})

	if _, err := s.StartPeriod(ctx, period.Period{Start: t0, End: t0}, append(contenders(2), contenders(1)...)); err == nil {
		t.Error("one contender twice was accepted")
	}
	if got := must(s.LastPeriod(ctx))(t); got.ID != second.ID+1 {
		t.Errorf("a refused period left a trace: the last is %d", got.ID)
	}
}

func testJoinPeriod(t *testing.T, db Database) {
	s := open(t, db)
	all := contenders(5)
	p := start(s, 1, all[:3])
	moved := all[1]
	moved.Addr, moved.Capacity = "elsewhere:1", 77 // only the address is taken
	for range 2 {                                  // as after an error of which nobody knows what came of it
		if err := s.JoinPeriod(ctx, p.ID, []period.Contender{moved, all[3], all[4]}); err != nil {
			t.Fatal(err)
		}
	}
	want := []period.Contender{all[4], all[2], all[3], all[0], all[1]} // by UID, then task
	want[4].Addr = moved.Addr
	for i := range want {
		want[i].Period = p.ID
	}
	same(t, "contenders", must(s.Contenders(ctx, p.ID))(t), want)

	stranger := all[4]
	stranger.Miner = miner(50)
	if err := s.JoinPeriod(ctx, p.ID, []period.Contender{stranger}); err == nil {
		t.Error("a miner took the uid of another")
	}
	same(t, "contenders after a refusal", must(s.Contenders(ctx, p.ID))(t), want)

	results := resultsOf(s, p.ID)
	if err := s.FinishPeriod(ctx, p.ID, period.Closing{Results: results}); err != nil {
		t.Fatal(err)
	}
	same(t, "results", must(s.Results(ctx, 1))(t), results)
	wantIs(t, "joining a period that is over", s.JoinPeriod(ctx, p.ID, all[:1]), store.ErrNotFound)
	wantIs(t, "joining no period", s.JoinPeriod(ctx, 99, all[:1]), store.ErrNotFound)
}

func testFinishPeriodOnce(t *testing.T, db Database) {
	s := open(t, db)
	p := start(s, 1, contenders(4))
	results := resultsOf(s, p.ID)
	stranger := append(results[:3:3], results[3])
	stranger[3].Miner = miner(50)
	if err := s.FinishPeriod(ctx, p.ID, period.Closing{Results: stranger}); err == nil {
		t.Error("the result of a contender that did not take part was accepted")
	}
	if got := must(s.LastPeriod(ctx))(t); got.Phase != period.Running {
		t.Errorf("a refused finish moved the period to phase %d", got.Phase)
	}
	results[0].Score, results[0].Valid = math.NaN(), false // meaningless, so no reason to refuse it
	if err := s.FinishPeriod(ctx, p.ID, period.Closing{Results: results}); err != nil {
		t.Fatal(err)
	}
	wantIs(t, "a second finish", s.FinishPeriod(ctx, p.ID, period.Closing{Results: results[:1]}), store.ErrNotFound)
	wantIs(t, "finish of no period", s.FinishPeriod(ctx, 99, period.Closing{}), store.ErrNotFound)
	if got := must(s.Results(ctx, 1))(t); len(got) != 4 {
		t.Errorf("%d results, want 4", len(got))
	}
}

func testWeights(t *testing.T, db Database) {
	s := open(t, db)
	_, err := s.LastWeights(ctx)
	wantIs(t, "last weights of none", err, store.ErrNotFound)
	p := start(s, 1, contenders(2))
	w := period.Weights{Period: p.ID, At: t0, Note: "rate limited", Miners: []period.MinerWeight{{Miner: miner(2), UID: 9, Weight: 0.75}, {Miner: miner(1), UID: 65535, Weight: 0.25}}}
	wantIs(t, "weights of a running period", s.SaveWeights(ctx, w), store.ErrNotFound)
	if err := s.FinishPeriod(ctx, p.ID, period.Closing{Results: resultsOf(s, p.ID)}); err != nil {
		t.Fatal(err)
	}
	if err := s.SaveWeights(ctx, w); err != nil {
		t.Fatal(err)
	}
	same(t, "weights", must(s.LastWeights(ctx))(t), w)
	p.Phase = period.Weighted
	same(t, "weighted period", must(s.LastPeriod(ctx))(t), p)
	w.Set, w.Note, w.At, w.Miners = true, "block 5", t0.Add(time.Minute), w.Miners[:1]
	if err := s.SaveWeights(ctx, w); err != nil {
		t.Fatal(err)
	}
	same(t, "weights that the ledger took", must(s.LastWeights(ctx))(t), w)
	if got := must(s.Results(ctx, 1))(t); len(got) != 2 {
		t.Errorf("%d results of a weighted period, want 2", len(got))
	}
	w.Period = 99
	wantIs(t, "weights of no period", s.SaveWeights(ctx, w), store.ErrNotFound)
}

func testKeys(t *testing.T, db Database) {
	s := open(t, db)
	same(t, "no keys", must(s.Keys(ctx))(t), []apikey.Key{})
	var want []apikey.Key
	for i := range 3 {
		k := apikey.Key{Name: fmt.Sprint("key ", i), Hash: apikey.HashOf(fmt.Sprint("sk-", i)), Hint: "abcd", PerMinute: i * 60, Created: t0}
		got := must(s.CreateKey(ctx, k))(t)
		k.ID, k.Root, k.Project = got.ID, got.ID, apikey.DefaultProject
		if k.ID <= 0 {
			t.Errorf("key has ID %d", k.ID)
		}
		same(t, "created key", got, k)
		want = append(want, k)
	}
	if _, err := s.CreateKey(ctx, want[0]); err == nil {
		t.Error("a second key with the same hash was accepted")
	}
	if err := s.RevokeKey(ctx, want[1].ID, t0.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	want[1].Revoked = t0.Add(time.Hour)
	same(t, "keys", must(s.Keys(ctx))(t), want)
	wantIs(t, "revoke twice", s.RevokeKey(ctx, want[1].ID, t0.Add(time.Hour)), store.ErrNotFound)
	wantIs(t, "revoke no key", s.RevokeKey(ctx, 99, t0), store.ErrNotFound)
	same(t, "keys", must(s.Keys(ctx))(t), want)
}

func testSecrets(t *testing.T, db Database) {
	s := open(t, db)
	a := must(s.Secret(ctx, "sampling"))(t)
	b := must(s.Secret(ctx, "probes"))(t)
	if a == b || a == [32]byte{} {
		t.Errorf("secrets %x and %x", a, b)
	}
	same(t, "the secret again", must(s.Secret(ctx, "sampling"))(t), a)
}

func testPrune(t *testing.T, db Database) {
	s := open(t, db)
	checks := verdicts(s, 3) // outcomes end at seconds 1 to 3, checks are at hours 0, 1, 2
	for _, c := range checks {
		s.save(c)
	}
	late := sampled(5000)
	late.Kind, late.Features = "chat", feature(1)
	early := sampled(1)
	early.Kind, early.Features = "chat", feature(2)
	slow := outcome.Entry{Outcome: attempt(2)}
	slow.Outcome.Blocked = time.Hour // began early and ended late
	s.record(late, slow, early)      // early comes after late in order, and must go all the same
	for n := range 3 {
		p := start(s, n, contenders(2))
		if err := s.FinishPeriod(ctx, p.ID, period.Closing{Results: resultsOf(s, p.ID)}); err != nil {
			t.Fatal(err)
		}
		if err := s.SaveWeights(ctx, period.Weights{Period: p.ID, At: t0, Miners: []period.MinerWeight{{Miner: miner(n), UID: 1, Weight: 1}}}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Prune(ctx, t0.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	left := s.outcomes(0, 99)
	if len(left) != 2 || left[0].Request != late.Outcome.Request || left[1].Request != slow.Outcome.Request {
		t.Errorf("outcomes left: %v", left)
	}
	if got := must(s.Features(ctx, "chat", 9))(t); len(got) != 1 || got[0] != *feature(1) {
		t.Errorf("features left: %v", got)
	}
	if got := must(s.CheckCounts(ctx, t0))(t); len(got) != 2 {
		t.Errorf("checks left: %v", got)
	}
	if got := must(s.Results(ctx, 99))(t); len(got) != 6 {
		t.Errorf("%d results left, want all 6: the first period ended at that very instant", len(got))
	}
	if err := s.Prune(ctx, t0.Add(100*time.Hour)); err != nil {
		t.Fatal(err)
	}
	if got := must(s.Results(ctx, 99))(t); len(got) != 0 {
		t.Errorf("%d results left of no period", len(got))
	}
	_, err := s.LastPeriod(ctx)
	wantIs(t, "last period", err, store.ErrNotFound)
	_, err = s.LastWeights(ctx)
	wantIs(t, "last weights", err, store.ErrNotFound)
	// Numbers are not used again, or readers that continue after one would miss the next.
	s.record(sampled(6000))
	if got := s.outcomes(left[0].Seq, 9); len(got) != 1 {
		t.Errorf("an outcome after a full prune has no greater sequence number than before")
	}
	if n := must(s.Pending(ctx))(t); n != 3 {
		t.Errorf("%d samples pending, want 3: Prune has nothing to do with them", n)
	}
}
