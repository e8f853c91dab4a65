package ledger

import (
	"context"
	"errors"
	"math"
	"sync"
	"sync/atomic"
	"time"
)

const (
	patience = 2 * time.Second  // how long a hold waits for what may come back
	silence  = 10 * time.Second // how long for a bank that says nothing: what a store waits for another process
	lookout  = time.Second      // how often others' wants are looked at, and one that was refused in vain asked again
	idle     = 10 * time.Second // after which an unused lease is given back

	// refillHolds is how many of the largest holds a lease is worth at first. It
	// doubles when it lasts less than quickly, up to mostHolds.
	refillHolds = 64
	mostHolds   = 64 << 10
	quickly     = 2 * time.Second
)

// Purses are a gateway process's leases. Its methods, and those of its Purses
// and Holds, are safe for any number of goroutines.
type Purses struct {
	bank Banker

	wake    chan struct{} // holds a token when the clerk is wanted
	now     atomic.Int64  // time of the last tick, Unix nanoseconds of a clock that is never set back
	ticked  time.Time     // the last tick's time; Run's
	stopped atomic.Bool   // nobody refills any more; set with mu held

	mu   sync.Mutex // guards pots
	pots map[Pot]*pot

	banking sync.Mutex // one call of the bank at a time, and what it changes in memory
	looked  int64      // now when wants were looked at; the clerk's
	fault   atomic.Pointer[error]
}

// NewPurses makes the purses of a process. Nothing can be held in them before
// Run runs.
func NewPurses(bank Banker) *Purses {
	return &Purses{bank: bank, wake: make(chan struct{}, 1), pots: map[Pot]*pot{}}
}

// Purse gives the purse of a key: of its project, and of its root's allowance
// where that is not 0. It costs a look-up; keep it with the key.
func (s *Purses) Purse(project, root int64) *Purse {
	p := &Purse{project: s.pot(Pot{ProjectPot, project})}
	if root != 0 {
		p.allowance = s.pot(Pot{AllowancePot, root})
	}
	return p
}

func (s *Purses) pot(name Pot) *pot {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.pots[name]
	if p == nil {
		p = &pot{name: name, owner: s}
		s.pots[name] = p
	}
	return p
}

func (s *Purses) all() []*pot {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]*pot, 0, len(s.pots))
	for _, p := range s.pots {
		list = append(list, p)
	}
	return list
}

func (s *Purses) poke() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// Run refills purses, gives back what idles or others want, and ends waits. It
// returns when ctx ends, having refused whoever still waits. ticks is a ticker
// of about 200 ms, whose times are Run's clock.
func (s *Purses) Run(ctx context.Context, ticks <-chan time.Time) {
	var clerk sync.WaitGroup
	defer clerk.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	clerk.Go(func() {
		for {
			select {
			case <-ctx.Done():
				return
			case <-s.wake:
				s.work(ctx)
			}
		}
	})
	for {
		select {
		case <-ctx.Done():
			s.stop()
			return
		case at := <-ticks:
			s.tick(at)
		}
	}
}

// stop refuses all who wait, and who come later.
func (s *Purses) stop() {
	s.mu.Lock()
	s.stopped.Store(true)
	s.mu.Unlock()
	for _, p := range s.all() {
		p.mu.Lock()
		p.decide(func(*waiter) (error, bool) { return unavailable(nil), true })
		p.mu.Unlock()
	}
}

// tick moves the clock, by what the time of day has moved on, ends waits that took too long, and sees whether there
// is something to do at the bank.
func (s *Purses) tick(at time.Time) {
	now := s.now.Load()
	if now == 0 {
		now = at.UnixNano()
	}
	if !s.ticked.IsZero() {
		now += int64(max(at.Sub(s.ticked), 0))
	}
	s.ticked = at
	s.now.Store(now)
	poke := false
	for _, p := range s.all() {
		p.mu.Lock()
		p.decide(func(w *waiter) (error, bool) {
			if w.since == 0 {
				w.since = now // it came before the first tick
			}
			return p.tooLate(w, now)
		})
		if p.asking != 0 && now-p.asking >= int64(lookout) {
			p.asking = 0
			p.asked.Store(false)
		}
		poke = poke || len(p.waiters) > 0 || p.free.Load() > 0
		p.mu.Unlock()
	}
	if poke {
		s.poke()
	}
}

// work does what there is to do at the bank, in as few calls as can be.
func (s *Purses) work(ctx context.Context) {
	s.banking.Lock()
	defer s.banking.Unlock()
	pots := s.all()
	err := s.giveBack(ctx, pots)
	if refilling := s.refill(ctx, pots); err == nil {
		err = refilling
	}
	if ctx.Err() == nil {
		s.fault.Store(&err)
	}
}

// Err is what went wrong at the bank last time, nil if all went well.
func (s *Purses) Err() error {
	if err := s.fault.Load(); err != nil {
		return *err
	}
	return nil
}

// refill asks for what requests wait for or soon will.
func (s *Purses) refill(ctx context.Context, pots []*pot) error {
	var asks []Ask
	var of []*pot
	now := s.now.Load()
	for _, p := range pots {
		if a, ok := p.ask(now); ok {
			asks, of = append(asks, a), append(of, p)
		}
	}
	if len(asks) == 0 {
		return nil
	}
	grants, err := s.bank.Lease(ctx, asks)
	for i, p := range of {
		p.mu.Lock()
		switch {
		case err != nil:
			p.decide(func(*waiter) (error, bool) { return unavailable(err), true })
			p.beyond = math.MaxInt64
			p.rest(now)
		default:
			p.granted(asks[i], grants[i], now)
		}
		p.mu.Unlock()
	}
	return err
}

// ask says what to ask for, if anything.
func (p *pot) ask(now int64) (Ask, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.serve()
	free := Amount(p.free.Load())
	if p.asking != 0 {
		p.refuse() // without asking again so soon
	}
	a := Ask{Pot: p.name, Urgent: len(p.waiters) > 0}
	switch {
	case a.Urgent && p.vain != 0 && p.vain == now: // the next tick asks again
		return a, false
	case !a.Urgent && !(p.asked.Load() && p.asking == 0):
		return a, false
	}
	if a.Urgent {
		var all Amount
		least := Amount(math.MaxInt64)
		for _, w := range p.waiters {
			all, least = sum(all, w.amount), min(least, w.amount)
			p.largest.Store(max(p.largest.Load(), int64(w.amount)))
		}
		a.Least, a.Most = least-free, all-free
	}
	largest := max(Amount(p.largest.Load()), 1)
	fits := func(holds Amount) Amount {
		if largest > math.MaxInt64/holds {
			return math.MaxInt64
		}
		return largest * holds
	}
	if p.refilled != 0 && now-p.refilled < int64(quickly) {
		p.target = sum(p.target, p.target)
	}
	p.target = min(max(p.target, fits(refillHolds)), fits(mostHolds))
	a.Least = max(a.Least, 1)
	a.Most = max(a.Most, p.target-max(free, 0), a.Least)
	return a, true
}

// granted takes what the bank gave. The caller holds mu.
func (p *pot) granted(a Ask, g Grant, now int64) {
	p.free.Add(int64(g.Amount))
	p.low.Store(int64(p.target / 2))
	if g.Amount > 0 {
		p.refilled = now
		p.used.Store(p.owner.now.Load()) // not before the bank has answered, which may have taken long
	}
	p.serve()
	if len(p.waiters) > 0 && g.Left > 0 && g.Amount > 0 {
		p.owner.poke() // others may be served from what is left
	}
	p.beyond, p.vain, p.heard = sum(g.Left, g.Elsewhere), 0, p.owner.now.Load()
	if g.Amount == 0 {
		p.vain = now
	}
	p.refuse()
	if Amount(p.free.Load()) < p.target/2 {
		p.rest(now)
	} else {
		p.asked.Store(false)
		p.asking = 0
	}
}

// refuse ends waits in vain: for what could not be had even if all that is
// held, and all that others have on lease, came back unspent. The caller holds mu.
func (p *pot) refuse() {
	hope := sum(sum(max(Amount(p.free.Load()), 0), max(Amount(p.held.Load()), 0)), p.beyond)
	p.decide(func(w *waiter) (error, bool) { return p.spent(), w.amount > hope })
}

// rest keeps holds from asking for refills in vain, until tick lets them again.
func (p *pot) rest(now int64) {
	p.asked.Store(true)
	p.asking = max(now, 1)
}

// giveBack returns what others want, and what idles.
func (s *Purses) giveBack(ctx context.Context, pots []*pot) error {
	now := s.now.Load()
	if now-s.looked < int64(lookout) {
		return nil
	}
	leased := false
	for _, p := range pots {
		leased = leased || p.free.Load() > 0
	}
	if !leased {
		return nil
	}
	s.looked = now
	list, failed := s.bank.Wanted(ctx)
	wanted := map[Pot]bool{}
	for _, name := range list {
		wanted[name] = true
	}
	var back []Part
	var of []*pot
	for _, p := range pots {
		p.mu.Lock()
		var spare Amount
		switch {
		case wanted[p.name]:
			spare = p.takeAll(0)
			p.rest(now)
		case len(p.waiters) > 0:
		case p.used.Load() == 0: // it was used before the first tick
			p.used.Store(now)
		case now-p.used.Load() >= int64(idle):
			spare = p.takeAll(0)
			p.low.Store(0)
			p.largest.Store(0)
			p.target, p.refilled = 0, 0
		case p.target > 0:
			spare = p.takeAll(sum(p.target, p.target))
		}
		p.beyond = sum(p.beyond, spare)
		p.mu.Unlock()
		if spare > 0 {
			back, of = append(back, Part{p.name, spare}), append(of, p)
		}
	}
	return s.hand(ctx, back, of, failed)
}

// hand gives parts back. What was not taken is free again, unless that is not
// known: then it is left to the bank, which takes back all of a process's
// leases when it ends.
func (s *Purses) hand(ctx context.Context, back []Part, of []*pot, failed error) error {
	if len(back) == 0 {
		return failed
	}
	err := s.bank.GiveBack(ctx, back)
	if err == nil {
		return failed
	}
	if !errors.Is(err, ErrUnknown) {
		for i, p := range of {
			p.free.Add(int64(back[i].Amount))
		}
	}
	return err
}

// Close gives everything back that is not held; nothing can be held in the
// purses any more. Call it when Run has returned and no request is under way.
func (s *Purses) Close(ctx context.Context) error {
	s.stop()
	s.banking.Lock()
	defer s.banking.Unlock()
	var back []Part
	var of []*pot
	for _, p := range s.all() {
		if spare := p.takeAll(0); spare > 0 {
			back, of = append(back, Part{p.name, spare}), append(of, p)
		}
	}
	return s.hand(ctx, back, of, nil)
}
