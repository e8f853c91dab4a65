package storetest

import (
	"testing"
	"time"

	"vision/internal/hotkey"
	"vision/internal/judgement"
	"vision/internal/outcome"
)

// Answers that were the same as another's are listed for both, newest first,
// and go with time; what is said of no other miner is refused.
func testCopies(t *testing.T, db Database) {
	s := open(t, db)
	pairs := [][2]int{{1, 2}, {3, 1}, {2, 3}, {1, 3}}
	var all []outcome.Copied
	for i, p := range pairs {
		e := sampled(10 + i)
		e.Outcome.Miner = miner(p[0])
		e.Sample.Outcome = e.Outcome
		s.record(e)
		id := s.claim(t0, 1)[0].ID
		c := outcome.Check{Sample: id, Task: e.Outcome.Task, Miner: miner(p[0]), At: t0.Add(time.Duration(i) * time.Hour), Quality: 1, E: 1,
			Copy: outcome.Copy{Request: e.Outcome.Request, Other: miner(p[1]), To: "req-other", Tokens: 20 + i, LogP: -14.5 - float64(i)}}
		s.save(c)
		all = append([]outcome.Copied{{Sample: id, Task: c.Task, Miner: c.Miner, At: c.At, Copy: c.Copy}}, all...)
	}
	for _, f := range []fixture{s, open(t, db)} {
		same(t, "all", must(f.Copies(ctx, hotkey.ID{}, 9))(t), all)
		same(t, "the newest two", must(f.Copies(ctx, hotkey.ID{}, 2))(t), all[:2])
		same(t, "miner 1's", must(f.Copies(ctx, miner(1), 9))(t), []outcome.Copied{all[0], all[2], all[3]})
		same(t, "miner 1's newest two", must(f.Copies(ctx, miner(1), 2))(t), []outcome.Copied{all[0], all[2]})
		same(t, "a stranger's", must(f.Copies(ctx, miner(9), 9))(t), []outcome.Copied{})
	}
	s.record(sampled(50))
	wrong := s.claim(t0, 1)[0]
	c := outcome.Check{Sample: wrong.ID, Task: wrong.Outcome.Task, Miner: wrong.Outcome.Miner, At: t0, Quality: 1, E: 1,
		Copy: outcome.Copy{Request: "a", Other: wrong.Outcome.Miner, To: "b", Tokens: 5, LogP: -20}}
	if _, err := s.SaveCheck(ctx, c, judgement.Default()); err == nil {
		t.Error("a miner's copy of itself is kept")
	}
	if err := s.Prune(ctx, t0.Add(2*time.Hour)); err != nil {
		t.Fatal(err)
	}
	same(t, "after a prune", must(s.Copies(ctx, hotkey.ID{}, 9))(t), all[:2])
}
