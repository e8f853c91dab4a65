package ledger

import (
	"context"
	"sync"
	"sync/atomic"

	"vision/internal/fault"
)

// Errors of Hold. Both are what a customer is told, with status 429 and
// OpenAI's code insufficient_quota.
var (
	ErrProjectSpent error = fault.New(fault.RateLimited, "insufficient_quota", "The project's balance does not cover what this request may cost. Ask for less output, or have the balance topped up.")
	ErrKeySpent     error = fault.New(fault.RateLimited, "insufficient_quota", "What is left of this API key's spend limit does not cover what this request may cost. Ask for less output, or use another key.")
)

func unavailable(cause error) error {
	return fault.Wrap(cause, fault.Unavailable, "balance_unavailable", "The project's balance cannot be read now. Try again soon.")
}

// pot is this process's lease on a Pot. What is leased is free, held, or spent:
// money only moves between these by a single atomic step, so that holds never
// exceed leases however many goroutines there are.
type pot struct {
	name  Pot
	owner *Purses

	free    atomic.Int64 // leased, neither held nor spent
	held    atomic.Int64 // at least what is held: counted before it is taken from free, and until it is back
	low     atomic.Int64 // a hold that leaves less asks for a refill
	largest atomic.Int64 // hold since the lease was taken
	used    atomic.Int64 // Purses.now when something was held last
	asked   atomic.Bool  // a refill has been asked for, or would be in vain for now
	waiting atomic.Int32 // len(waiters)

	mu       sync.Mutex // guards what follows
	waiters  []*waiter  // oldest first
	target   Amount     // what is leased at a time
	refilled int64      // Purses.now at the last refill
	asking   int64      // Purses.now since when asked has been set in vain; 0: it has not
	beyond   Amount     // what was in the bank and on lease to others when it answered last
	vain     int64      // Purses.now when the bank gave nothing; 0: it gave something
	heard    int64      // Purses.now when the bank answered last
}

// waiter is a hold that found too little.
type waiter struct {
	amount Amount
	since  int64         // Purses.now
	done   chan struct{} // closed when err is decided
	err    error         // nil: it is held
}

// take holds an amount if it is free.
func (p *pot) take(amount Amount) bool {
	p.held.Add(int64(amount))
	for {
		free := p.free.Load()
		if free < int64(amount) {
			p.held.Add(-int64(amount))
			return false
		}
		if p.free.CompareAndSwap(free, free-int64(amount)) {
			if now := p.owner.now.Load(); p.used.Load() != now {
				p.used.Store(now)
			}
			if largest := p.largest.Load(); int64(amount) > largest {
				p.largest.CompareAndSwap(largest, int64(amount))
			}
			if free-int64(amount) < p.low.Load() && !p.asked.Load() && p.asked.CompareAndSwap(false, true) {
				p.owner.poke()
			}
			return true
		}
	}
}

// put ends a hold of which some was spent.
func (p *pot) put(amount, spent Amount) {
	p.free.Add(int64(amount - spent))
	p.held.Add(-int64(amount))
	if p.waiting.Load() > 0 {
		p.mu.Lock()
		p.serve()
		p.mu.Unlock()
	}
}

// serve lets waiters have what is free, the oldest first, passing over those
// for whom it is too little. The caller holds mu.
func (p *pot) serve() {
	p.decide(func(w *waiter) (error, bool) { return nil, p.take(w.amount) })
}

// decide ends the wait of those for whom verdict says so. The caller holds mu.
func (p *pot) decide(verdict func(*waiter) (err error, decided bool)) {
	left := p.waiters[:0]
	for _, w := range p.waiters {
		err, decided := verdict(w)
		if !decided {
			left = append(left, w)
			continue
		}
		w.err = err
		close(w.done)
	}
	clear(p.waiters[len(left):])
	p.waiters = left
	p.waiting.Store(int32(len(left)))
}

// takeAll takes all that is free above an amount, to give it back.
func (p *pot) takeAll(above Amount) Amount {
	for {
		free := p.free.Load()
		if free <= int64(above) {
			return 0
		}
		if p.free.CompareAndSwap(free, int64(above)) {
			return Amount(free) - above
		}
	}
}

// hold takes an amount, waiting for it if there is a chance to get it.
func (p *pot) hold(ctx context.Context, amount Amount) error {
	if p.owner.stopped.Load() {
		return unavailable(nil)
	}
	if p.take(amount) {
		return nil
	}
	p.mu.Lock()
	if p.owner.stopped.Load() { // looked at again, since stop takes mu after it has said so
		p.mu.Unlock()
		return unavailable(nil)
	}
	w := &waiter{amount: amount, since: p.owner.now.Load(), done: make(chan struct{})}
	p.waiters = append(p.waiters, w)
	p.waiting.Store(int32(len(p.waiters)))
	// What came back before it was seen that somebody waits. It is for this one:
	// what is too little for those before it, who may be many, still is.
	if p.take(amount) {
		p.waiters = p.waiters[:len(p.waiters)-1]
		p.waiting.Store(int32(len(p.waiters)))
		p.mu.Unlock()
		return nil
	}
	p.mu.Unlock()
	p.owner.poke()
	select {
	case <-w.done:
		return w.err
	case <-ctx.Done():
	}
	p.mu.Lock()
	p.decide(func(other *waiter) (error, bool) { return context.Cause(ctx), other == w })
	p.mu.Unlock()
	return w.err // nil if it was held at that very moment
}

// tooLate is the refusal of a hold that has waited long enough. That the bank
// said nothing all the time is no lack of money, and worth a longer wait.
func (p *pot) tooLate(w *waiter, now int64) (err error, late bool) {
	if p.heard <= w.since { // the same tick may have been before
		return unavailable(nil), now-w.since >= int64(silence)
	}
	return p.spent(), now-w.since >= int64(patience)
}

// spent is the refusal of a hold in vain.
func (p *pot) spent() error {
	if p.name.Kind == AllowancePot {
		return ErrKeySpent
	}
	return ErrProjectSpent
}

// Purse is what one key's requests are paid from: its project's balance and,
// where it has a spend limit, its allowance. It lasts as long as its Purses. A
// nil Purse belongs to a free project: everything can be held in it.
type Purse struct {
	project   *pot
	allowance *pot // nil: no limit
}

// Hold reserves an amount until the hold is settled or released. It asks
// nobody while the lease has enough. Otherwise it waits, for ctx and two
// seconds at most, for a refill or for what others hold or have on lease, and
// then gives ErrProjectSpent or ErrKeySpent; it gives them at once where
// waiting is in vain. A bank that says nothing is waited for, for ten seconds for
// each of balance and limit.
// Other errors are of kind fault.Unavailable, or ctx's.
func (p *Purse) Hold(ctx context.Context, amount Amount) (Hold, error) {
	if p == nil || amount <= 0 {
		return Hold{}, nil
	}
	// The allowance first: who waits for it must not keep the project's money
	// from the project's other keys.
	if p.allowance != nil {
		if err := p.allowance.hold(ctx, amount); err != nil {
			return Hold{}, err
		}
	}
	if err := p.project.hold(ctx, amount); err != nil {
		if p.allowance != nil {
			p.allowance.put(amount, 0)
		}
		return Hold{}, err
	}
	return Hold{p, amount}, nil
}

// Hold is an amount that is reserved. The zero Hold reserves nothing. It must
// be settled or released; what comes after the first of these does nothing. One
// goroutine uses it at a time.
type Hold struct {
	purse  *Purse
	amount Amount
}

// Amount is what is held: the most that may be settled.
func (h *Hold) Amount() Amount { return h.amount }

// Settle ends the hold, of which an amount was charged by a receipt. Call it
// when the receipt is durable, or may be (store.ErrUnknown), not before.
func (h *Hold) Settle(charged Amount) {
	p, amount := h.purse, h.amount
	*h = Hold{}
	if p == nil {
		return
	}
	p.project.put(amount, charged)
	if p.allowance != nil {
		p.allowance.put(amount, charged)
	}
}

// Release ends a hold of which nothing was charged.
func (h *Hold) Release() { h.Settle(0) }
