package scorer

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"vision/internal/outcome"
	"vision/internal/period"
	"vision/internal/proto"
	"vision/internal/relay"
)

// fails answers nothing but errors.
func fails(ctx context.Context, _ relay.Call) outcome.Outcome {
	sleep(ctx, 100*time.Millisecond)
	return outcome.Outcome{Status: outcome.Failed}
}

// TestHonestMinersEarn runs whole periods: what good and bad miners get, on
// the ledger too.
func TestHonestMinersEarn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 10*time.Minute, "good", "fine", "bad", "idle")
		w.miners[w.ids[1]].declares["embed"] = 7200
		w.miners[w.ids[2]].answer = fails
		w.miners[w.ids[3]].declares = nil
		w.lag = 2 * time.Second
		w.start()
		w.until(32 * time.Minute)
		w.stop()

		for id := int64(1); id <= 3; id++ {
			good, bad := w.store.result(id, w.ids[0], chat), w.store.result(id, w.ids[2], chat)
			if good == nil || !good.Valid || good.Score != 1 || good.Capacity != 12000 || good.Counts.Requests < 5 || good.Counts.OK != good.Counts.Requests {
				t.Errorf("period %d: a good miner's result is %+v", id, good)
			}
			if bad == nil || !bad.Valid || bad.Score != 0 || bad.Counts.Failed == 0 {
				t.Errorf("period %d: a bad miner's result is %+v", id, bad)
			}
			if idle := w.store.result(id, w.ids[3], chat); idle != nil {
				t.Errorf("period %d: one that declares nothing has a result: %+v", id, idle)
			}
		}
		for i, p := range w.store.periods {
			if i > 0 && !p.Start.Equal(w.store.periods[i-1].End) {
				t.Errorf("period %d starts at %v, the one before ended at %v: want them back to back", p.ID, p.Start, w.store.periods[i-1].End)
			}
		}
		for i, call := range w.calls {
			offset := w.callTime[i].Sub(w.store.periods[0].Start) % w.length
			if offset > w.length*98/100 {
				t.Errorf("a probe %v into its period, want at most 98%% of %v", offset, w.length)
			}
			first, total := call.Task.Allowance(call.Kind, call.Request) // as for customers
			if call.Source != outcome.Synthetic || !call.Last || call.Key != 0 || call.By.Sub(w.callTime[i]) != total || call.FirstBy.Sub(w.callTime[i]) != first {
				t.Errorf("a probe %s of %v: last %t, key %d, deadlines %v and %v", call.ID, call.Source, call.Last, call.Key, call.FirstBy, call.By)
			}
		}
		last, err := w.store.LastWeights(t.Context())
		if err != nil || !last.Set || last.Period != 3 {
			t.Fatalf("the last weights are %+v, %v; want those of period 3, set", last, err)
		}
		byMiner := map[string]float64{}
		for _, m := range last.Miners {
			byMiner[m.Miner.String()] = m.Weight
		}
		// Chat pays 3/4 to two equal miners, embedding 1/4 to the only one.
		if a, b, c := byMiner[w.ids[0].String()], byMiner[w.ids[1].String()], byMiner[w.ids[2].String()]; a < 0.3 || b < 0.55 || c != 0 {
			t.Errorf("weights of good, fine and bad: %v, %v, %v", a, b, c)
		}
		if v := w.set[len(w.set)-1]; !slices.Equal(v.UIDs, []uint16{1, 2}) || v.Values[1] != 65535 {
			t.Errorf("on the ledger: %+v", v)
		}
		for id, n := range w.load {
			if n != 0 {
				t.Errorf("the board has %d requests of %v under way after the end", n, id)
			}
		}
		if st := w.s.Stats(); st.Sent != int64(len(w.calls)) || st.Skipped+st.Missed+st.Lost != 0 {
			t.Errorf("%+v, though %d probes were sent", st, len(w.calls))
		}
	})
}

// probesOf runs one world for a period with an outage and gives the probes'
// offsets. They are for vectors: of those for text some have a companion, whose
// own next one it covers, and none if nobody is up.
func probesOf(t *testing.T, downFrom, downTo time.Duration) (offsets []time.Duration, result *period.Result) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 20*time.Minute, "a", "b", "c")
		for _, m := range w.miners {
			m.declares = map[string]int64{"embed": 7200}
		}
		w.start()
		if downFrom > 0 {
			w.until(downFrom)
			w.stop()
			// Somebody else's outcomes go on meanwhile.
			w.until(downTo)
			w.organic(w.ids[0], "embed", outcome.RateLimited, 0)
			w.start()
		}
		w.until(21 * time.Minute)
		w.stop()
		for _, at := range w.callTime {
			if d := at.Sub(w.started); d < 20*time.Minute {
				offsets = append(offsets, d)
			}
		}
		result = w.store.result(1, w.ids[0], "embed")
		if len(w.store.periods) != 2 {
			t.Errorf("%d periods, want the first and the next", len(w.store.periods))
		}
	})
	return offsets, result
}

// TestRestartChangesNothing: the same instants before and after, none made up for.
func TestRestartChangesNothing(t *testing.T) {
	const from, to = 5 * time.Minute, 9 * time.Minute
	whole, undisturbed := probesOf(t, 0, 0)
	parts, resumed := probesOf(t, from, to)
	if len(whole) < 20 {
		t.Fatalf("only %d probes", len(whole))
	}
	// The organic outcome of the outage covers one planned probe of its miner.
	want := slices.DeleteFunc(slices.Clone(whole), func(d time.Duration) bool { return d >= from && d <= to })
	missing := 0
	for _, d := range want {
		if !slices.Contains(parts, d) {
			missing++
		}
	}
	for _, d := range parts {
		if !slices.Contains(want, d) {
			t.Errorf("a probe at %v that an undisturbed run does not send", d)
		}
	}
	if missing > 1 {
		t.Errorf("%d of %d probes outside the outage were not sent", missing, len(want))
	}
	if resumed.Share != undisturbed.Share || resumed.Probes != undisturbed.Probes || resumed.Capacity != undisturbed.Capacity {
		t.Errorf("resumed with %+v, begun with %+v", resumed.Contender, undisturbed.Contender)
	}
	if c := resumed.Counts; c.RateLimited != 1 || c.OK == 0 || c.Failed != 0 || c.Requests != c.OK+1 {
		t.Errorf("counts after the restart: %+v; want all from before and after, and the one between", c)
	}
}

// TestDownPastTheEnd: a period whose end was missed is scored late, and the
// next begins afresh.
func TestDownPastTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 10*time.Minute, "a")
		w.start()
		w.until(9 * time.Minute)
		w.stop()
		before := len(w.calls)
		w.until(47 * time.Minute)
		w.start()
		w.until(48 * time.Minute)
		if r := w.store.result(1, w.ids[0], chat); r == nil || r.Score != 1 {
			t.Errorf("the result of the period that ended meanwhile is %+v", r)
		}
		if p := w.store.periods[len(w.store.periods)-1]; p.ID != 2 || p.Start.Sub(w.started) != 47*time.Minute {
			t.Errorf("the next period is %+v", p)
		}
		if n := len(w.calls) - before; n > 2 {
			t.Errorf("%d probes in the first minute after the outage: a burst", n)
		}
		w.stop()
	})
}

// TestOneBadMinerDelaysNobody: a miner that never says what it can do.
func TestOneBadMinerDelaysNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 10*time.Minute, "mute", "good", "odd")
		w.miners[w.ids[0]].declare = func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
		w.miners[w.ids[2]].declares = map[string]int64{chat: 1 << 60} // more than may be said
		w.start()
		w.until(0)
		if b := w.s.running.Load(); len(b.listed()) != 1 || b.listed()[0].Miner != w.ids[1] {
			t.Errorf("contenders while one is mute: %+v; want the good one, at once", b.listed())
		}
		w.until(10*time.Minute + 7*time.Second) // a grace of 5 s comes first
		w.count(func() int {
			if n := len(w.store.periods); n != 2 {
				t.Errorf("%d periods are in the store soon after the second began: the one that was mute before delays the gateway's", n)
			}
			return 0
		})
		w.until(30 * time.Minute)
		w.stop()
		good := w.store.result(1, w.ids[1], chat)
		if good == nil || good.Counts.Requests != good.Probes || w.store.result(1, w.ids[0], chat) != nil || w.store.result(1, w.ids[2], chat) != nil {
			t.Errorf("results: good %+v", good)
		}
	})
}

// TestAMinerBeingRestartedDoesNotLoseThePeriod: who did not answer at first is
// asked once more.
func TestAMinerBeingRestartedDoesNotLoseThePeriod(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 10*time.Minute, "restarting")
		asked := 0
		w.miners[w.ids[0]].declare = func(context.Context) error {
			if asked++; asked == 1 {
				return errors.New("connection refused")
			}
			return nil
		}
		w.start()
		w.until(15 * time.Minute)
		w.stop()
		if r := w.store.result(1, w.ids[0], chat); r == nil || r.Counts.Requests == 0 {
			t.Errorf("the first period's result is %+v, want it tested", r)
		}
	})
}

// TestOrganicTrafficReplacesProbes: what customers measure is not asked again.
func TestOrganicTrafficReplacesProbes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 10*time.Minute, "busy", "quiet")
		w.start()
		w.until(time.Second)
		for range 100 {
			w.organic(w.ids[0], chat, outcome.OK, 50)
		}
		w.organic(w.ids[0], chat, outcome.Canceled, 70)
		w.organic(w.ids[0], chat, outcome.Ours, 70)
		w.organic(w.ids[0], "unknown", outcome.Failed, 0)
		w.until(11 * time.Minute)
		w.stop()
		busy, quiet := w.store.result(1, w.ids[0], chat), w.store.result(1, w.ids[1], chat)
		if c := busy.Counts; c.Requests > 101 || c.OK != c.Requests || c.Consumed < 5070 || c.Consumed > 5170 {
			t.Errorf("the busy miner's counts are %+v; want 100 requests of customers and at most one probe", c)
		}
		if quiet.Counts.Requests != quiet.Probes || quiet.Probes < 6 {
			t.Errorf("the quiet miner was asked %d times, planned were %d", quiet.Counts.Requests, quiet.Probes)
		}
	})
}

// TestOurBoundCostsNobody: more probes due than may be under way.
func TestOurBoundCostsNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 10*time.Minute, "a", "b", "c", "d")
		for _, m := range w.miners {
			m.answer = func(ctx context.Context, _ relay.Call) outcome.Outcome {
				sleep(ctx, 3*time.Minute)
				return outcome.Outcome{Work: 100}
			}
		}
		w.start(func(c *Config) { c.ProbeAtOnce = 1 })
		w.until(21 * time.Minute)
		st := w.s.Stats()
		w.stop()
		if st.Skipped == 0 || len(w.calls) > 9 {
			t.Errorf("%+v with %d calls", st, len(w.calls))
		}
		for _, id := range w.ids {
			if r := w.store.result(1, id, chat); r == nil || r.Counts.Failed+r.Counts.RateLimited > 0 || r.Valid && r.Score != 1 {
				t.Errorf("result %+v", r)
			}
		}
	})
}

// TestOurLoadCostsNobody: no probe goes where customers' requests take all
// slots, and a 429 from a miner whose capacity we have used up is no refusal.
func TestOurLoadCostsNobody(t *testing.T) {
	refuses := func(context.Context, relay.Call) outcome.Outcome { return outcome.Outcome{Status: outcome.RateLimited} }
	for name, c := range map[string]struct {
		full, spent bool
		calls       bool
		limited     bool
	}{
		"slots are full":      {full: true},
		"capacity is used up": {spent: true, calls: true},
		"neither":             {calls: true, limited: true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, 10*time.Minute, "a")
				w.full, w.spent = c.full, c.spent
				w.miners[w.ids[0]].answer = refuses
				w.start()
				w.until(11 * time.Minute)
				st := w.s.Stats()
				w.stop()
				if len(w.calls) > 0 != c.calls || st.Skipped > 0 == c.calls || int(st.Sent) != len(w.calls) {
					t.Errorf("%d probes went out, %+v", len(w.calls), st)
				}
				if r := w.store.result(1, w.ids[0], chat); r == nil || r.Counts.RateLimited > 0 != c.limited {
					t.Errorf("result %+v", r)
				}
			})
		})
	}
}

// TestStoreFailsBothWays: every method fails at first, before or after its
// effect; nothing is lost or done twice.
func TestStoreFailsBothWays(t *testing.T) {
	for _, after := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, 10*time.Minute, "a", "b")
			failed := map[string]int{}
			w.store.fail = func(method string) (error, error) {
				if method == "Record" {
					return nil, nil
				}
				if failed[method]++; failed[method]%3 != 1 {
					return nil, nil
				}
				if after {
					return nil, errBroken
				}
				return errBroken, nil
			}
			w.start()
			w.until(31 * time.Minute)
			w.stop()
			w.store.fail = nil
			if len(w.store.periods) != 4 {
				t.Errorf("failing after the effect %t: %d periods in 31 minutes, want 4", after, len(w.store.periods))
			}
			for id := int64(1); id <= 3; id++ {
				if r := w.store.result(id, w.ids[0], chat); r == nil || r.Score != 1 || r.Counts.Requests != r.Probes {
					t.Errorf("failing after the effect %t: period %d: %+v", after, id, r)
				}
			}
			if last, err := w.store.LastWeights(t.Context()); err != nil || last.Period != 3 || !last.Set {
				t.Errorf("failing after the effect %t: last weights %+v, %v", after, last, err)
			}
		})
	}
}

// TestABugInRelayingAProbeIsOurs: it ends neither the validator nor the miner's
// good name.
func TestABugInRelayingAProbeIsOurs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 10*time.Minute, "odd", "good")
		w.miners[w.ids[0]].answer = func(context.Context, relay.Call) outcome.Outcome { panic("a parser's bug") }
		w.start()
		w.until(12 * time.Minute)
		w.stop()
		if r := w.store.result(1, w.ids[0], chat); r == nil || r.Counts.Requests != 0 {
			t.Errorf("the miner is charged for our bug: %+v", r)
		}
		if r := w.store.result(1, w.ids[1], chat); r == nil || r.Counts.OK == 0 {
			t.Errorf("the other miner was not tested: %+v", r)
		}
	})
}

// TestSpecIsKnownAfterRestart: checks see what the miner declared.
func TestSpecIsKnownAfterRestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 10*time.Minute, "a")
		working := w.judge
		w.judge = func(r proto.CheckRequest) (proto.CheckResponse, error) {
			if r.Spec.Engine != "fake" {
				t.Errorf("a check without the miner's spec: %+v", r.Spec)
			}
			return working(r)
		}
		w.start()
		w.until(4 * time.Minute)
		w.stop()
		w.start()
		w.until(9 * time.Minute)
		w.stop()
		if len(w.store.checks) < 3 {
			t.Errorf("%d checks", len(w.store.checks))
		}
	})
}
