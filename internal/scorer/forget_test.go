package scorer

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"vision/internal/outcome"
	"vision/internal/period"
	"vision/internal/score"
	"vision/internal/task"
)

// Miners that have left the network are forgotten, but for what must be
// remembered of them when they come back.
func TestWhoLeftIsForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 5*time.Minute, "stays", "leaves", "cheats")
		w.start(hardened(w))
		w.until(7 * time.Minute)
		// It is found to cheat at the end of the second period, and both leave in it.
		w.store.mu.Lock()
		w.store.checks = append(w.store.checks, outcome.Check{Sample: 1 << 40, Miner: key("cheats").ID(), Task: chat, At: time.Now(), Failed: true, Convicted: true, Work: 1})
		w.store.mu.Unlock()
		w.mu.Lock()
		w.ids = w.ids[:1]
		w.mu.Unlock()
		knows := func() (names []string) {
			k, _, err := recall(t.Context(), w.store, w.s.c.Mechanism)
			if err != nil {
				t.Fatal(err)
			}
			for _, name := range []string{"stays", "leaves", "cheats"} {
				p := outcome.Pair{Miner: key(name).ID(), Task: chat}
				if (k[p] != nil) != ((*w.s.known.Load())[p] != nil) {
					t.Errorf("what is kept of %s is not what is known", name)
				}
				if k[p] != nil {
					names = append(names, name)
				}
			}
			return names
		}
		w.until(12 * time.Minute)
		if got := knows(); len(got) != 3 {
			t.Errorf("after the period in which they left, %v are known", got)
		}
		w.until(17 * time.Minute)
		if got := knows(); len(got) != 2 || got[1] != "cheats" {
			t.Errorf("a period later, %v are known", got)
		}
		w.stop()
	})
}

func TestNobodyIsForgottenWithoutASnapshot(t *testing.T) {
	m, err := score.Named("vision7", nil)
	if err != nil {
		t.Fatal(err)
	}
	st, err := m.Observe(nil, score.Observation{Closed: &score.Closed{Number: 1}})
	if err != nil {
		t.Fatal(err)
	}
	k := known{outcome.Pair{Miner: key("a").ID(), Task: chat}: st}
	if forget(k, m, nil, nil); len(k) != 1 {
		t.Error("a miner is forgotten while the ledger is silent")
	}
}

// A beacon that asked nobody on a task is missed by nobody there.
func TestBeaconsHeldOnATask(t *testing.T) {
	held := heldOn([]period.Burst{
		{Beacon: 1, Task: chat, Miner: key("a").ID()}, {Beacon: 1, Task: chat, Miner: key("b").ID()},
		{Beacon: 2, Task: "embed"}, {Beacon: 3, Task: chat},
	})
	if len(held) != 2 || held[chat] != 2 || held["embed"] != 1 {
		t.Errorf("%v", held)
	}
}

// A miner may declare what no catalogue has, and something new each time: nothing is kept of that.
func TestUnknownTasksAreNotRemembered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 10*time.Minute, "a")
		w.miners[key("a").ID()].declares["no such task"] = 1000
		w.start()
		w.until(time.Minute)
		w.stop()
		for pair := range w.s.declared.specs {
			if _, known := w.s.c.Catalogue().Lookup(pair.Task); !known {
				t.Errorf("the spec of %q is kept", pair.Task)
			}
		}
		if len(w.s.declared.specs) == 0 {
			t.Error("no spec is kept at all")
		}
	})
}

// A task that the network takes away pays nobody, and lets no cheat off that was found on it.
func TestWhoIsSlashedOnATaskThatIsRemovedStaysSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 5*time.Minute, "honest", "cheats")
		busy(w, "honest", "cheats")
		both := w.tasks
		w.start(hardened(w))
		w.until(17 * time.Minute)
		w.store.mu.Lock()
		w.store.checks = append(w.store.checks, outcome.Check{Sample: 1 << 40, Miner: key("cheats").ID(), Task: "embed", At: time.Now(), Failed: true, Convicted: true, Work: 1})
		w.store.mu.Unlock()
		w.until(22 * time.Minute)
		w.stop()
		chats, _ := both.Lookup(chat)
		alone := *chats
		alone.Weight = 1
		one, err := task.NewCatalogue([]task.Task{alone})
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range []*task.Catalogue{both, one} {
			g, err := gather(t.Context(), w.store, w.s.c.Mechanism, c, 0, false)
			if err != nil {
				t.Fatal(err)
			}
			out, err := w.s.c.Mechanism.Weights(g.tasks)
			if err != nil {
				t.Fatal(err)
			}
			for _, of := range out.Weights {
				if (of.Hotkey == key("cheats").ID()) != (of.Weight == 0) {
					t.Errorf("of %d tasks: %s has a weight of %v", len(c.Tasks()), of.Hotkey.Short(), of.Weight)
				}
			}
			if len(g.tasks) != 2 {
				t.Errorf("of %d tasks: %d are weighed", len(c.Tasks()), len(g.tasks))
			}
		}
	})
}

// A task that is taken away for some periods, by mistake or not, costs nobody what it had shown on it.
func TestATaskThatIsAwayForAWhileCostsNobodyAnything(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 5*time.Minute, "a")
		busy(w, "a")
		both := w.tasks
		chats, _ := both.Lookup(chat)
		alone := *chats
		alone.Weight = 1
		one, err := task.NewCatalogue([]task.Task{alone})
		if err != nil {
			t.Fatal(err)
		}
		var now atomic.Pointer[task.Catalogue]
		now.Store(both)
		w.start(hardened(w), func(c *Config) { c.Catalogue = now.Load })
		embeds := func() score.Factors {
			g, err := gather(t.Context(), w.store, w.s.c.Mechanism, both, 0, false)
			if err != nil {
				t.Fatal(err)
			}
			out, err := w.s.c.Mechanism.Weights(g.tasks)
			if err != nil {
				t.Fatal(err)
			}
			of, _ := out.Explain(key("a").ID())
			for _, f := range of.Tasks {
				if f.Task == "embed" {
					return f
				}
			}
			t.Fatal("it is not known on the task")
			return score.Factors{}
		}
		w.until(19 * time.Minute)
		now.Store(one)
		w.until(22 * time.Minute)
		before := embeds() // of the fourth period
		w.until(37 * time.Minute)
		now.Store(both)
		during := embeds() // of the seventh
		if h := before.Hardened; h.Reliability != 1 || h.Credited == 0 || h.Closed != 4 {
			t.Fatalf("before: %+v", h)
		}
		if was, is := before.Hardened, during.Hardened; is.Reliability != was.Reliability || is.Credited != was.Credited || is.Closed != 7 {
			t.Errorf("three periods without the task leave a reliability of %v of %v and a credit of %v of %v", is.Reliability, was.Reliability, is.Credited, was.Credited)
		}
		w.until(47 * time.Minute)
		if back := embeds(); back.Hardened.Reliability != 1 || back.EffectiveVolume == 0 {
			t.Errorf("back, it is worth %v: %+v", back.EffectiveVolume, back.Hardened)
		}
		w.stop()
	})
}
