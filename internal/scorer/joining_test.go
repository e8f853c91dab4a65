package scorer

import (
	"context"
	"fmt"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"vision/internal/outcome"
	"vision/internal/period"
	"vision/internal/score"
)

// judged is what vision7 makes of a contender as of a period's end, as its weight is computed.
func (w *world) judged(miner string, task string) (score.Factors, bool) {
	w.t.Helper()
	v := w.s.c.Mechanism.(score.Vision7)
	k, newest, err := recall(w.t.Context(), w.store, v)
	if err != nil {
		w.t.Fatal(err)
	}
	p := outcome.Pair{Miner: key(miner).ID(), Task: task}
	c := score.Contender{Hotkey: p.Miner, State: k[p]}
	for _, r := range newest {
		if pairOf(&r.Contender) == p {
			c.Offer = r.Offer
		}
	}
	out, err := v.Weights([]score.Task{{Name: task, Weight: 1, Contenders: []score.Contender{c}}})
	if err != nil {
		w.t.Fatal(err)
	}
	e, _ := out.Explain(p.Miner)
	return e.Tasks[0], k[p] != nil
}

// burstsOf are what came of a contender at the beacons of a period.
func (w *world) burstsOf(id int64, miner string) (list []period.Burst) {
	w.t.Helper()
	all, err := w.store.Bursts(w.t.Context(), id)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, b := range all {
		if b.Miner == key(miner).ID() && b.Task == chat {
			list = append(list, b)
		}
	}
	return list
}

// onlyChat has miners offer nothing on other tasks.
func (w *world) onlyChat() {
	for _, m := range w.miners {
		delete(m.declares, "embed")
	}
}

// offline is a miner that says nothing between two moments of the world's time.
func (w *world) offline(miner string, from, until time.Duration) {
	w.miners[key(miner).ID()].declare = func(context.Context) error {
		if now := time.Since(w.started); now >= from && now < until {
			return errBroken
		}
		return nil
	}
}

// Who comes online in the middle of a period is paid for the part that is left, if that is half of it or more. What
// beacons asked before it came takes nothing from what it has shown, or will show.
func TestWhatComingLateCosts(t *testing.T) {
	for _, at := range []int{1, 20, 40, 59} {
		late := time.Duration(at) * time.Minute
		joins := at < 30
		t.Run(fmt.Sprintf("in its first period after %d minutes", at), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, time.Hour, "steady", "late")
				busy(w, "steady", "late")
				w.onlyChat()
				w.offline("late", 0, late)
				w.start(hardened(w))
				defer w.stop()
				w.until(time.Hour + 30*time.Second)
				steady, _ := w.judged("steady", chat)
				f, known := w.judged("late", chat)
				if known != joins {
					t.Fatalf("it is known after its first period: %v", known)
				}
				if joins {
					w.joined(f, late)
					if n := len(w.burstsOf(1, "late")); f.Hardened.Beacons != int64(n) || n > len(w.burstsOf(1, "steady")) || !f.Hardened.Newcomer && steady.Hardened.Newcomer {
						t.Errorf("it was asked at %d beacons: %+v", n, f.Hardened)
					}
				} else if got := w.store.result(1, key("late").ID(), chat); got != nil {
					t.Errorf("it contended, with %+v", got)
				}
				// In the next periods it grows like any newcomer, with nothing behind it: it has answered fewer beacons, and all.
				w.until(4*time.Hour + 30*time.Second)
				steady, _ = w.judged("steady", chat)
				f, _ = w.judged("late", chat)
				if h := f.Hardened; h.Part != 1 || !(h.Credited > 0.7*steady.Hardened.Credited) || h.Reliability != 1 || h.Delivered != h.Asked {
					t.Errorf("three periods later it is %+v, the other %+v", h, steady.Hardened)
				}
			})
		})
		t.Run(fmt.Sprintf("after it was away, after %d minutes", at), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, time.Hour, "steady", "late")
				busy(w, "steady", "late")
				w.onlyChat()
				w.offline("late", 3*time.Hour-time.Second, 3*time.Hour+late)
				w.start(hardened(w))
				defer w.stop()
				w.until(3*time.Hour + 30*time.Second) // three periods are over
				before, _ := w.judged("late", chat)
				if before.Hardened.Part != 1 || before.Hardened.Paid < 0.75*before.Hardened.Ceiling || before.Hardened.Newcomer {
					t.Fatalf("it is not there yet: %+v", before.Hardened)
				}
				w.until(4*time.Hour + 30*time.Second)
				f, _ := w.judged("late", chat)
				h := f.Hardened
				held := len(w.burstsOf(4, "steady"))
				if held < 1 {
					t.Fatal("no beacon in the period")
				}
				if joins {
					w.joined(f, late)
					if h.Credited < 0.99*before.Hardened.Credited || h.Reliability != 1 {
						t.Errorf("it answered all that it was asked, and its credit went from %.0f to %.0f, reliability %v", before.Hardened.Credited, h.Credited, h.Reliability)
					}
					return
				}
				// It was away for most of the period: that counts as a period away.
				left := math.Pow(0.8, float64(held))
				if got := h.Credited / before.Hardened.Credited; math.Abs(got-left) > 1e-9 || h.Paid != 0 || h.LastScore != 0 || h.Reliability >= 1 {
					t.Errorf("after %d beacons that it missed, %.4f of its credit is left, want %.4f: %+v", held, got, left, h)
				}
			})
		})
	}
}

// joined checks what a contender that joined some time after a period's start is paid for it.
func (w *world) joined(f score.Factors, late time.Duration) {
	w.t.Helper()
	h := f.Hardened
	// It is asked again ever more rarely, every three minutes in the end.
	if most, least := 1-late.Hours(), 1-(late+4*time.Minute).Hours(); h.Part > most || h.Part < least {
		w.t.Errorf("it is paid for %.4f of the period, want %.4f to %.4f", h.Part, least, most)
	}
	whole := min(h.Ceiling, max(0, h.Credited-2*h.StdErr)) * h.SlowFactor * h.ProofFactor * h.Brevity
	if got, want := h.Paid, whole*h.Part; math.Abs(got-want) > 1e-9*whole {
		w.t.Errorf("paid are %.1f, want %.4f of %.1f", got, h.Part, whole)
	}
}
