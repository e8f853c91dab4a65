package scorer

import (
	"context"
	"fmt"
	"math"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"vision/internal/chain"
	"vision/internal/outcome"
	"vision/internal/relay"
	"vision/internal/score"
)

// gpus serve so many requests at once, whoever asks, each in a second, and refuse more.
type gpus struct {
	slots int

	mu    sync.Mutex // guards under
	under int
}

func (g *gpus) answer(ctx context.Context, _ relay.Call) outcome.Outcome {
	g.mu.Lock()
	full := g.under == g.slots
	if !full {
		g.under++
	}
	g.mu.Unlock()
	if full {
		return outcome.Outcome{Status: outcome.RateLimited}
	}
	served := sleep(ctx, time.Second)
	g.mu.Lock()
	g.under--
	g.mu.Unlock()
	if !served {
		return outcome.Outcome{Status: outcome.Canceled}
	}
	return outcome.Outcome{Work: 100}
}

// validators are two with half of the stake each, which ask the same two miners of four slots. One says so, the other that it has eight.
func validators(t *testing.T) [2]*world {
	var both [2]*world
	exact, double := gpus{slots: 4}, gpus{slots: 4}
	for i := range both {
		w := newWorld(t, time.Hour, "exact", "double")
		busy(w)
		w.self, w.uid = key(fmt.Sprint("validator ", i)), uint16(900+i)
		w.others = []chain.Neuron{{UID: uint16(901 - i), Hotkey: key(fmt.Sprint("validator ", 1-i)).ID(), Stake: 1000 * chain.TAO, ValidatorPermit: true}}
		// An answer takes a second, so four slots do 1,440,000 units in an hour.
		for name, of := range map[string]*gpus{"exact": &exact, "double": &double} {
			m := w.miners[key(name).ID()]
			m.declares, m.answer = map[string]int64{chat: 1_440_000}, of.answer
		}
		w.miners[key("double").ID()].declares[chat] *= 2
		both[i] = w
	}
	return both
}

// fourSlots is the work of four slots in an hour.
const fourSlots = 1_440_000

// paid is what a miner is paid by a validator as of its last period.
func (w *world) paid(miner string) float64 {
	f, _ := w.judged(miner, chat)
	return f.Hardened.Paid
}

// Validators whose clocks differ by two seconds ask at the same time for three of the five seconds for which a beacon asks. Who can
// answer them both does; and who declared twice what it has is not paid more of it by both together than it has.
func TestClocksOffByTwoSecondsAreTolerated(t *testing.T) {
	var right [2]float64 // what is paid where both clocks are
	for _, off := range []time.Duration{0, -2 * time.Second, 2 * time.Second} {
		t.Run(off.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				both := validators(t)
				for i, w := range both {
					w.start(hardened(w), func(c *Config) {
						c.Random = &ticking{every: 3 * time.Second}
						if i == 1 {
							c.Now = func() time.Time { return time.Now().Add(off) }
						}
					})
				}
				both[0].until(5*time.Hour + 30*time.Second)
				for i, w := range both {
					w.stop()
					if st := w.s.Stats(); st.Beacons < 10 || st.BeaconsMissed != 0 {
						t.Errorf("%+v", st)
					}
					got := w.paid("exact")
					if off == 0 {
						right[i] = got
					}
					if got < 0.9*fourSlots || math.Abs(got-right[i]) > 0.01*fourSlots {
						t.Errorf("who declares what it has is paid %.0f of %d, and %.0f if both clocks are right", got, fourSlots, right[i])
					}
				}
				if got := (both[0].paid("double") + both[1].paid("double")) / 2; got > fourSlots {
					t.Errorf("who declares twice what it has is paid %.0f, and has %d", got, fourSlots)
				}
			})
		})
	}
}

// While a validator is down the other asks for its own part as before, and comes to the same; and once it is back
// nobody has lost anything by it.
func TestAValidatorThatIsDownDistortsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		both := validators(t)
		start := func(w *world) { w.start(hardened(w), func(c *Config) { c.Random = &ticking{every: 3 * time.Second} }) }
		for _, w := range both {
			start(w)
		}
		both[0].until(5*time.Hour + 30*time.Second)
		var before [2]score.Factors
		var known [2]float64
		for i, w := range both {
			before[i], _ = w.judged("exact", chat)
			known[i] = before[i].Hardened.Credited
		}
		both[1].until(5*time.Hour + 20*time.Minute)
		both[1].stop()
		both[0].until(8*time.Hour + 30*time.Second)
		if got := both[0].paid("exact"); got < 0.99*before[0].Hardened.Paid || got > fourSlots {
			t.Errorf("while the other validator is down an honest miner is paid %.0f, before %.0f", got, before[0].Hardened.Paid)
		}
		for _, b := range both[0].burstsOf(7, "exact") {
			if b.Slots < 1 || b.Slots > 3 { // two of four are due from it, and three at once are within one of that
				t.Errorf("it asks %d at once while the other is down", b.Slots)
			}
		}
		if n := len(both[0].burstsOf(7, "exact")); n == 0 {
			t.Error("no beacon while the other is down")
		}

		start(both[1])
		both[1].until(8*time.Hour + 10*time.Minute) // the period that was running when it stopped is closed, and another begun
		after, _ := both[1].judged("exact", chat)
		if got := after.Hardened; got.Closed != 6 || got.Credited < 0.99*known[1] || got.Reliability != 1 || got.Part != 1 {
			t.Errorf("what it missed took from an honest miner: %+v, before %+v", got, before[1].Hardened)
		}
		both[1].until(9*time.Hour + 30*time.Minute)
		for _, w := range both {
			w.stop()
			if got := w.paid("exact"); got < 0.99*before[0].Hardened.Paid {
				t.Errorf("in the end an honest miner is paid %.0f, before %.0f", got, before[0].Hardened.Paid)
			}
		}
	})
}

// Why nobody asks for the part of a validator that seems to be down (decision 24): where it is down, who declares double would not
// be paid for it, but where it is up, for all that one validator alone has heard, honest miners are asked for more than they have.
func TestCountingOutAValidatorIsRightOnlyIfItIsDown(t *testing.T) {
	for _, c := range []struct {
		name          string
		down, counted bool
		hours         time.Duration
		exact, double [2]float64 // least and most that is paid by the first, in what the miner has
		both          float64    // most that who declares what it has is paid by both together
	}{
		{"down, and not counted out", true, false, 12, [2]float64{0.97, 1.01}, [2]float64{1.5, 2.01}, 2},
		{"down, and counted out", true, true, 9, [2]float64{0.97, 1.01}, [2]float64{0, 0.5}, 2},
		{"up, and counted out", false, true, 9, [2]float64{0, 1.01}, [2]float64{0, 2.01}, 1.4},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				both := validators(t)
				for _, w := range both {
					w.start(hardened(w), func(c *Config) { c.Random = &ticking{every: 3 * time.Second} })
				}
				both[0].until(5*time.Hour + 30*time.Second)
				if c.counted {
					both[0].count(func() int { both[0].others = nil; return 0 })
				}
				if c.down {
					both[1].stop()
				}
				both[0].until(c.hours*time.Hour + 30*time.Second)
				exact, double, elsewhere := both[0].paid("exact")/fourSlots, both[0].paid("double")/fourSlots, both[1].paid("exact")/fourSlots
				if exact < c.exact[0] || exact > c.exact[1] || exact+elsewhere > c.both || double < c.double[0] || double > c.double[1] {
					t.Errorf("who declares what it has is paid %.2f of it, by the other validator %.2f; who declares double %.2f", exact, elsewhere, double)
				}
				both[0].stop()
				if !c.down {
					both[1].stop()
				}
			})
		})
	}
}
