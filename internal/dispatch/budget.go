package dispatch

import (
	"sync"
	"time"
)

// Budget bounds what is done over and above requests (trying again, asking a
// second miner) to a share of them: when failures are general, retries do not
// multiply them. It is a bucket of tokens: a request earns a share of one, time
// earns some for where there is little traffic, and each extra attempt costs
// one. From any moment on, over n requests and a time t it allows at most
//
//	Burst + Share × n + Floor × t
//
// The zero value allows nothing.
type Budget struct {
	rule BudgetRule

	mu     sync.Mutex // guards the rest
	tokens float64    // [0, rule.Burst]
	last   time.Time  // when time was last paid for
}

// BudgetRule says what a Budget allows. All fields are >= 0.
type BudgetRule struct {
	Share float64 // tokens that a request earns, at most 1
	Floor float64 // tokens that a second earns
	Burst float64 // the most tokens there are, and those at the start
}

// NewBudget makes a full Budget.
func NewBudget(r BudgetRule) *Budget { return &Budget{rule: r, tokens: r.Burst} }

// Earn counts a request.
func (b *Budget) Earn(now time.Time) {
	b.mu.Lock()
	b.pass(now)
	b.tokens = min(b.tokens+b.rule.Share, b.rule.Burst)
	b.mu.Unlock()
}

// Has says whether an extra attempt would be allowed.
func (b *Budget) Has(now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.pass(now)
	return b.tokens >= 1
}

// Spend asks for an extra attempt, and takes its token if it says yes.
func (b *Budget) Spend(now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.pass(now)
	if b.tokens < 1 {
		return false
	}
	b.tokens--
	return true
}

// GiveBack returns the token of an extra attempt that was not made.
func (b *Budget) GiveBack() {
	b.mu.Lock()
	b.tokens = min(b.tokens+1, b.rule.Burst)
	b.mu.Unlock()
}

// Left is how many extra attempts would be allowed at once.
func (b *Budget) Left(now time.Time) float64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.pass(now)
	return b.tokens
}

// pass pays for the time since the last time.
func (b *Budget) pass(now time.Time) {
	if !b.last.IsZero() && now.After(b.last) {
		b.tokens = min(b.tokens+b.rule.Floor*now.Sub(b.last).Seconds(), b.rule.Burst)
	}
	if now.After(b.last) {
		b.last = now
	}
}
