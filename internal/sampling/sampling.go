// Package sampling decides which finished answers are kept and checked. Nobody
// but the validator can tell beforehand: the decision follows from a secret
// and the request's id, after the miner was chosen and in the same way for
// customers' requests and the validator's own.
//
//	secret, request id ─HMAC (package relay)─► draw in [0, 1) ──draw < rate──► kept
//	checks so far, samples waiting ─► Rates ─► Table (swapped whole)
//
// Invariants: a rate is in [Config.Min, 1] and never NaN; it does not rise
// with the number of checks of a pair, nor with the number of samples that
// wait; reading a Table takes no lock.
package sampling

import (
	"fmt"
	"sync/atomic"

	"vision/internal/hotkey"
	"vision/internal/outcome"
)

// Config says how much is checked.
type Config struct {
	Min     float64 // rate of a pair with evidence enough, (0, 1]
	Enough  int     // checks of a pair, within the window that the caller counts, from which on the rate is Min; >= 1
	Backlog int     // samples waiting at which every rate is halved; >= 1
}

// Default checks one answer in fifty of a pair that has been checked fifty
// times, as many as count in its quality.
func Default() Config { return Config{Min: 0.02, Enough: 50, Backlog: 200} }

// Validate says what is wrong with the settings.
func (c Config) Validate() error {
	switch {
	case !(c.Min > 0 && c.Min <= 1):
		return fmt.Errorf("sampling min is %v, want above 0 and at most 1", c.Min)
	case c.Enough < 1:
		return fmt.Errorf("sampling enough is %d, want at least 1", c.Enough)
	case c.Backlog < 1:
		return fmt.Errorf("sampling backlog is %d, want at least 1", c.Backlog)
	}
	return nil
}

// Rate is the chance, [Min, 1], that an answer of a pair is kept that has been
// checked so many times, while so many samples of all pairs wait for a check.
//
// A pair without evidence has everything kept; as evidence grows the rate falls
// to Min with the square of what is lacking. A checker that is behind divides
// all rates by 1 + pending/Backlog, down to Min.
func Rate(checks, pending int, c Config) float64 {
	lacking := 1 - min(float64(max(checks, 0))/float64(max(c.Enough, 1)), 1)
	rate := c.Min + (1-c.Min)*lacking*lacking
	rate /= 1 + float64(max(pending, 0))/float64(max(c.Backlog, 1))
	return min(max(rate, c.Min), 1)
}

// Table holds the rate of every pair. The zero Table keeps everything. All
// methods are safe for any number of goroutines.
type Table struct{ now atomic.Pointer[rates] }

// rates does not change once it is in a Table.
type rates struct {
	byPair map[outcome.Pair]float64
	others float64 // of pairs that have no check yet
}

// Set replaces all rates: counts are the checks of each pair within the
// caller's window, pending the samples that wait.
func (t *Table) Set(counts map[outcome.Pair]int, pending int, c Config) {
	next := &rates{byPair: make(map[outcome.Pair]float64, len(counts)), others: Rate(0, pending, c)}
	for pair, n := range counts {
		next.byPair[pair] = Rate(n, pending, c)
	}
	t.now.Store(next)
}

// Rate is the chance that an answer of the pair is kept.
func (t *Table) Rate(task string, miner hotkey.ID) float64 {
	now := t.now.Load()
	if now == nil {
		return 1
	}
	if rate, ok := now.byPair[outcome.Pair{Miner: miner, Task: task}]; ok {
		return rate
	}
	return now.others
}

// Keep says whether the answer is kept to whose request draw belongs.
func (t *Table) Keep(draw float64, task string, miner hotkey.ID) bool {
	return draw < t.Rate(task, miner)
}

// Sampler decides by request id. Draw gives a request's number in [0, 1), which
// nobody who lacks the secret can foresee; relay.Client has one.
type Sampler struct {
	Table *Table
	Draw  func(request string) float64
}

// Keep says whether the answer to a request is kept.
func (s Sampler) Keep(request, task string, miner hotkey.ID) bool {
	return s.Table.Keep(s.Draw(request), task, miner)
}
