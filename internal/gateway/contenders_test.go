package gateway

import (
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"vision/internal/dispatch"
	"vision/internal/period"
)

// Who joins a running period, or moves in it, is asked, and asked there, before
// the next one; what is under way goes on to count.
func TestServeFollowsContendersWithinThePeriod(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, nil, ok(1))
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { f.Serve(ctx) })
		defer wg.Wait()
		defer cancel()
		all := f.store.contenders
		change := func(list []period.Contender, wait time.Duration) {
			f.store.mu.Lock()
			f.store.period = period.Period{ID: 2, Start: time.Now(), End: time.Now().Add(100 * time.Second)}
			f.store.contenders = list
			f.store.mu.Unlock()
			time.Sleep(wait)
			synctest.Wait()
		}
		seats := func() (list []dispatch.Seat) {
			f.Board.Seats(all[0].Task, func(s *dispatch.Seat) { list = append(list, *s) })
			return list
		}
		change(all[:1], 1500*time.Millisecond)
		seat, _ := f.Board.Acquire(all[0].Task, true, time.Now(), 1, 2, nil)
		if len(seats()) != 1 || seat == nil {
			t.Fatalf("in the new period %v contend", seats())
		}
		moved := slices.Clone(all[:2])
		moved[0].Addr = "192.0.2.7:7"
		change(moved, 7*time.Second)
		i := slices.IndexFunc(seats(), func(s dispatch.Seat) bool { return s.Miner == all[0].Miner })
		if got := seats(); len(got) != 2 || got[i].Addr != moved[0].Addr || got[i].InFlight() != 1 {
			t.Errorf("a twentieth of the period later the Board has %v", got)
		}
	})
}
