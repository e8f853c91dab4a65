package storetest

import (
	"math"
	"testing"
	"time"

	"vision/internal/judgement"
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
			Test: "prefill-t0", Detail: "all tokens agree", E: float64(i) / 12, Untimed: i%4 == 3,
			Reference: "builtin: chat", Again: []string{"", "vllm: chat: prefill-t0, E 12"}[i%2], Failed: i%5 == 4, Weak: i%3 == 1, Abandoned: i%7 == 2,
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
	for i, c := range checks {
		checks[i] = s.save(c)
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
	for name, spoil := range map[string]func(*outcome.Check){
		"quality":  func(c *outcome.Check) { c.Quality = math.NaN() },
		"evidence": func(c *outcome.Check) { c.E = math.Inf(1) },
	} {
		bad := checks[0]
		spoil(&bad)
		if _, err := s.SaveCheck(ctx, bad, judgement.Default()); err == nil {
			t.Errorf("%s that is not a number was accepted", name)
		}
	}
	checks[0] = s.save(checks[0])
	again := checks[0]
	again.Quality, again.E = 0, 1e9
	_, err := s.SaveCheck(ctx, again, judgement.Default())
	wantIs(t, "a second verdict", err, store.ErrNotFound)
	wantIs(t, "postponing a checked sample", s.PostponeSample(ctx, checks[0].Sample, t0, ""), store.ErrNotFound)
	same(t, "checks", must(s.Checks(ctx, checks[0].Miner, "", 9))(t), checks[:1])
	if j := must(s.Judgements(ctx))(t); len(j) != 1 || j[0].State.Checked != 1 {
		t.Errorf("judged by %+v, want one check: a verdict that was refused counted", j)
	}
	if must(s.DropSamples(ctx, t0.Add(time.Hour)))(t) != 1 {
		t.Error("the other sample was not pending")
	}
	_, err = s.SaveCheck(ctx, checks[1], judgement.Default())
	wantIs(t, "a verdict on a dropped sample", err, store.ErrNotFound)
}
