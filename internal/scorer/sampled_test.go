package scorer

import (
	"context"
	"math"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"vision/internal/beacon"
	"vision/internal/hotkey"
	"vision/internal/outcome"
	"vision/internal/sampling"
	"vision/internal/score"
)

// wanting wants some requests at once of everybody.
type wanting struct {
	score.Mechanism
	n int
}

func (m wanting) Burst(score.State, score.Offer, float64) int { return m.n }

// Of a beacon that asks for more than the queue of checks can take, a part is kept that is the same for all miners.
func TestABeaconKeepsWhatChecksCanTake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const each, most = 200, 150
		w := newWorld(t, 10*time.Minute, "first", "last")
		busy(w, "first", "last")
		w.onlyChat()
		rates := sampling.Default()
		rates.Backlog, rates.Most = 20, most
		w.start(hardened(w), func(c *Config) {
			c.Mechanism, c.Rates, c.Checker = wanting{c.Mechanism, each}, rates, nil
		})
		defer w.stop()
		for w.s.Stats().Beacons == 0 {
			time.Sleep(time.Second)
		}
		time.Sleep(5 * time.Second) // no other comes so soon
		synctest.Wait()
		kept := map[hotkey.ID]int{}
		asked := 0
		w.mu.Lock()
		for _, c := range w.calls {
			if c.Source == outcome.Burst {
				asked++
				if c.Keep {
					kept[c.Peer.Miner]++
				}
			}
		}
		w.mu.Unlock()
		first, last := float64(kept[w.ids[0]]), float64(kept[w.ids[1]])
		if st := w.s.Stats(); st.Sampled != int64(first+last) || st.Sampled+st.Unsampled != int64(asked) || asked != 2*each {
			t.Fatalf("%d requests at the beacon, %+v", asked, st) // nothing is known of either, so all would be checked
		}
		// Nothing else waits when the first beacon comes but what probes left. Each answer's draw is its own: six deviations.
		expected := 2 * each * w.store.entrants[1][0].Offer.Rounds(beacon.For(w.length, 4).Window)
		part := rates.Ahead(0, expected)
		chance := 6 * math.Sqrt(2*each*part*(1-part))
		if got := first + last; got >= most || got > 2*each*part+chance || got < 2*each*rates.Ahead(10, expected)-chance {
			t.Errorf("%v of %d answers are kept, where %d may wait and %.3f of all is foreseen", got, asked, most, part)
		}
		if math.Abs(first-last) > chance {
			t.Errorf("%v are kept of the one that was asked first, %v of the last", first, last)
		}
	})
}

// A miner that knows of a beacon may serve what begins from then on otherwise than usual: customers' requests, too, are
// kept as often as the beacon's, from when its value is known to when it has asked.
func TestCustomersAtABeaconAreCheckedAsOften(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 10*time.Minute, "a")
		busy(w, "a")
		id := key("a").ID()
		rate := func(source outcome.Source) float64 { return w.table.Rate(source, chat, id) }
		var instants, alike atomic.Int64
		w.begins = func() {
			instants.Add(1)
			if rate(outcome.Organic) >= rate(outcome.Burst) { // at first all are checked
				alike.Add(1)
			}
		}
		source := &spied{of: new(ticking)}
		w.start(hardened(w), func(c *Config) {
			source.caller = beacon.NewCaller(beacon.For(w.length, c.Mechanism.Beacons()))
			c.Random = source
		})
		defer w.stop()
		w.until(50 * time.Minute) // enough is known of it for little to be checked usually
		rules := beacon.For(w.length, w.s.c.Mechanism.Beacons())
		told := 0
		for range 3600 {
			time.Sleep(500 * time.Millisecond)
			synctest.Wait()
			organic, burst := rate(outcome.Organic), rate(outcome.Burst)
			called, now := source.called(), time.Now()
			switch {
			case now.After(called.Round.At) && now.Before(called.At.Add(rules.Window)):
				told++
				if organic != burst {
					t.Fatalf("%v before the instant, customers' answers are kept with %v, a beacon's with %v", called.At.Sub(now), organic, burst)
				}
			case now.After(called.At.Add(rules.Window)) && burst > 0 && organic > burst/2:
				t.Fatalf("%v after the instant, customers' answers are kept with %v, a beacon's with %v", now.Sub(called.At), organic, burst)
			}
		}
		if instants.Load() == 0 || alike.Load() != instants.Load() || told == 0 {
			t.Errorf("at %d of %d instants all are kept alike, and %d looks while one was called", alike.Load(), instants.Load(), told)
		}
	})
}

// spied notes which beacon its values called last.
type spied struct {
	of     Randomness
	caller *beacon.Caller

	mu     sync.Mutex // guards newest
	newest beacon.Call
}

func (s *spied) called() beacon.Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.newest
}

func (s *spied) Next(ctx context.Context, after beacon.Round) (beacon.Round, error) {
	r, err := s.of.Next(ctx, after)
	if err == nil {
		if call, ok := s.caller.Hear(r); ok {
			s.mu.Lock()
			s.newest = call
			s.mu.Unlock()
		}
	}
	return r, err
}
