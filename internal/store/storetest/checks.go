package storetest

import (
	"math"
	"testing"
	"time"

	"vision/internal/outcome"
	"vision/internal/store"
)

// verdicts records and claims n samples and gives a check for each.
func verdicts(s fixture, n int) (checks []outcome.Check) {
	s.t.Helper()
	for i := range n {
		s.record(sampled(i))
	}
	for i, sm := range s.claim(t0, n) {
		checks = append(checks, outcome.Check{
			Sample: sm.ID, Task: []string{"a", "b"}[i%2], Miner: miner(i % 3), Source: outcome.Synthetic,
			At: t0.Add(time.Duration(i) * time.Hour), Quality: 1 / float64(i+1), Speed: 1.25, Work: 7,
			Test: "prefill-t0", Detail: "all tokens agree", E: float64(i), Untimed: i%4 == 3,
		})
	}
	if len(checks) != n {
		s.t.Fatalf("claimed %d samples of %d", len(checks), n)
	}
	return checks
}

func testChecks(t *testing.T, db Database) {
	s := open(t, db)
	checks := verdicts(s, 12)
	checks[0].E = math.Inf(1)
	for _, c := range checks {
		if err := s.SaveCheck(ctx, c); err != nil {
			t.Fatal(err)
		}
	}
	same(t, "miner 0", must(s.Checks(ctx, miner(0), "", 10))(t), []outcome.Check{checks[9], checks[6], checks[3], checks[0]})
	same(t, "miner 0, newest 2", must(s.Checks(ctx, miner(0), "", 2))(t), []outcome.Check{checks[9], checks[6]})
	same(t, "miner 0 in a", must(s.Checks(ctx, miner(0), "a", 10))(t), []outcome.Check{checks[6], checks[0]})
	same(t, "a stranger", must(s.Checks(ctx, miner(77), "", 10))(t), []outcome.Check{})
	same(t, "counts since hour 8", must(s.CheckCounts(ctx, t0.Add(8*time.Hour)))(t), map[store.Pair]int{
		{Miner: miner(0), Task: "b"}: 1, {Miner: miner(1), Task: "a"}: 1, {Miner: miner(2), Task: "a"}: 1, {Miner: miner(2), Task: "b"}: 1,
	})
	same(t, "counts of all", must(s.CheckCounts(ctx, t0))(t), map[store.Pair]int{
		{Miner: miner(0), Task: "a"}: 2, {Miner: miner(1), Task: "a"}: 2, {Miner: miner(2), Task: "a"}: 2,
		{Miner: miner(0), Task: "b"}: 2, {Miner: miner(1), Task: "b"}: 2, {Miner: miner(2), Task: "b"}: 2,
	})
	if n := must(s.Pending(ctx))(t); n != 0 {
		t.Errorf("%d samples pending after all were checked", n)
	}
}

func testSaveCheckOnce(t *testing.T, db Database) {
	s := open(t, db)
	checks := verdicts(s, 2)
	bad := checks[0]
	bad.Quality = math.NaN()
	if err := s.SaveCheck(ctx, bad); err == nil {
		t.Error("a quality that is not a number was accepted")
	}
	if err := s.SaveCheck(ctx, checks[0]); err != nil {
		t.Fatal(err)
	}
	again := checks[0]
	again.Quality = 0
	wantIs(t, "a second verdict", s.SaveCheck(ctx, again), store.ErrNotFound)
	wantIs(t, "postponing a checked sample", s.PostponeSample(ctx, checks[0].Sample, t0, ""), store.ErrNotFound)
	same(t, "checks", must(s.Checks(ctx, checks[0].Miner, "", 9))(t), checks[:1])
	if must(s.DropSamples(ctx, t0.Add(time.Hour)))(t) != 1 {
		t.Error("the other sample was not pending")
	}
	wantIs(t, "a verdict on a dropped sample", s.SaveCheck(ctx, checks[1]), store.ErrNotFound)
}
