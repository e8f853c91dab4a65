package storetest

import (
	"math"
	"testing"
	"time"

	"vision/internal/outcome"
	"vision/internal/store"
)

// What other validators showed is kept once, with how many of the pair's answers
// had been checked by then, survives a restart, and goes with time.
func testAccusations(t *testing.T, db Database) {
	s := open(t, db)
	pair := store.Pair{Miner: miner(1), Task: "a"}
	accused := func(n byte, at time.Time, e float64) outcome.Accusation {
		return outcome.Accusation{Answer: [32]byte{n}, Validator: miner(9), Miner: pair.Miner, Task: pair.Task, At: at, E: e, Test: "likelihood", Reference: "vllm"}
	}
	same(t, "at first", must(s.Accusations(ctx, time.Time{}))(t), []outcome.Accusation{})
	first := accused(1, t0, 40)
	save := func(a outcome.Accusation) {
		t.Helper()
		if err := s.SaveAccusation(ctx, a); err != nil {
			t.Fatal(err)
		}
	}
	save(first)
	s.judged(pair, 1, 0.5, 0.5, 1)
	save(accused(1, t0.Add(time.Hour), 50)) // the same answer, shown again
	second := accused(2, t0.Add(2*time.Hour), 0.25)
	save(second)
	second.Checked = 3
	for _, f := range []fixture{s, open(t, db)} {
		same(t, "all", must(f.Accusations(ctx, time.Time{}))(t), []outcome.Accusation{second, first})
		same(t, "new ones", must(f.Accusations(ctx, t0.Add(time.Hour)))(t), []outcome.Accusation{second})
	}
	if err := s.SaveAccusation(ctx, accused(3, t0, math.NaN())); err == nil {
		t.Error("evidence that is no number is kept")
	}
	if err := s.Prune(ctx, t0.Add(outcome.AccusedMemory)); err != nil {
		t.Fatal(err)
	}
	same(t, "after a prune of what is kept for less", must(s.Accusations(ctx, time.Time{}))(t), []outcome.Accusation{second, first})
	if err := s.Prune(ctx, t0.Add(outcome.AccusedMemory+time.Hour)); err != nil {
		t.Fatal(err)
	}
	same(t, "after a prune", must(s.Accusations(ctx, time.Time{}))(t), []outcome.Accusation{second})
}
