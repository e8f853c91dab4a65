package scorer

import (
	"bytes"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"vision/internal/checker/evidence"
	"vision/internal/fault"
	"vision/internal/hotkey"
	"vision/internal/judgement"
	"vision/internal/outcome"
	"vision/internal/proto"
	"vision/internal/sampling"
)

// asked is how often a sample was judged, and by which turns.
type asked struct {
	mu    sync.Mutex // guards turns
	turns map[int64][]int
}

func (a *asked) note(r proto.CheckRequest) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.turns == nil {
		a.turns = map[int64][]int{}
	}
	a.turns[r.Sample.ID] = append(a.turns[r.Sample.ID], r.Turn)
	return len(a.turns[r.Sample.ID])
}

// An answer that fails its check is judged once more, by the next reference, and
// what speaks less against it counts.
func TestFailedChecksAreRunAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 10*time.Minute, "a")
		var a asked
		w.judge = func(r proto.CheckRequest) (proto.CheckResponse, error) {
			v := proto.CheckResponse{Quality: 1, Work: r.Sample.Outcome.Work, Test: "t", E: 0.5, Reference: "first"}
			switch n := a.note(r); {
			case r.Sample.ID == 1 && n == 1: // a mishap of the first reference
				v.Quality, v.E = 0, 1e6
			case r.Sample.ID == 2: // a wrong answer
				v.Quality, v.E = 0.2, float64(2000/n)
			}
			if r.Turn == 1 {
				v.Reference = "second"
			}
			return v, nil
		}
		w.start()
		w.until(10 * time.Minute)
		w.stop()
		if len(w.store.checks) < 5 {
			t.Fatalf("%d checks", len(w.store.checks))
		}
		for _, c := range w.store.checks {
			turns := a.turns[c.Sample]
			switch c.Sample {
			case 1:
				if len(turns) != 2 || turns[1] != 1 || c.E != 0.5 || c.Quality != 1 || c.Failed || !strings.HasPrefix(c.Again, "second: t") || c.Reference != "first" {
					t.Errorf("a mishap counted: %+v, judged by turns %v", c, turns)
				}
			case 2:
				if len(turns) != 2 || c.E != 1000 || c.Quality != 0.2 || !c.Failed || c.Again == "" {
					t.Errorf("a wrong answer: %+v, judged by turns %v", c, turns)
				}
			default:
				if len(turns) != 1 || turns[0] != 0 || c.Again != "" || c.Failed {
					t.Errorf("a good answer: %+v, judged by turns %v", c, turns)
				}
			}
		}
	})
}

// When the second judge does not answer, there is no verdict yet: neither guilt
// nor a pass.
func TestASecondJudgeThatFailsIsNoVerdict(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 10*time.Minute, "a")
		up := false
		w.judge = func(r proto.CheckRequest) (proto.CheckResponse, error) {
			if r.Turn == 1 && !up {
				return proto.CheckResponse{}, fault.New(fault.Internal, "panic", "the second reference panicked")
			}
			return proto.CheckResponse{Quality: 0, Work: 1, Test: "t", E: 50}, nil
		}
		w.start()
		w.until(5 * time.Minute)
		if n := len(w.store.checks); n != 0 {
			t.Errorf("%d verdicts by one judge alone", n)
		}
		if pending, _ := w.store.Pending(t.Context()); pending < 1 {
			t.Errorf("%d samples wait", pending)
		}
		w.mu.Lock()
		up = true
		w.mu.Unlock()
		w.until(20 * time.Minute)
		w.stop()
		if len(w.store.checks) < 1 || w.store.checks[0].E != 50 {
			t.Errorf("%d verdicts once both answer", len(w.store.checks))
		}
	})
}

// A verdict by no test is none: not a check that was passed, and no reason to wait.
func TestNoVerdictIsNoCheck(t *testing.T) {
	for _, test := range []string{"", evidence.Untested} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, 10*time.Minute, "a")
			w.judge = func(r proto.CheckRequest) (proto.CheckResponse, error) {
				return proto.CheckResponse{Quality: 1, Work: 1, Test: test, E: 1}, nil
			}
			w.start()
			w.until(15 * time.Minute)
			w.stop()
			state := w.store.judgements[outcome.Pair{Miner: w.ids[0], Task: chat}]
			dropped := w.s.Dropped()
			if len(w.store.checks) != 0 || state.Checked != 0 || dropped["unjudgeable"] == 0 || dropped["old"] != 0 {
				t.Errorf("test %q: %d checks are kept, known is %+v, dropped are %v", test, len(w.store.checks), state, dropped)
			}
			if pending, _ := w.store.Pending(t.Context()); pending > 1 {
				t.Errorf("test %q: %d samples wait", test, pending)
			}
		})
	}
}

// A cheat is watched, judged by the second reference first, convicted and paid nothing;
// everyone else is paid. A restart forgets none of it. The report says why.
func TestACheatIsConvicted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 10*time.Minute, "honest", "cheat")
		cheat := w.ids[1]
		var a asked
		cheating := true
		w.judge = func(r proto.CheckRequest) (proto.CheckResponse, error) {
			a.note(r)
			v := proto.CheckResponse{Quality: 1, Work: r.Sample.Outcome.Work, Test: "t", Detail: "d", E: 0.5, Reference: "ref"}
			if r.Sample.Outcome.Miner == cheat && cheating {
				v.Quality, v.E = 0.9, 12 // none of them is much by itself
			}
			return v, nil
		}
		var log bytes.Buffer
		change := func(c *Config) {
			c.CheckAtOnce = 1
			c.Log = slog.New(slog.NewTextHandler(&log, nil))
			c.Judgement = judgement.Default()
			c.Judgement.Redeem = 5
			c.Rates = sampling.Default()
			c.Rates.Min = 1 // all are kept, whatever their ids
		}
		w.start(change)
		w.until(10*time.Minute + 10*time.Second)
		w.stop()
		state := w.store.judgements[outcome.Pair{Miner: cheat, Task: chat}]
		if state.Standing != judgement.Convicted || state.Convictions != 1 {
			t.Fatalf("the cheat is %+v", state)
		}
		before, watched := judgement.Trusted, 0
		for _, c := range w.store.checks {
			if c.Miner != cheat {
				continue
			}
			want := 0
			if before == judgement.Watched {
				want, watched = 1, watched+1
			}
			if turns := a.turns[c.Sample]; turns[0] != want || turns[1] != want+1 {
				t.Errorf("check %d of a miner that was %v was judged by turns %v", c.Number, before, turns)
			}
			before = c.Standing
		}
		if watched == 0 {
			t.Error("it was never watched")
		}
		for _, want := range []string{`msg="a miner's standing changed"`, "before=trusted standing=watched", "before=watched standing=convicted", "miner=" + cheat.String(), "task=" + chat} {
			if !strings.Contains(log.String(), want) {
				t.Errorf("the log lacks %q", want)
			}
		}
		weights := func() map[hotkey.ID]float64 {
			all := map[hotkey.ID]float64{}
			last, _ := w.store.LastWeights(t.Context())
			for _, m := range last.Miners {
				all[m.Miner] = m.Weight
			}
			return all
		}
		if got := weights(); got[cheat] != 0 || got[w.ids[0]] != 1 {
			t.Errorf("weights %v", got)
		}
		rep, err := Compose(t.Context(), w.store, w.tasks, ReportOptions{Now: time.Now(), Miner: cheat})
		if err != nil {
			t.Fatal(err)
		}
		j := rep.Miners[0].Tasks[0].Judgement
		if j == nil || j.Standing != judgement.Convicted || j.Quality != 0 || j.Convictions != 1 || len(j.Evidence) == 0 || j.Evidence[0].Bytes == 0 || j.Evidence[0].E != 12 {
			t.Errorf("the report says %+v", j)
		}
		if honest, _ := Compose(t.Context(), w.store, w.tasks, ReportOptions{Now: time.Now(), Miner: w.ids[0]}); honest.Miners[0].Tasks[0].Judgement.Standing != judgement.Trusted {
			t.Errorf("the honest miner: %+v", honest.Miners[0].Tasks[0].Judgement)
		}

		// It mends its ways: a clean record pays again, for what came after it.
		cheating = false
		w.start(change)
		w.until(40*time.Minute + 10*time.Second)
		w.stop()
		state = w.store.judgements[outcome.Pair{Miner: cheat, Task: chat}]
		if state.Standing == judgement.Convicted || state.Convictions != 1 {
			t.Fatalf("after a clean record: %+v", state)
		}
		if got := weights(); got[cheat] < 0.1 {
			t.Errorf("weights after a clean record: %v", got)
		}
		checks, _ := w.store.Checks(t.Context(), cheat, chat, 50)
		for _, c := range paid(checks) {
			if c.Quality != 1 {
				t.Errorf("an answer of before the redemption counts: %+v", c)
			}
		}
	})
}
