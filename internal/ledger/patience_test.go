package ledger

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"vision/internal/fault"
)

// A key that waits for its own allowance keeps nothing of the project's money
// from the project's other keys.
func TestSpentKeysHoldNothingOfTheProjects(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := newVault(map[Pot]Amount{pot1: 1000, key1: 500})
		s := running(t, v.member("a"))
		limited, other := s.Purse(1, 9), s.Purse(1, 0)
		first := must(t, limited, 400)
		waits := make(chan error, 1)
		go func() {
			h, err := limited.Hold(ctx, 450) // may come back: it waits
			h.Release()
			waits <- err
		}()
		synctest.Wait()
		time.Sleep(500 * time.Millisecond)
		begin := time.Now()
		h := must(t, other, 600)
		if took := time.Since(begin); took > 0 {
			t.Errorf("another key's hold of money that nobody uses took %v", took)
		}
		h.Release()
		if err := <-waits; err != ErrKeySpent {
			t.Errorf("the key that waited got %v", err)
		}
		first.Release()
		h = must(t, limited, 450)
		h.Release()
	})
}

// A request that its project cannot pay for takes nothing of its key's allowance.
func TestSpentProjectsTakeNothingOfAllowances(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := newVault(map[Pot]Amount{pot1: 10, key1: 100})
		p := running(t, v.member("a")).Purse(1, 9)
		for range 3 {
			if _, err := p.Hold(ctx, 60); err != ErrProjectSpent {
				t.Fatalf("a hold beyond the balance: %v", err)
			}
		}
		v.mu.Lock()
		v.pots[pot1] = 1000
		v.mu.Unlock()
		time.Sleep(1300 * time.Millisecond)
		h := must(t, p, 100)
		h.Release()
	})
}

// Who has just given back what others wanted is not told that the money has run out.
func TestWhatWasGivenBackMayComeBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := newVault(map[Pot]Amount{pot1: 1000})
		one, other := v.member("a"), v.member("b")
		p := running(t, one).Purse(1, 0)
		h := must(t, p, 600)
		h.Release()
		theirs := must(t, running(t, other).Purse(1, 0), 700)
		if free, leased := v.left(pot1); leased < 700 {
			t.Fatalf("%v free, %v leased", free, leased)
		}
		waits := make(chan error, 1)
		go func() {
			h, err := p.Hold(ctx, 600)
			h.Release()
			waits <- err
		}()
		synctest.Wait()
		theirs.Release()
		if err := <-waits; err != nil {
			t.Error(err)
		}
	})
}

// A slow bank is waited for, whether it has money or not.
func TestASlowBankIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := newVault(map[Pot]Amount{pot1: 1000})
		s := running(t, slow{v.member("a"), 3 * time.Second})
		time.Sleep(time.Second) // some ticks
		h := must(t, s.Purse(1, 0), 10)
		h.Release()
		if _, err := s.Purse(2, 0).Hold(ctx, 10); err != ErrProjectSpent {
			t.Errorf("of nothing: %v", err)
		}
	})
}

// A customer is not told that money has run out because the bank says nothing.
func TestASilentBankIsNoLackOfMoney(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := newVault(map[Pot]Amount{pot1: 1000})
		s := running(t, slow{v.member("a"), silence + time.Second})
		time.Sleep(time.Second) // some ticks
		begin := time.Now()
		_, err := s.Purse(1, 0).Hold(ctx, 10)
		if fault.KindOf(err) != fault.Unavailable || errors.Is(err, ErrProjectSpent) {
			t.Errorf("got %v", err)
		}
		if took := time.Since(begin); took < silence-200*time.Millisecond || // a tick, by which waits are timed
			took > silence+time.Second {
			t.Errorf("it waited for %v", took)
		}
		time.Sleep(3 * time.Second) // it has answered by now, and that is not given back at once as if it had idled
		h := must(t, s.Purse(1, 0), 10)
		h.Release()
	})
}

// slow is a bank that takes its time.
type slow struct {
	member
	takes time.Duration
}

func (s slow) Lease(ctx context.Context, asks []Ask) ([]Grant, error) {
	time.Sleep(s.takes)
	return s.member.Lease(ctx, asks)
}

// A bank that answered others just before, and says nothing since, is silent too.
func TestABankThatFallsSilent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := newVault(map[Pot]Amount{pot1: 1000})
		p := running(t, &stalls{slow: slow{member: v.member("a")}, then: 3 * time.Second}).Purse(1, 0)
		time.Sleep(time.Second) // some ticks
		one := must(t, p, 1)
		other := must(t, p, 900)
		one.Release()
		other.Release()
	})
}

// stalls is a bank that takes some time for a lease, and another for those after it.
type stalls struct {
	slow
	then time.Duration
}

func (s *stalls) Lease(ctx context.Context, asks []Ask) ([]Grant, error) {
	defer func() { s.takes = s.then }()
	return s.slow.Lease(ctx, asks)
}

// Where the clock is set back, waits still end, and idle leases go back.
func TestTheClockIsSetBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := newVault(map[Pot]Amount{pot1: 1000})
		s := NewPurses(v.member("a"))
		run, cancel := context.WithCancel(ctx)
		ticks, done := make(chan time.Time), make(chan struct{})
		go func() {
			defer close(done)
			s.Run(run, ticks)
		}()
		at := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
		tick := func(n int) {
			for range n {
				at = at.Add(200 * time.Millisecond)
				ticks <- at
				synctest.Wait()
			}
		}
		tick(5)
		first := must(t, s.Purse(1, 0), 600)
		waits := make(chan error, 1)
		go func() {
			_, err := s.Purse(1, 0).Hold(ctx, 500)
			waits <- err
		}()
		synctest.Wait()
		at = at.Add(-time.Hour)
		tick(12)
		select {
		case err := <-waits:
			if err != ErrProjectSpent {
				t.Errorf("the hold that waited got %v", err)
			}
		default:
			t.Error("a hold still waits after 2 seconds")
		}
		first.Release()
		tick(60)
		if _, leased := v.left(pot1); leased != 0 {
			t.Errorf("%d are still on lease after 10 idle seconds", leased)
		}
		cancel()
		<-done
	})
}
