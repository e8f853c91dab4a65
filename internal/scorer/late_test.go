package scorer

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"vision/internal/outcome"
)

// away is a miner that says nothing until a moment.
func away(until time.Time) func(context.Context) error {
	return func(context.Context) error {
		if time.Now().Before(until) {
			return errors.New("connection refused")
		}
		return nil
	}
}

// TestWhoComesLateContendsForTheRest: a miner that answers some time after the
// period's start contends with what it declares for the time left, in the
// store too, and is tested.
func TestWhoComesLateContendsForTheRest(t *testing.T) {
	for name, c := range map[string]struct {
		back    time.Duration
		restart bool
		in      bool
	}{
		"after ten seconds":             {10 * time.Second, false, true},
		"after four minutes":            {4 * time.Minute, false, true},
		"in the second half":            {11 * time.Minute, false, false},
		"after the validator's restart": {5 * time.Minute, true, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, 20*time.Minute, "steady", "late")
				w.miners[w.ids[1]].declare = away(w.started.Add(c.back))
				w.start()
				if c.restart {
					w.until(3 * time.Minute)
					w.stop()
					w.start()
				}
				w.until(19 * time.Minute)
				if c.in && w.count(func() int { return len(w.store.entrants[1]) }) != 2 {
					t.Errorf("the store has these contenders before the end: %+v", w.store.entrants[1])
				}
				w.until(21 * time.Minute)
				w.stop()
				steady, late := w.store.result(1, w.ids[0], chat), w.store.result(1, w.ids[1], chat)
				if steady.Capacity != 24000 || steady.Counts.Requests != steady.Probes {
					t.Errorf("the steady miner: %+v", steady)
				}
				if late == nil || !c.in {
					if late != nil || c.in {
						t.Errorf("the late miner: %+v", late)
					}
					return
				}
				most := int64(float64(24000) * (1 - c.back.Minutes()/20))
				if late.Capacity > most || late.Capacity < most*9/10 || late.Counts.Declared != late.Capacity {
					t.Errorf("the late miner's capacity is %d, want %d or little less: %+v", late.Capacity, most, late)
				}
				if !late.Valid || late.Score != 1 || late.Counts.Requests == 0 || late.Counts.Requests > late.Probes {
					t.Errorf("the late miner: %+v", late)
				}
			})
		})
	}
}

// TestWhoWasSilentMayBeSlow: whoever said nothing at the start has its whole time when it
// is asked again, though it would have a quarter at the start of the next period.
func TestWhoWasSilentMayBeSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 20*time.Minute, "steady", "slow")
		w.miners[w.ids[1]].declare = func(ctx context.Context) error {
			if time.Since(w.started) < 30*time.Second {
				<-ctx.Done()
				return ctx.Err()
			}
			select {
			case <-time.After(3 * time.Second): // of 5
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		w.start()
		w.until(5 * time.Minute)
		if n := w.count(func() int { return len(w.store.entrants[1]) }); n != 2 {
			t.Errorf("%d contend, want both", n)
		}
		w.stop()
	})
}

// TestOurOutageAtTheStartCostsNobodyThePeriod, for all get in when it is over.
func TestOurOutageAtTheStartCostsNobodyThePeriod(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 20*time.Minute, "a", "b", "c")
		for _, m := range w.miners {
			m.declare = away(w.started.Add(time.Minute))
		}
		w.store.fail = func(method string) (error, error) {
			if method == "JoinPeriod" && time.Since(w.started) < 2*time.Minute {
				return nil, errBroken // applied, reported failed
			}
			return nil, nil
		}
		w.start()
		w.until(21 * time.Minute)
		w.stop()
		for _, id := range w.ids {
			if r := w.store.result(1, id, chat); r == nil || r.Score != 1 || r.Capacity < 20000 || r.Capacity > 22800 {
				t.Errorf("result %+v", r)
			}
		}
	})
}

// One that joins when all its instants have passed is asked once all the same.
func TestWhoJoinsIsAsked(t *testing.T) {
	for _, probes := range []int{0, 1, 2} {
		b := bookOf(time.Hour)
		now := dawn.Add(58 * time.Minute)
		b.join(now, entrant(0, probes), entrant(0, probes))
		turns, at := drain(b, now, time.Second)
		if len(turns) != min(probes, 1) || len(at) > 0 && at[0].Sub(dawn) > time.Hour*98/100 {
			t.Errorf("%d planned: %d turns, at %v", probes, len(turns), at)
		}
	}
	b := bookOf(time.Hour)
	b.join(dawn.Add(50*time.Minute), entrant(0, 1))
	o := outcome.Outcome{Miner: entrant(0, 1).Miner, Task: "task-0", Start: dawn.Add(50 * time.Minute)}
	if err := b.count(&o); err != nil {
		t.Fatal(err)
	}
	if turns, _ := drain(b, dawn.Add(50*time.Minute), time.Second); len(turns) != 0 {
		t.Error("it is asked though a customer was served")
	}
}

// A UID that another miner has got while the scorer was down keeps nobody else from joining the period; its new owner
// contends in the next.
func TestAUIDThatChangedHandsKeepsNobodyOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 20*time.Minute, "steady", "leaves", "late")
		w.miners[key("new").ID()] = &behaviour{declares: map[string]int64{chat: 72000}}
		w.miners[key("late").ID()].declare = away(w.started.Add(5 * time.Minute))
		w.start()
		w.until(3 * time.Minute)
		w.stop()
		w.ids[1] = key("new").ID()
		w.start()
		w.until(41 * time.Minute)
		w.stop()
		for name, periods := range map[string][2]bool{"steady": {true, true}, "leaves": {true, false}, "late": {true, true}, "new": {false, true}} {
			for i, in := range periods {
				if got := w.store.result(int64(i+1), key(name).ID(), chat); (got != nil) != in {
					t.Errorf("in period %d, %s is %+v", i+1, name, got)
				}
			}
		}
	})
}

// TestMovesAreWrittenDown, for a gateway in another process.
func TestMovesAreWrittenDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 20*time.Minute, "mover")
		writes := 0
		w.store.fail = func(method string) (error, error) {
			if method == "JoinPeriod" {
				writes++
			}
			return nil, nil
		}
		w.start()
		w.until(5 * time.Minute)
		w.count(func() int { w.addr = "127.0.0.1:9001"; return 0 })
		w.until(6*time.Minute + 5*time.Second)
		list, err := w.store.Contenders(t.Context(), 1)
		if err != nil || len(list) != 1 || list[0].Addr != "127.0.0.1:9001" {
			t.Errorf("contenders %+v, %v", list, err)
		}
		w.until(21 * time.Minute)
		w.stop()
		if r := w.store.result(1, w.ids[0], chat); r == nil || r.Score != 1 || r.Counts.Requests != r.Probes || writes != 1 {
			t.Errorf("%+v, written down %d times", r, writes)
		}
	})
}
