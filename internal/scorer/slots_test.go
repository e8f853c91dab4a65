package scorer

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"vision/internal/outcome"
	"vision/internal/period"
	"vision/internal/relay"
	"vision/internal/score"
	"vision/internal/task"
)

// slotsOf asks n slots of one contender for so long, as answered says, and gives what came of it.
func slotsOf(t *testing.T, n, most int, window time.Duration, answer func(w *world, ctx context.Context, call relay.Call) outcome.Outcome) (*world, *book, period.Burst) {
	w := newWorld(t, time.Hour, "a")
	id := key("a").ID()
	w.miners[id].answer = func(ctx context.Context, call relay.Call) outcome.Outcome { return answer(w, ctx, call) }
	s, err := New(func() Config { c := w.config(); c.Board = nil; return c }())
	if err != nil {
		t.Fatal(err)
	}
	// Customers have asked with options, so that some of what is made up has them.
	past := make([]task.Features, 100)
	for i := range past {
		past[i] = task.Features{Turns: 1, PromptBytes: 100, Output: 20, Temperature: -1, TopP: -1, Task: chat, Options: "top_k=40"}
	}
	s.shape.Store(&shape{tasks: map[string][]task.Features{chat: past}})
	b := newBook(period.Period{Start: time.Now(), End: time.Now().Add(time.Hour)}, [32]byte{1}, score.Vision4{})
	tk, _ := w.tasks.Lookup(chat)
	one := &burst{contender: period.Contender{Miner: id, Task: chat, Addr: w.addr}, task: tk, kind: mustKind(t, "chat"), most: most, at: time.Now(), until: time.Now().Add(window)}
	for range n {
		one.under.Go(func() { s.askAtOnce(t.Context(), b, one) })
	}
	one.under.Wait()
	return w, b, one.result(false, time.Second)
}

// Two slots of four are there. However often those answer, the others weigh as much.
func TestEachSlotWeighsTheSame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		under := 0
		_, _, r := slotsOf(t, 4, 100, 5*time.Second, func(w *world, ctx context.Context, _ relay.Call) outcome.Outcome {
			w.mu.Lock()
			full := under == 2
			if !full {
				under++
			}
			w.mu.Unlock()
			if full {
				return outcome.Outcome{Status: outcome.RateLimited}
			}
			sleep(ctx, 300*time.Millisecond)
			w.mu.Lock()
			under--
			w.mu.Unlock()
			return outcome.Outcome{Work: 100}
		})
		if r.Slots != 4 || r.Asked != 2*17+2 || len(r.Answers) != 2*17 {
			t.Fatalf("%d requests to %d slots, %d answers; want 2 slots asked 17 times and 2 once", r.Asked, r.Slots, len(r.Answers))
		}
		for _, a := range r.Answers {
			if a.Of != 17 {
				t.Fatalf("an answer shows 1/%d of a slot, want 1/17", a.Of)
			}
		}
	})
}

func TestGarbageAtOnceIsAskedForOnlySoOften(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, b, r := slotsOf(t, 3, 7, 5*time.Second, func(_ *world, ctx context.Context, _ relay.Call) outcome.Outcome {
			sleep(ctx, time.Millisecond)
			return outcome.Outcome{Work: 1}
		})
		if r.Slots != 3 || r.Asked != 21 || len(r.Answers) != 21 || b.stats.Bursts != 21 {
			t.Errorf("%d requests to %d slots, %d sent, %d answers; want 7 to each of 3", r.Asked, r.Slots, b.stats.Bursts, len(r.Answers))
		}
	})
}

// Who calls requests wrong to leave slots out is asked again with one that cannot be.
func TestCallingRequestsWrongLeavesNoSlotOut(t *testing.T) {
	for name, all := range map[string]bool{"all": true, "those with options": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				options := 0
				w, _, r := slotsOf(t, 20, 1, 0, func(w *world, ctx context.Context, call relay.Call) outcome.Outcome {
					plain := call.Request.Features().Plain()
					w.mu.Lock()
					if !plain {
						options++
					}
					w.mu.Unlock()
					if all || !plain {
						return outcome.Outcome{Status: outcome.Failed, Reason: "http_422"}
					}
					sleep(ctx, time.Second)
					return outcome.Outcome{Work: 100}
				})
				want := 20
				if all {
					want = 0
				}
				if options == 0 || r.Slots != 20 || r.Asked != 20 || len(r.Answers) != want {
					t.Errorf("%d requests had options; %d that count to %d slots, %d answers, want 20 to 20 and %d", options, r.Asked, r.Slots, len(r.Answers), want)
				}
				if len(w.calls) != 20+options {
					t.Errorf("%d requests of which %d had options, to 20 slots", len(w.calls), options)
				}
			})
		})
	}
}

// What one contender wastes takes only its own part of what all may be asked.
func TestWasteEndsNobodysBeacons(t *testing.T) {
	b := newBook(period.Period{Start: time.Now(), End: time.Now().Add(time.Hour)}, [32]byte{1}, score.Vision4{})
	for _, name := range []string{"good", "waste"} {
		b.add(time.Now(), period.Contender{Miner: key(name).ID(), Task: chat, Capacity: 10_000})
	}
	if got := b.taken(chat, 0.02); got != 0 {
		t.Errorf("%v was taken before anything was", got)
	}
	for name, work := range map[string]int64{"good": 50, "waste": 1_000_000} {
		b.spend(&outcome.Outcome{Miner: key(name).ID(), Task: chat, Source: outcome.Burst, Work: work})
	}
	b.spend(&outcome.Outcome{Miner: key("good").ID(), Task: chat, Source: outcome.Organic, Work: 777})
	if got := b.taken(chat, 0.02); got != 50+200 {
		t.Errorf("%v counts against what may be taken, want 50 and no more than 200 of the one that wastes", got)
	}
	if l := b.loads()[chat]; l.Synthetic != 1_000_050 {
		t.Errorf("%+v", l)
	}
}

// Without the gateway in this process slots that customers took are seen afterwards, and as many that refused are
// left out: of slots, however often the others answered.
func TestSlotsThatCustomersTookAreLeftOut(t *testing.T) {
	answers, waits := make([]score.Arrived, 5), make([]time.Duration, 5)
	one := burst{contender: period.Contender{Slots: 4}, slots: []slot{{5, answers, waits}, {1, nil, nil}, {6, answers, waits}, {1, nil, nil}}, ended: 1, well: 1}
	r := one.result(true, time.Second)
	if r.Slots != 3 || r.Asked != 12 || len(r.Answers) != 10 || r.Answers[0].Of != 5 || r.Answers[9].Of != 6 || r.InFlight != 1 {
		t.Errorf("%+v", r)
	}
	if r = one.result(false, time.Second); r.Slots != 4 || r.Asked != 13 {
		t.Errorf("with the gateway here, %+v", r)
	}
}

// Customers' requests of the instant are part of what a beacon asks: who refuses or breaks them off to answer the rest of it in
// full has not shown that it can do both. Those that are nobody's fault are left out.
func TestCustomersThatAreDroppedForABeaconCount(t *testing.T) {
	at := time.Now()
	b := &burst{contender: period.Contender{Miner: key("a").ID(), Task: chat}, at: at, customers: 6, slots: []slot{{2, make([]score.Arrived, 2), make([]time.Duration, 2)}}}
	var w watched
	w.add(b)
	for _, o := range []outcome.Outcome{
		{Status: outcome.OK, Work: 60},
		{Status: outcome.Failed, Work: 5},
		{Status: outcome.RateLimited},
		{Status: outcome.Canceled, Work: 5, Reason: outcome.CallerGone},
		{Status: outcome.Canceled, Reason: outcome.CallerGone},
		{Status: outcome.Ours},
	} {
		o.Miner, o.Task, o.Start, o.Total = key("a").ID(), chat, at.Add(-time.Second), 2*time.Second
		w.see(&o)
	}
	select {
	case <-b.all:
	default:
		t.Error("all customers' requests have ended, and they are waited for")
	}
	r := b.result(false, time.Second)
	if r.InFlight != 2 || r.Asked != 4 || r.Slots != 3 || len(r.Answers) != 2 {
		t.Errorf("%+v, want 2 in flight, and 4 asked in 3 slots, of which one answered twice", r)
	}
	if r = b.result(true, time.Second); r.InFlight != 2 || r.Asked != 4 || r.Slots != 3 {
		t.Errorf("with the gateway elsewhere, and all of them known of, %+v, want the same", r)
	}
	b.customers--
	if r = b.result(true, time.Second); r.InFlight != 2 || r.Asked != 3 || r.Slots != 2 {
		t.Errorf("with the gateway elsewhere, and one not known of, where the beacon may have caused the refusal, %+v, want 3 asked in 2 slots", r)
	}
}
