package scorer

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"vision/internal/beacon"
	"vision/internal/dispatch"
	"vision/internal/outcome"
	"vision/internal/period"
	"vision/internal/relay"
	"vision/internal/score"
	"vision/internal/task"
)

// ticking gives a value every second of the bubble's time, or as often as it is told.
type ticking struct {
	silent bool
	every  time.Duration // 0: a second
}

func (r *ticking) Next(ctx context.Context, after beacon.Round) (beacon.Round, error) {
	tick := max(r.every, time.Second)
	for {
		n := uint64(time.Now().UnixNano() / int64(tick))
		at := time.Unix(0, int64(n)*int64(tick))
		if !r.silent && n > after.Number {
			return r.round(n), nil
		}
		if !sleep(ctx, time.Until(at.Add(tick))) {
			return beacon.Round{}, ctx.Err()
		}
	}
}

// round is the value of a number.
func (r *ticking) round(n uint64) beacon.Round {
	tick := max(r.every, time.Second)
	return beacon.Round{Source: "test", Number: n, At: time.Unix(0, int64(n)*int64(tick)), Tick: tick, Value: sha256.Sum256(binary.BigEndian.AppendUint64(nil, n))}
}

// hardened lets a scorer run vision7 with beacons of its own time.
func hardened(w *world) func(*Config) {
	m, err := score.Named("vision7", nil)
	if err != nil {
		w.t.Fatal(err)
	}
	return func(c *Config) { c.Mechanism, c.Random, c.Synthetic = m, new(ticking), 1 }
}

// busy makes the tasks so large that a miner shows what it declares by several
// requests at once: an answer of 100 units takes a second, half of which is the overhead.
func busy(w *world, miners ...string) {
	timeouts := task.Timeouts{First: 5 * time.Second, Gap: 5 * time.Second, Total: 20 * time.Second}
	c, err := task.NewCatalogue([]task.Task{
		{Name: chat, Kind: "chat", Weight: 3, Capacity: 1e7, Typical: 100, Timeouts: timeouts,
			Speed: task.Speed{Overhead: 0.5, Mean: 0.005, Steepness: 50}, Limits: task.Limits{Output: 1024}},
		{Name: "embed", Kind: "embedding", Weight: 1, Capacity: 1e7, Typical: 100, Timeouts: timeouts,
			Speed: task.Speed{Overhead: 0.5, Mean: 0.005, Steepness: 5}, Limits: task.Limits{Items: 64}},
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.tasks = c
	for _, name := range miners {
		w.miners[key(name).ID()].declares = map[string]int64{chat: 3_600_000, "embed": 3_600_000} // 5 at once
	}
}

// bursts are the requests of beacons so far, by the instant at which they were sent.
func (w *world) bursts() map[time.Time][]relay.Call {
	w.mu.Lock()
	defer w.mu.Unlock()
	at := map[time.Time][]relay.Call{}
	for i, c := range w.calls {
		if c.Source == outcome.Burst {
			at[w.callTime[i]] = append(at[w.callTime[i]], c)
		}
	}
	return at
}

func TestAtABeaconEverybodyIsAskedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 10*time.Minute, "a", "b", "c")
		busy(w, "a", "b")
		w.miners[key("c").ID()].declares = map[string]int64{chat: 720_000}
		w.start(hardened(w))
		w.until(61 * time.Minute)
		at := w.bursts()
		if len(at) < 10 || len(at) > 45 {
			t.Errorf("%d beacons in an hour of six periods, want about 24", len(at))
		}
		for when, calls := range at {
			who := map[outcome.Pair]bool{}
			for _, c := range calls {
				who[outcome.Pair{Miner: c.Peer.Miner, Task: c.Task.Name}] = true
				if c.Key != 0 || !c.Last || len(c.Payload) == 0 {
					t.Errorf("a beacon's request is %+v", c)
				}
			}
			if when.After(w.started.Add(time.Minute)) && len(who) != 5 {
				t.Errorf("at %v, %d contenders were asked, want all 5", when.Sub(w.started), len(who))
			}
		}
		if len(w.s.watched.list) != 0 || w.s.atOnce.Load() != 0 {
			t.Errorf("%d bursts are still watched, %d requests at once", len(w.s.watched.list), w.s.atOnce.Load())
		}
		if left := w.count(func() int { return w.load[key("a").ID()] }); left != 0 {
			t.Errorf("%d requests are still counted as under way", left)
		}
		w.stop()

		// What they showed is what they are paid for.
		k, _, err := recall(t.Context(), w.store, w.s.c.Mechanism)
		if err != nil {
			t.Fatal(err)
		}
		offers := map[outcome.Pair]score.Offer{}
		for _, r := range w.store.results[6] {
			offers[pairOf(&r.Contender)] = r.Offer
		}
		for p, offer := range offers {
			standing, err := w.s.c.Mechanism.(score.Vision7).Standing(k[p], offer)
			if err != nil || standing.Credited < float64(offer.Declared)/2 {
				t.Errorf("%s on %s declares %d and answers all, but is credited %.0f (%v)", p.Miner.Short(), p.Task, offer.Declared, standing.Credited, err)
			}
		}
	})
}

func TestWhoRefusesAtBeaconsIsNotCredited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 10*time.Minute, "good", "bad")
		busy(w, "good", "bad")
		w.miners[key("bad").ID()].answer = func(ctx context.Context, call relay.Call) outcome.Outcome {
			if call.Source == outcome.Burst { // as one that has a slot and says that it has eight
				return outcome.Outcome{Status: outcome.RateLimited}
			}
			sleep(ctx, time.Second)
			return outcome.Outcome{Work: 100}
		}
		w.start(hardened(w))
		w.until(62 * time.Minute)
		w.stop()
		last := w.store.weights[len(w.store.weights)-1]
		weight := map[string]float64{}
		for _, m := range last.Miners {
			for _, name := range []string{"good", "bad"} {
				if m.Miner == key(name).ID() {
					weight[name] = m.Weight
				}
			}
		}
		if weight["good"] < 0.9 || weight["bad"] > 0.1 {
			t.Errorf("weights %v", weight)
		}
		// A beacon's refusals are in no period score.
		if r := w.store.result(6, key("bad").ID(), chat); r.Counts.RateLimited != 0 {
			t.Errorf("counted %+v", r.Counts)
		}
	})
}

func TestCustomersAtTheInstantCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 10*time.Minute, "a")
		w.customers = 2
		w.start(hardened(w))
		// Customers' requests of a minute each, two at a time, that all end well.
		begun := time.Now()
		for time.Since(begun) < 25*time.Minute {
			time.Sleep(30 * time.Second)
			o := outcome.Outcome{Request: "r", Key: 1, Task: chat, Miner: key("a").ID(), Work: 6000, Start: time.Now().Add(-time.Minute), Total: time.Minute, Last: true}
			if err := w.store.Record(t.Context(), outcome.Entry{Outcome: o}); err != nil {
				t.Fatal(err)
			}
		}
		w.stop()
		if len(w.store.bursts) < 2 {
			t.Fatalf("%d beacons", len(w.store.bursts))
		}
		for _, b := range w.store.bursts {
			if b.InFlight < 1 || b.InFlight > 2 {
				t.Errorf("%d customers' requests were under way and ended well, want 2", b.InFlight)
			}
		}
	})
}

// One that begins while the beacon looks who is there is counted, so that its end
// has to be as well.
func TestACustomerThatComesWithTheBeaconIsNotWaitedForInVain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 10*time.Minute, "a")
		var begun time.Time
		w.customers = 1
		w.begins = func() {
			time.Sleep(time.Millisecond)
			begun = time.Now()
			time.Sleep(time.Millisecond)
		}
		s, err := New(w.config())
		if err != nil {
			t.Fatal(err)
		}
		b := &burst{contender: period.Contender{Miner: key("a").ID(), Task: chat}, want: 3}
		if n, ok := s.roomFor(b); n != 2 || !ok {
			t.Fatalf("%d are sent, %v", n, ok)
		}
		s.watched.add(b)
		s.watched.see(&outcome.Outcome{Task: chat, Miner: key("a").ID(), Work: 60, Start: begun, Total: time.Second})
		select {
		case <-b.all:
		default:
			t.Error("all customers' requests have ended, and they are waited for")
		}
	})
}

// A request that a customer's took the place of is not held against the miner.
func TestAPreemptedRequestCountsForNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 10*time.Minute, "a")
		id := key("a").ID()
		board := dispatch.NewBoard()
		board.Set(period.Period{ID: 1, Start: time.Now()}, []period.Contender{{Miner: id, Task: chat, Addr: w.addr, Capacity: 1e6, Slots: 2}})
		s, err := New(func() Config { c := w.config(); c.Board = board; return c }())
		if err != nil {
			t.Fatal(err)
		}
		b := newBook(period.Period{Start: time.Now(), End: time.Now().Add(time.Minute)}, [32]byte{1}, score.Vision4{})
		tk, _ := w.tasks.Lookup(chat)
		one := &burst{contender: period.Contender{Miner: id, Task: chat, Addr: w.addr}, task: tk, kind: mustKind(t, "chat"), at: time.Now()}
		go func() {
			time.Sleep(100 * time.Millisecond)
			for range 2 {
				if seat, _ := board.Acquire(chat, true, time.Now(), 1, 2, nil); seat == nil {
					t.Error("a customer found no slot")
				}
			}
		}()
		s.askAtOnce(t.Context(), b, one)
		if r := one.result(false, time.Second); r.Asked != 0 || len(r.Answers) != 0 {
			t.Errorf("it counts as %+v", r)
		}
		if b.stats.Preempted != 1 {
			t.Errorf("%+v", b.stats)
		}
		if o := w.store.outcomes[0]; o.Status != outcome.Canceled || o.Reason != outcome.Preempted || o.Total > time.Second/2 {
			t.Errorf("it was written down as %+v", o)
		}
	})
}

func TestBoundsOfOursLeaveContendersOut(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"share for our own": func(c *Config) { c.Synthetic = 1e-6 },
		"at once":           func(c *Config) { c.BurstAtOnce = 1; c.Mechanism = eager{c.Mechanism} },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, 10*time.Minute, "a", "b")
				w.start(hardened(w), change)
				w.until(31 * time.Minute)
				w.stop()
				if st := w.s.Stats(); st.Beacons == 0 || st.Bursts != 0 || st.Capped+st.Crowded == 0 {
					t.Errorf("%+v", st)
				}
				if len(w.store.bursts) != 0 {
					t.Errorf("%d contenders are judged by what they were not asked", len(w.store.bursts))
				}
			})
		})
	}
}

// Whom a beacon has no room for does not depend on who was first to say what it offers.
func TestNobodyIsAlwaysLeftOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 10*time.Minute, "a", "b", "last")
		w.miners[key("last").ID()].declare = func(ctx context.Context) error {
			sleep(ctx, 2*time.Second)
			return nil
		}
		w.start(hardened(w), func(c *Config) { c.BurstAtOnce = 4; c.Mechanism = eager{c.Mechanism} })
		w.until(2 * time.Hour)
		w.stop()
		judged := map[string]int{}
		for _, one := range w.store.bursts {
			for _, name := range []string{"a", "b", "last"} {
				if one.Miner == key(name).ID() {
					judged[name]++
				}
			}
		}
		all := int(w.s.Stats().Beacons)
		for _, name := range []string{"a", "b", "last"} {
			if n := judged[name]; n < all/4 || n == all {
				t.Errorf("of %d beacons with room for two of three, %v asked each", all, judged)
				break
			}
		}
	})
}

// eager wants two requests at once of everybody.
type eager struct{ score.Mechanism }

func (eager) Burst(score.State, score.Offer, float64) int { return 2 }

func TestWithoutRandomnessThereAreNoBeacons(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 5*time.Minute, "a")
		w.start(hardened(w), func(c *Config) { c.Random = failing{} })
		w.until(12 * time.Minute)
		w.stop()
		if st := w.s.Stats(); st.Beacons != 0 || st.Sent == 0 {
			t.Errorf("%+v", st)
		}
	})
}

type failing struct{}

func (failing) Next(context.Context, beacon.Round) (beacon.Round, error) {
	return beacon.Round{}, errors.New("out of reach")
}

func TestWhatIsSpentOnOurOwnRequestsIsMeasured(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 10*time.Minute, "a")
		busy(w, "a")
		w.start(hardened(w))
		w.until(9 * time.Minute)
		w.organic(key("a").ID(), chat, outcome.OK, 1000)
		time.Sleep(20 * time.Second)
		synctest.Wait()
		l := w.s.Loads()[chat]
		asked := w.count(func() (n int) {
			for _, c := range w.calls {
				if c.Task.Name == chat {
					n++
				}
			}
			return n
		})
		if l.Customers != 1000 || l.Synthetic != int64(100*asked) || l.Capacity != 600_000 || l.Share() <= 0 {
			t.Errorf("%+v after %d requests of ours of 100 each", l, asked)
		}
		w.stop()
	})
}

func mustKind(t *testing.T, name string) task.Kind {
	t.Helper()
	k, ok := task.KindNamed(name)
	if !ok {
		t.Fatalf("no kind %q", name)
	}
	return k
}

func TestAPeriodWithoutContendersEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 5*time.Minute, "a")
		w.start(hardened(w))
		w.until(7 * time.Minute)
		w.mu.Lock()
		w.miners[w.ids[0]].declare = func(context.Context) error { return errBroken }
		w.mu.Unlock()
		w.until(21 * time.Minute)
		w.stop()
		if p := w.store.periods[len(w.store.periods)-1]; p.ID != 5 {
			t.Errorf("after 21 minutes, period %d of 5 minutes runs", p.ID)
		}
	})
}

// What a period's probes and beacons do when it is over is counted as well.
func TestStatsLoseNothingAtAPeriodsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 5*time.Minute, "a")
		w.start()
		w.until(4 * time.Minute)
		first := w.s.running.Load()
		w.until(6 * time.Minute)
		if w.s.running.Load() == first {
			t.Fatal("the first period is not over")
		}
		before := w.s.Stats()
		first.note(func(st *Stats) { st.Preempted++ })
		if after := w.s.Stats(); after.Preempted != before.Preempted+1 {
			t.Errorf("%d were broken off, before %d", after.Preempted, before.Preempted)
		}
		w.stop()
	})
}
