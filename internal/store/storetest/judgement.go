package storetest

import (
	"math/rand/v2"
	"testing"
	"time"

	"vision/internal/judgement"
	"vision/internal/outcome"
	"vision/internal/store"
)

// save keeps a check, and gives it as it must come back.
func (f fixture) save(c outcome.Check) outcome.Check {
	f.t.Helper()
	change := must(f.SaveCheck(ctx, c, judgement.Default()))(f.t)
	now := change.After
	c.Quality = min(c.Quality, judgement.Default().Quality(now))
	c.Number, c.Standing, c.Wealth, c.Convicted = now.Checked, now.Standing, now.Wealth(), change.Convicts()
	return c
}

// judged records a response for each e-value, and saves the check of each.
func (f fixture) judged(pair store.Pair, from int, all ...float64) (checks []outcome.Check) {
	f.t.Helper()
	for i, e := range all {
		entry := sampled(from + i)
		entry.Outcome.Miner, entry.Outcome.Task = pair.Miner, pair.Task
		entry.Sample.Outcome = entry.Outcome
		f.record(entry)
		claimed := f.claim(t0, 1)
		if len(claimed) != 1 {
			f.t.Fatalf("claimed %d samples", len(claimed))
		}
		c := outcome.Check{Sample: claimed[0].ID, Task: pair.Task, Miner: pair.Miner, At: t0.Add(time.Duration(from+i) * time.Minute), Quality: 1, Test: "t", E: e}
		checks = append(checks, f.save(c))
	}
	return checks
}

func repeat(e float64, n int) []float64 {
	all := make([]float64, n)
	for i := range all {
		all[i] = e
	}
	return all
}

// What is known of a miner says whether its newest check could have been stronger.
func testWeakDeclaration(t *testing.T, db Database) {
	s := open(t, db)
	for i, weak := range []bool{true, false, true} {
		s.record(sampled(1 + i))
		s.save(outcome.Check{Sample: s.claim(t0, 1)[0].ID, Task: "a", Miner: miner(1), At: t0, Quality: 1, E: 1, Weak: weak})
		if j := must(s.Judgements(ctx))(t); len(j) != 1 || j[0].Weak != weak {
			t.Errorf("after check %d: %+v, want weak %t", i, j, weak)
		}
	}
}

// What is known of miners follows from their checks alone, and survives a restart.
func testJudgements(t *testing.T, db Database) {
	s := open(t, db)
	a, b := store.Pair{Miner: miner(1), Task: "a"}, store.Pair{Miner: miner(2), Task: "a"}
	other := store.Pair{Miner: miner(1), Task: "b"}
	same(t, "before any check", must(s.Judgements(ctx))(t), []outcome.Judgement{})
	s.judged(a, 1, 1, 0.5, 2)
	checks := s.judged(b, 10, 30, 30, 30, 30, 0.5)
	s.judged(other, 20, 1)
	want := func(e ...float64) (st judgement.State) {
		for _, e := range e {
			st, _ = judgement.Default().Observe(st, e)
		}
		return st
	}
	expected := []outcome.Judgement{
		{Miner: a.Miner, Task: "a", At: t0.Add(3 * time.Minute), Since: t0.Add(time.Minute), State: want(1, 0.5, 2)},
		{Miner: a.Miner, Task: "b", At: t0.Add(20 * time.Minute), Since: t0.Add(20 * time.Minute), State: want(1)},
		{Miner: b.Miner, Task: "a", At: t0.Add(14 * time.Minute), Since: t0.Add(13 * time.Minute), State: want(30, 30, 30, 30, 0.5)},
	}
	for _, f := range []fixture{s, open(t, db)} {
		sameStates(t, must(f.Judgements(ctx))(t), expected)
	}
	if c := checks[3]; !c.Convicted || c.Standing != judgement.Convicted || checks[4].Convicted || checks[4].Standing != judgement.Convicted {
		t.Errorf("the fourth check should convict, and the fifth find it so: %+v", checks[3:])
	}
	same(t, "checks", must(s.Checks(ctx, b.Miner, "a", 9))(t)[1], checks[3])
}

func sameStates(t *testing.T, got, want []outcome.Judgement) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d judgements, want %d", len(got), len(want))
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("judgement %d:\n got %+v\nwant %+v", i, got[i], want[i])
		}
	}
}

// Samples of a watched miner come sooner than its checks alone would have it.
func testWatchedFirst(t *testing.T, db Database) {
	s := open(t, db)
	known, watched := store.Pair{Miner: miner(1), Task: "a"}, store.Pair{Miner: miner(2), Task: "a"}
	s.judged(known, 1, repeat(0.5, 4)...)
	wait := func(pair store.Pair, second int) {
		e := sampled(second)
		e.Outcome.Miner, e.Outcome.Task = pair.Miner, pair.Task
		e.Sample.Outcome = e.Outcome
		s.record(e)
	}
	first := func(now time.Time) (who store.Pair) {
		for _, sm := range s.claim(now, 1) {
			who = store.Pair{Miner: sm.Outcome.Miner, Task: sm.Outcome.Task}
		}
		return who
	}
	checks := s.judged(watched, 20, append(repeat(0.5, 6), 30)...)
	if last := checks[len(checks)-1]; last.Standing != judgement.Trusted {
		t.Fatalf("standing %v", last.Standing)
	}
	wait(watched, 100)
	wait(known, 101)
	same(t, "first while both are trusted", first(t0), known)
	checks = append(checks, s.save(outcome.Check{Sample: s.claim(t0, 1)[0].ID, Task: "a", Miner: watched.Miner, At: t0, Quality: 1, E: 30}))
	if last := checks[len(checks)-1]; last.Standing != judgement.Watched {
		t.Fatalf("standing %v", last.Standing)
	}
	wait(watched, 102) // later than what is left of the other's
	same(t, "first when one is watched", first(t0.Add(time.Hour)), watched)
}

// What speaks against a miner is kept with its bytes, within bounds, and what
// convicted it outlives the rest.
func testEvidence(t *testing.T, db Database) {
	s := open(t, db)
	pair := store.Pair{Miner: miner(1), Task: "a"}
	s.judged(pair, 1, append([]float64{4}, repeat(0.5, 8)...)...)
	checks := s.judged(pair, 10, 30, 30, 30, 30, 30)
	if last := checks[len(checks)-1]; !last.Convicted {
		t.Fatalf("not convicted: %+v", last)
	}
	s.judged(pair, 20, 30, 0.5)
	list := must(s.Evidence(ctx, pair.Miner, "a", 99))(t)
	var got []string
	for _, e := range list {
		got = append(got, string(e.Sample.Response[6:8]))
		if (e.Check.Number >= 10 && e.Check.Number <= 14) != e.Proves {
			t.Errorf("check %d proves: %t", e.Check.Number, e.Proves)
		}
	}
	same(t, "responses kept", got, []string{"14", "13", "12", "11", "10", "20", "1\n"})
	same(t, "the verdict", list[0].Check, checks[4])
	want := sampled(14)
	want.Sample.ID, want.Sample.Outcome.Miner, want.Sample.Outcome.Task = list[0].Sample.ID, pair.Miner, "a"
	same(t, "the sample", list[0].Sample, *want.Sample)
	same(t, "two only", len(must(s.Evidence(ctx, pair.Miner, "a", 2))(t)), 2)
	same(t, "against somebody else", len(must(s.Evidence(ctx, miner(2), "a", 99))(t)), 0)

	// Pruning takes what convicted nobody, and forgets those who were never convicted.
	s.judged(store.Pair{Miner: miner(2), Task: "a"}, 30, 4)
	if err := s.Prune(ctx, t0.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if left := must(s.Evidence(ctx, pair.Miner, "a", 99))(t); len(left) != 5 || !left[4].Proves {
		t.Errorf("%d pieces of evidence left, want the 5 that convicted", len(left))
	}
	if j := must(s.Judgements(ctx))(t); len(j) != 1 || j[0].Miner != pair.Miner {
		t.Errorf("judgements left: %+v", j)
	}

	// Bounds.
	s.judged(store.Pair{Miner: miner(3), Task: "a"}, 100, append([]float64{judgement.Proof}, repeat(10, store.MaxEvidence+5)...)...)
	if left := must(s.Evidence(ctx, miner(3), "a", 99))(t); len(left) != 1+store.MaxEvidence || !left[0].Proves || left[1].Check.Number != store.MaxEvidence+6 {
		t.Errorf("%d pieces of evidence kept, want the proof and the newest %d", len(left), store.MaxEvidence)
	}
	large := sampled(1)
	large.Outcome.Miner, large.Outcome.Task = miner(4), "a"
	large.Sample.Outcome = large.Outcome
	large.Sample.Response = noise(store.MaxEvidenceBody + 1000)
	s.record(large)
	c := s.save(outcome.Check{Sample: s.claim(t0.Add(9*time.Hour), 1)[0].ID, Task: "a", Miner: miner(4), At: t0, E: judgement.Proof})
	if left := must(s.Evidence(ctx, miner(4), "a", 99))(t); len(left) != 1 || len(left[0].Sample.Response) > 0 || left[0].Check != c || left[0].Sample.Outcome != large.Outcome {
		t.Errorf("of a response too long to be kept: %d pieces of evidence", len(left))
	}
}

// noise is n bytes that do not deflate.
func noise(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(b)
	return b
}
