package scorer

import (
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"vision/internal/fault"
	"vision/internal/outcome"
	"vision/internal/proto"
	"vision/internal/sampling"
)

// TestWhatNobodyCanJudgeIsDropped: such samples neither pile up nor say
// anything about the miner.
func TestWhatNobodyCanJudgeIsDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 10*time.Minute, "a")
		asked := 0
		w.judge = func(proto.CheckRequest) (proto.CheckResponse, error) {
			asked++
			return proto.CheckResponse{}, fault.New(fault.Invalid, "not_checkable", "tools cannot be checked")
		}
		w.start()
		w.until(25 * time.Minute)
		w.stop()
		if pending, _ := w.store.Pending(t.Context()); pending > 2 || asked == 0 || len(w.store.checks) != 0 {
			t.Errorf("%d samples wait after %d were asked about, %d checks", pending, asked, len(w.store.checks))
		}
	})
}

// TestCheckerDown: scores wait for it and cost nobody; sampling slows down.
func TestCheckerDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 10*time.Minute, "a", "b")
		up := false
		working := w.judge
		w.judge = func(r proto.CheckRequest) (proto.CheckResponse, error) {
			if !up {
				return proto.CheckResponse{}, fault.New(fault.Unavailable, "checker_down", "connection refused")
			}
			v, err := working(r)
			v.Work += 50 // more than there was
			return v, err
		}
		w.start(func(c *Config) {
			c.Rates = sampling.Default()
			c.Rates.Min, c.Rates.Backlog = 0.1, 10
		})
		w.until(31 * time.Minute)
		pending, _ := w.store.Pending(t.Context())
		if pending < 10 || len(w.store.checks) != 0 {
			t.Fatalf("%d samples wait, %d checks", pending, len(w.store.checks))
		}
		if rate := w.table.Rate(outcome.Organic, chat, w.ids[0]); rate > 0.5 {
			t.Errorf("the sampling rate is %v with %d samples waiting, want it to have fallen", rate, pending)
		}
		if r := w.store.result(3, w.ids[0], chat); r.Score != 1 {
			t.Errorf("a period score without checker is %+v", r)
		}
		if len(w.set) != 0 {
			t.Errorf("weights were set though nothing was checked: %+v", w.set)
		}
		tries := w.store.mostTries()
		if tries < 3 || tries > 20 {
			t.Errorf("the sample tried most was tried %d times in half an hour: want it tried again, ever more rarely", tries)
		}
		w.count(func() int { up = true; return 0 })
		w.until(52 * time.Minute)
		w.stop()
		if pending, _ := w.store.Pending(t.Context()); pending > 2 || len(w.store.checks) < 10 {
			t.Errorf("%d samples still wait and %d were checked after the checker came back", pending, len(w.store.checks))
		}
		c := w.store.checks[0]
		// 1 s for 100 tokens, half a second of it overhead: 5 ms each where 10 are normal.
		if want := 1 + 0.6*0.8408964152537145; c.Speed < want-1e-9 || c.Speed > want+1e-9 || c.Quality != 1 || c.Work != 100 || c.Test != "fake" {
			t.Errorf("check %+v, want speed %v", c, want)
		}
		if len(w.set) == 0 {
			t.Error("no weights set after the checker came back")
		}
	})
}

// TestOneJudgeDown: neither a task without judge nor samples that a judge
// cannot judge delay the checks of another task.
func TestOneJudgeDown(t *testing.T) {
	for name, err := range map[string]error{
		"does not answer":         fault.New(fault.Unavailable, "reference_down", "no answer"),
		"takes too long":          fault.New(fault.Timeout, "timeout", "too long"),
		"fails over its contents": fault.New(fault.Internal, "bug", "failed"),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, 10*time.Minute, "a")
				w.miners[w.ids[0]].declares["embed"] = 7200
				good := w.judge
				asked, slowest := 0, time.Duration(0)
				w.judge = func(r proto.CheckRequest) (proto.CheckResponse, error) {
					if r.Task.Name == chat {
						asked++
						return proto.CheckResponse{}, err
					}
					o := r.Sample.Outcome
					slowest = max(slowest, time.Since(o.Start.Add(o.Total)))
					return good(r)
				}
				w.start(func(c *Config) { c.CheckAtOnce = 1 })
				w.until(21 * time.Minute)
				w.stop()
				embedded := 0
				for _, c := range w.store.checks {
					if c.Task == "embed" {
						embedded++
					}
				}
				if embedded < 10 || slowest > 5*time.Second || asked == 0 {
					t.Errorf("%d samples of the other task were checked, the slowest after %v; %d were asked about in vain", embedded, slowest, asked)
				}
			})
		})
	}
}

// A slow judge does not hold up the checks of another task for longer than one
// of its own, however many wait for it.
func TestOneJudgeSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 10*time.Minute, "a", "b", "c", "d", "e", "f")
		w.miners[w.ids[0]].declares["embed"] = 3600
		good := w.judge
		slowest, embedded, chats := time.Duration(0), 0, 0
		var mu sync.Mutex // guards them
		w.judge = func(r proto.CheckRequest) (proto.CheckResponse, error) {
			o := r.Sample.Outcome
			if r.Task.Name == chat {
				time.Sleep(time.Minute)
				mu.Lock()
				defer mu.Unlock()
				chats++
				return good(r)
			}
			mu.Lock()
			defer mu.Unlock()
			embedded++
			slowest = max(slowest, time.Since(o.Start.Add(o.Total)))
			return good(r)
		}
		w.start(func(c *Config) { c.CheckAtOnce = 2 })
		w.until(31 * time.Minute)
		w.stop()
		if pending, _ := w.store.Pending(t.Context()); pending < 5 || chats < 20 {
			t.Errorf("%d wait and %d were checked of the slow task: it is not one", pending, chats)
		}
		if embedded < 5 || slowest > 65*time.Second {
			t.Errorf("%d samples of the other task were checked, the slowest after %v", embedded, slowest)
		}
	})
}

// A judge that does not answer is left alone, ever longer; one sample that it
// cannot cope with is no reason to.
func TestJudgesAreLeftAlone(t *testing.T) {
	now := time.Now()
	down := fault.New(fault.Unavailable, "reference_down", "no answer")
	r := newRetries()
	for range 5 {
		r.failed(1, chat, down, now)
	}
	r.failed(2, chat, fault.New(fault.Internal, "bug", "failed"), now)
	if got := pauseOf(r, chat, now); got != 0 {
		t.Errorf("a pause of %v for one sample", got)
	}
	var pauses []time.Duration
	for id := range int64(12) {
		r.failed(10+id, chat, down, now)
		pauses = append(pauses, pauseOf(r, chat, now))
	}
	if pauses[0] != 200*time.Millisecond || pauses[1] != 400*time.Millisecond || pauses[11] != 30*time.Second {
		t.Errorf("pauses %v", pauses)
	}
	if pauseOf(r, "embed", now) != 0 || pauseOf(r, chat, now.Add(30*time.Second)) != 0 {
		t.Error("another task's judge is left alone, or this one for ever")
	}
	r.passed(10, chat)
	if pauseOf(r, chat, now) != 0 {
		t.Error("a judge that answers is left alone")
	}
}

// pauseOf is how long a task's judge is still to be left alone.
func pauseOf(r *retries, name string, now time.Time) time.Duration {
	if paused, _ := r.apart(now, 1); !slices.Contains(paused, name) {
		return 0
	}
	return r.judges[name].until.Sub(now)
}

// TestVerdictsOutOfRange are errors of the checker, not of a miner.
func TestVerdictsOutOfRange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 10*time.Minute, "a")
		w.judge = func(proto.CheckRequest) (proto.CheckResponse, error) { return proto.CheckResponse{Quality: 1.5}, nil }
		w.start()
		w.until(15 * time.Minute)
		w.stop()
		if pending, _ := w.store.Pending(t.Context()); pending == 0 || len(w.store.checks) != 0 {
			t.Errorf("%d samples wait and %d checks are kept", pending, len(w.store.checks))
		}
	})
}
