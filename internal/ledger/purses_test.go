package ledger

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"vision/internal/fault"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	pot1 = Pot{ProjectPot, 1}
	key1 = Pot{AllowancePot, 9}
)

// must holds an amount, or fails the test.
func must(t testing.TB, p *Purse, amount Amount) Hold {
	t.Helper()
	h, err := p.Hold(ctx, amount)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestHoldSettleRelease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := newVault(map[Pot]Amount{pot1: 1000})
		bank := v.member("a")
		s := running(t, bank)
		p := s.Purse(1, 0)
		h := must(t, p, 600)
		if _, err := p.Hold(ctx, 401); err != ErrProjectSpent {
			t.Errorf("a hold beyond the balance: %v", err)
		}
		bank.charge(t, pot1, 100)
		h.Settle(100)
		h.Settle(100) // nothing
		h.Release()   // nothing
		h = must(t, p, 900)
		h.Release()
		h = must(t, p, 900)
		h.Release()
		if _, err := p.Hold(ctx, 901); err != ErrProjectSpent {
			t.Errorf("a hold beyond what is left: %v", err)
		}
		var none *Purse
		if h, err := none.Hold(ctx, 1<<60); err != nil || h.Amount() != 0 {
			t.Errorf("a hold in a free project: %v, %v", h, err)
		}
		if fault.KindOf(ErrProjectSpent) != fault.RateLimited || fault.KindOf(ErrKeySpent) != fault.RateLimited {
			t.Error("a refusal is not told as the customer's limit")
		}
	})
}

// Where nothing can come back, the refusal is immediate, and repeated ones do
// not go to the bank each time; a deposit helps within about a second.
func TestRefusedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := newVault(map[Pot]Amount{pot1: 10})
		s := running(t, v.member("a"))
		p := s.Purse(1, 0)
		time.Sleep(time.Second) // some ticks
		begin := time.Now()
		for range 1000 {
			if _, err := p.Hold(ctx, 11); err != ErrProjectSpent {
				t.Fatalf("a hold beyond the balance: %v", err)
			}
		}
		if took := time.Since(begin); took > 0 {
			t.Errorf("refusals took %v", took)
		}
		if n := v.count(); n > 3 {
			t.Errorf("the bank was asked %d times", n)
		}
		v.mu.Lock()
		v.pots[pot1] = 1000
		v.mu.Unlock()
		time.Sleep(1300 * time.Millisecond)
		h := must(t, p, 11)
		h.Release()
	})
}

// 64 clients want the last credits at once: exactly as many get them as there
// are credits, the others are refused.
func TestLastCredits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := newVault(map[Pot]Amount{pot1: 100, key1: 70})
		bank := v.member("a")
		s := running(t, bank)
		var wg sync.WaitGroup
		var served, refused atomic.Int64
		for i := range 64 {
			root := int64(0)
			if i%2 == 0 {
				root = 9
			}
			p := s.Purse(1, root)
			wg.Go(func() {
				h, err := p.Hold(ctx, 10)
				if err != nil {
					if err != ErrProjectSpent && err != ErrKeySpent {
						t.Error(err)
					}
					refused.Add(1)
					return
				}
				time.Sleep(300 * time.Millisecond)
				bank.charge(t, pot1, 10)
				if root != 0 {
					bank.charge(t, key1, 10)
				}
				h.Settle(10)
				served.Add(1)
			})
		}
		wg.Wait()
		if served.Load() != 10 || refused.Load() != 54 {
			t.Errorf("%d served, %d refused", served.Load(), refused.Load())
		}
		if free, leased := v.left(pot1); free != 0 || leased != 0 {
			t.Errorf("%v left, %v leased", free, leased)
		}
	})
}

// What a running request holds and does not spend serves the one that waits.
func TestWaitsForHolds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := newVault(map[Pot]Amount{pot1: 100})
		bank := v.member("a")
		s := running(t, bank)
		p := s.Purse(1, 0)
		h := must(t, p, 100)
		go func() {
			time.Sleep(1500 * time.Millisecond)
			bank.charge(t, pot1, 1)
			h.Settle(1)
		}()
		begin := time.Now()
		second := must(t, p, 99)
		if took := time.Since(begin); took != 1500*time.Millisecond {
			t.Errorf("waited %v, want 1.5s", took)
		}
		if _, err := p.Hold(ctx, 99); err != ErrProjectSpent {
			t.Errorf("while all is held: %v", err)
		}
		if took := time.Since(begin); took > 1500*time.Millisecond+patience+200*time.Millisecond {
			t.Errorf("refused after %v", took)
		}
		gone, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
		defer cancel()
		if _, err := p.Hold(gone, 50); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("for a caller who left: %v", err)
		}
		second.Release()
		third := must(t, p, 99)
		third.Release()
	})
}

// What another process has on lease and does not hold comes within two seconds.
func TestOthersGiveBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := newVault(map[Pot]Amount{pot1: 100_000})
		a, b := running(t, v.member("a")), running(t, v.member("b"))
		ha := must(t, a.Purse(1, 0), 1000)
		time.Sleep(time.Second)
		if _, leased := v.left(pot1); leased < 50_000 {
			t.Fatalf("the first took a lease of %v only", leased)
		}
		begin := time.Now()
		hb := must(t, b.Purse(1, 0), 99_000)
		if took := time.Since(begin); took > patience {
			t.Errorf("it took %v", took)
		}
		hb.Release()
		ha.Release()
	})
}

// Two processes that each have half of what both want do not block each other.
func TestHalves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := newVault(map[Pot]Amount{pot1: 1000})
		names := []string{"a", "b"}
		var wg sync.WaitGroup
		var served atomic.Int64
		for _, name := range names {
			bank := v.member(name)
			s := running(t, bank)
			h := must(t, s.Purse(1, 0), 5)
			h.Release()
			wg.Go(func() {
				for range 20 {
					h, err := s.Purse(1, 0).Hold(ctx, 900)
					if err == nil {
						served.Add(1)
						time.Sleep(100 * time.Millisecond)
						h.Release()
					} else if err != ErrProjectSpent {
						t.Error(err)
					}
					time.Sleep(100 * time.Millisecond)
				}
			})
		}
		wg.Wait()
		if served.Load() < 20 {
			t.Errorf("%d of 40 holds were served", served.Load())
		}
	})
}

func TestIdleIsGivenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := newVault(map[Pot]Amount{pot1: 1000, key1: 500})
		s := running(t, v.member("a"))
		h := must(t, s.Purse(1, 9), 10)
		time.Sleep(9 * time.Second)
		if _, leased := v.left(pot1); leased <= 10 {
			t.Errorf("%v is on lease of a purse in use", leased)
		}
		time.Sleep(3 * time.Second)
		for _, pot := range []Pot{pot1, key1} {
			if _, leased := v.left(pot); leased != 10 {
				t.Errorf("%v is on lease of a purse that idles with a hold of 10", leased)
			}
		}
		h.Release()
		time.Sleep(3 * time.Second)
		if free, leased := v.left(pot1); free != 1000 || leased != 0 {
			t.Errorf("%v free and %v leased at the end", free, leased)
		}
		calls := v.count()
		time.Sleep(time.Hour)
		if v.count() != calls {
			t.Errorf("purses without a lease went to the bank %d times", v.count()-calls)
		}
	})
}

// In the steady state the bank is asked rarely, and nobody waits for it.
func TestSteadyState(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := newVault(map[Pot]Amount{pot1: 1 << 40})
		bank := v.member("a")
		s := running(t, bank)
		p := s.Purse(1, 0)
		h := must(t, p, 1000)
		h.Settle(1000)
		bank.charge(t, pot1, 1000)
		begin, calls := time.Now(), v.count()
		for range 60_000 {
			h := must(t, p, 1000)
			bank.charge(t, pot1, 300)
			h.Settle(300)
			time.Sleep(time.Millisecond)
		}
		if took := time.Since(begin); took != time.Minute {
			t.Errorf("a minute of holds took %v", took)
		}
		if n := v.count() - calls; n > 200 { // most of these only look at wants
			t.Errorf("the bank was called %d times in a minute", n)
		}
	})
}

func TestBankFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := newVault(map[Pot]Amount{pot1: 1000})
		v.down = errors.New("no database")
		s := running(t, v.member("a"))
		p := s.Purse(1, 0)
		if _, err := p.Hold(ctx, 10); fault.KindOf(err) != fault.Unavailable || !errors.Is(err, v.down) {
			t.Errorf("with the bank down: %v", err)
		}
		synctest.Wait()
		if s.Err() == nil {
			t.Error("Err says nothing of it")
		}
		set := func(down, mute error) {
			v.mu.Lock()
			v.down, v.mute = down, mute
			v.mu.Unlock()
		}
		set(nil, nil)
		time.Sleep(time.Second)
		h := must(t, p, 10)
		h.Release()
		synctest.Wait()
		if s.Err() != nil {
			t.Errorf("Err says %v", s.Err())
		}
		set(errors.New("no database"), nil) // nothing is lost when giving back fails
		time.Sleep(30 * time.Second)
		set(nil, nil)
		h = must(t, p, 10)
		h.Release()
		time.Sleep(30 * time.Second)
		if free, leased := v.left(pot1); free != 1000 || leased != 0 {
			t.Errorf("%v free, %v leased", free, leased)
		}
		// What may have been given back is not used again.
		h = must(t, p, 10)
		h.Release()
		set(nil, ErrUnknown)
		time.Sleep(30 * time.Second)
		if free := s.pot(pot1).free.Load(); free != 0 {
			t.Errorf("%d of it is still free", free)
		}
	})
}

func TestClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := newVault(map[Pot]Amount{pot1: 1000, key1: 100})
		s := NewPurses(v.member("a"))
		run, cancel := context.WithCancel(ctx)
		ticker := time.NewTicker(200 * time.Millisecond)
		defer ticker.Stop()
		ended := make(chan struct{})
		go func() {
			s.Run(run, ticker.C)
			close(ended)
		}()
		p := s.Purse(1, 9)
		h := must(t, p, 60)
		var wg sync.WaitGroup
		wg.Go(func() {
			if _, err := p.Hold(ctx, 60); fault.KindOf(err) != fault.Unavailable {
				t.Errorf("a hold that waits at the end: %v", err)
			}
		})
		synctest.Wait()
		cancel()
		<-ended
		wg.Wait()
		if _, err := p.Hold(ctx, 1); fault.KindOf(err) != fault.Unavailable {
			t.Errorf("a hold after the end: %v", err)
		}
		h.Release()
		if err := s.Close(ctx); err != nil {
			t.Fatal(err)
		}
		for pot, want := range map[Pot]Amount{pot1: 1000, key1: 100} {
			if free, leased := v.left(pot); free != want || leased != 0 {
				t.Errorf("%v: %v free, %v leased", pot, free, leased)
			}
		}
	})
}
