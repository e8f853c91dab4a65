package scorer

import (
	"testing"
	"testing/synctest"
	"time"

	"vision/internal/chain"
	"vision/internal/outcome"
	"vision/internal/period"
	"vision/internal/proto"
	"vision/internal/score"
	"vision/internal/task"
)

// TestABusyMinerIsTested: probes that find no free slot are not dropped, but
// sent when there is one.
func TestABusyMinerIsTested(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 10*time.Minute, "busy")
		w.full = true
		w.start()
		w.until(4 * time.Minute)
		if n := w.count(func() int { return len(w.calls) }); n != 0 {
			t.Fatalf("%d probes were sent while customers' requests took all slots", n)
		}
		w.count(func() int { w.full = false; return 0 })
		w.until(11 * time.Minute)
		sent, st := len(w.calls), w.s.Stats()
		w.stop()
		r := w.store.result(1, w.ids[0], chat)
		if r == nil || r.Probes < 5 || r.Counts.OK != r.Probes {
			t.Errorf("of the first period's probes, these came to something: %+v (%d sent in all)", r, sent)
		}
		if st.Skipped != 0 || st.Missed != 0 {
			t.Errorf("%+v", st)
		}
	})
}

// Turns that are put off wait with a bound, in number and in time, and never
// past the time for asking.
func TestPuttingOffIsBounded(t *testing.T) {
	b := bookOf(time.Hour, entrant(0, 500))
	for now, tries := dawn, 0; ; tries++ {
		next, wait, ok, over := b.next(now, time.Second)
		if over {
			if tries < 500 || tries > 10000 {
				t.Errorf("500 turns were put off %d times", tries)
			}
			break
		}
		if !ok {
			now = now.Add(wait)
			continue
		}
		if now.Sub(dawn) > time.Hour*98/100 {
			t.Fatalf("a turn at %v", now.Sub(dawn))
		}
		if !b.putOff(next, now) {
			b.note(func(st *Stats) { st.Skipped++ })
		}
		if n := b.again.each[0]; n > mostPutOff || n != len(b.again.turns) || len(b.queue) > n+1 {
			t.Fatalf("%d turns wait, %d are known, %d are queued", n, len(b.again.turns), len(b.queue))
		}
	}
	if b.stats.Skipped != 500 || len(b.again.turns) != 0 || len(b.again.each) != 0 {
		t.Errorf("%+v, %d turns left", b.stats, len(b.again.turns))
	}
}

// What customers measured meanwhile need not be asked again.
func TestPutOffTurnsAreCovered(t *testing.T) {
	b := bookOf(time.Hour, entrant(0, 1))
	now := dawn
	for {
		next, wait, ok, _ := b.next(now, time.Second)
		if now = now.Add(wait); !ok {
			continue
		}
		if next.Tries == 0 && !b.putOff(next, now) {
			t.Fatal("cannot be put off")
		}
		break
	}
	o := outcome.Outcome{Miner: b.contenders[0].Miner, Task: "task-0", Start: now}
	if err := b.count(&o); err != nil {
		t.Fatal(err)
	}
	if turns, _ := drain(b, now, time.Second); len(turns) != 0 || b.stats.Covered != 1 {
		t.Errorf("%d turns after a customer's request, %+v", len(turns), b.stats)
	}
}

// Volume that the declared slots could not serve earns nothing.
func TestSlotsBoundTheVolume(t *testing.T) {
	c, err := task.NewCatalogue([]task.Task{{
		Name: chat, Kind: "chat", Weight: 1, Capacity: 18e6, Typical: 500, Speed: task.Speed{Mean: 0.01, Steepness: 50},
		Timeouts: task.Timeouts{First: time.Second, Gap: time.Second, Total: time.Minute}, Limits: task.Limits{Output: 1024},
	}})
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct {
		units, want int64
		slots       int
	}{
		{18e6, 360_000, 1}, {18e6, 720_000, 2}, {18e6, 18e6, 1000}, {18e6, 18e6, 0}, {300_000, 300_000, 1},
	} {
		said := proto.Capacities{Secs: 3600, Tasks: []proto.Capacity{{Task: chat, Units: x.units, Slots: x.slots}}}
		b := newBook(period.Period{Start: dawn, End: dawn.Add(time.Hour)}, [32]byte{1}, score.Vision4{})
		got := b.contend(chain.Neuron{}, said, c, 1, b.Start)
		if len(got) != 1 || got[0].Capacity != x.want || got[0].Declared != x.units {
			t.Errorf("%d units and %d slots, where a slot serves 360000: %+v, want %d to count", x.units, x.slots, got, x.want)
		}
	}
}

// Who offers less than one unit in a period is as much away as who offers nothing: beacons that it could not be asked at are missed.
func TestLessThanOneUnitIsNoOffer(t *testing.T) {
	c, err := task.NewCatalogue([]task.Task{{
		Name: chat, Kind: "chat", Weight: 1, Capacity: 18e6, Typical: 500, Speed: task.Speed{Mean: 0.01, Steepness: 50},
		Timeouts: task.Timeouts{First: time.Second, Gap: time.Second, Total: time.Minute}, Limits: task.Limits{Output: 1024},
	}})
	if err != nil {
		t.Fatal(err)
	}
	for units, want := range map[int64]int{0: 0, 23: 0, 24: 1} { // in a day
		said := proto.Capacities{Secs: 86400, Tasks: []proto.Capacity{{Task: chat, Units: units, Slots: 1}}}
		b := newBook(period.Period{Start: dawn, End: dawn.Add(time.Hour)}, [32]byte{1}, score.Vision4{})
		if got := b.contend(chain.Neuron{}, said, c, 1, b.Start); len(got) != want {
			t.Errorf("%d units a day make %+v, want %d contenders", units, got, want)
		}
	}
}

// TestAMinerThatMoved is asked where it is now, before the period is over.
func TestAMinerThatMoved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 20*time.Minute, "mover")
		w.start()
		w.until(5 * time.Minute)
		w.count(func() int { w.addr = "127.0.0.1:9001"; return 0 })
		w.until(19*time.Minute + 59*time.Second)
		w.stop()
		moved := 0
		for i, call := range w.calls {
			switch at := w.callTime[i].Sub(w.started); {
			case call.Peer.Addr == "127.0.0.1:9001":
				moved++
			case at > 6*time.Minute+time.Second:
				t.Errorf("a probe at %v to the old address", at)
			}
		}
		if moved < 5 {
			t.Errorf("%d of %d probes went to the new address", moved, len(w.calls))
		}
	})
}
