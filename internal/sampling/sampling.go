// Package sampling decides which finished answers are kept and checked. Nobody
// but the validator can tell beforehand: the decision follows from a secret
// and the request's id, after the miner was chosen and in the same way for
// customers' requests and the validator's own. While a beacon is called and asks, all are kept more often: of many at
// once a miner knows what they are anyhow, and who answers them alone by a cheaper
// model is seldom seen otherwise.
//
//	secret, request id ─HMAC (package relay)─► draw in [0, 1) ──draw < rate──► kept
//	checks so far, standing, declaration ─► rate of a pair ─┐
//	samples that wait ─► how far behind checks are ─────────┴► Table
//	requests of a beacon ─► how far behind they will be ────┘
//
// Invariants: a rate is in [0, 1] and never NaN; it does not rise with the number
// of checks of a pair, nor with the number of samples that wait, and is 0 once
// Config.Most wait: when checks are behind, less is sampled, and the queue ends
// somewhere. What a beacon asks at once is foreseen, and all of it has the chance that it would have if
// what is kept of it waited already: so nobody is favoured for having been asked first. Reading a Table takes no lock.
package sampling

import (
	"fmt"
	"math"
	"sync/atomic"

	"vision/internal/hotkey"
	"vision/internal/judgement"
	"vision/internal/outcome"
)

// Config says how much is checked.
type Config struct {
	Min     float64 // rate of a pair with evidence enough, (0, 1]
	Enough  int     // checks of a pair, within the window that the caller counts, from which on the rate is Min; >= 1
	Watched float64 // least rate of a pair that is watched, or whose answers are like another miner's, (0, 1]; a convicted one has a fifth of it
	Weak    float64 // least rate of a pair whose declaration rules out the strongest test, (0, 1]
	Beacon  float64 // how many times as often as others of their pair answers to beacons are kept, at least 1
	Backlog int     // samples waiting at which every rate is halved; >= 1
	Most    int     // samples waiting at which nothing more is kept; > Backlog
}

// Default checks one answer in fifty of a pair that has been checked fifty
// times, as many as count in its quality; one in four of a pair that is watched; and
// answers to beacons ten times as often, for they alone prove capacity and are few.
func Default() Config {
	return Config{Min: 0.02, Enough: 50, Watched: 0.25, Weak: 0.1, Beacon: 10, Backlog: 200, Most: 4000}
}

// MostBeacon bounds Config.Beacon.
const MostBeacon = 1000

// Validate says what is wrong with the settings.
func (c Config) Validate() error {
	rate := func(r float64) bool { return r > 0 && r <= 1 }
	switch {
	case !rate(c.Min):
		return fmt.Errorf("sampling min is %v, want above 0 and at most 1", c.Min)
	case c.Enough < 1:
		return fmt.Errorf("sampling enough is %d, want at least 1", c.Enough)
	case !rate(c.Watched):
		return fmt.Errorf("sampling watched is %v, want above 0 and at most 1", c.Watched)
	case !rate(c.Weak):
		return fmt.Errorf("sampling weak is %v, want above 0 and at most 1", c.Weak)
	case !(c.Beacon >= 1 && c.Beacon <= MostBeacon):
		return fmt.Errorf("sampling beacon is %v, want 1 to %d", c.Beacon, MostBeacon)
	case c.Backlog < 1:
		return fmt.Errorf("sampling backlog is %d, want at least 1", c.Backlog)
	case c.Most <= c.Backlog:
		return fmt.Errorf("sampling most is %d, want more than backlog, %d", c.Most, c.Backlog)
	}
	return nil
}

// Known is what is known of a pair of a miner and a task. The zero Known is nothing.
type Known struct {
	Checks   int                // within the window that the caller counts
	Standing judgement.Standing //
	Weak     bool               // what the miner declares of its server rules out the strongest test
	Accused  bool               // another validator showed an answer of its that this one found wanting too: all is kept, for as long as the caller says so
	Alike    bool               // an answer of its was another miner's word for word lately: checked as a watched one's, which costs an honest miner nothing
}

// Rate is the chance, [Min, 1], that an answer of a pair is kept while no check
// waits.
//
// A pair without evidence has everything kept; as evidence grows the rate falls
// to Min with the square of what is lacking, or to what its standing or
// declaration asks for.
func (c Config) Rate(k Known) float64 {
	lacking := 1 - min(float64(max(k.Checks, 0))/float64(max(c.Enough, 1)), 1)
	rate := c.Min + (1-c.Min)*lacking*lacking
	switch k.Standing {
	case judgement.Watched:
		rate = max(rate, c.Watched)
	case judgement.Convicted:
		rate = max(rate, c.Watched/5)
	}
	if k.Weak {
		rate = max(rate, c.Weak)
	}
	if k.Accused {
		rate = 1
	}
	if k.Alike {
		rate = max(rate, c.Watched)
	}
	return min(max(rate, c.Min), 1)
}

// Behind is the part, [0, 1], of every rate that is left while so many samples
// wait: 1 if none does, about a half at Backlog, 0 from Most on.
func (c Config) Behind(pending int) float64 { return c.behind(float64(max(pending, 0))) }

func (c Config) behind(waiting float64) float64 {
	return max(0, 1-waiting/float64(max(c.Most, 1))) / (1 + waiting/float64(max(c.Backlog, 1)))
}

// Ahead is the part, [0, 1], of every rate that is left of answers that come all at once while so many samples wait, if as
// many as expected would be kept had none: Behind when what is kept of them waits too. It
// is no more than Behind, and what is kept and what waits are fewer than Most together, on average.
func (c Config) Ahead(pending int, expected float64) float64 {
	waiting := float64(max(pending, 0))
	low, high := 0.0, c.behind(waiting)
	for range 60 { // what is left falls as more is kept
		part := (low + high) / 2
		if c.behind(waiting+part*expected) > part {
			low = part
		} else {
			high = part
		}
	}
	return high
}

// Table holds the rate of every pair. The zero Table keeps everything. All
// methods are safe for any number of goroutines.
type Table struct {
	now    atomic.Pointer[rates]
	behind atomic.Uint64 // bits of 1 - Behind, so that zero is all
	beacon atomic.Pointer[called]
}

// called is a beacon that is called or asks.
type called struct {
	part float64 // see Config.Ahead
}

// rates does not change once it is in a Table.
type rates struct {
	byPair map[outcome.Pair]float64
	others float64 // of pairs of which nothing is known
	beacon float64
}

// Set replaces the rates of all pairs.
func (t *Table) Set(known map[outcome.Pair]Known, c Config) {
	next := &rates{byPair: make(map[outcome.Pair]float64, len(known)), others: c.Rate(Known{}), beacon: c.Beacon}
	for pair, k := range known {
		next.byPair[pair] = c.Rate(k)
	}
	t.now.Store(next)
}

// SetPending says how many samples wait.
func (t *Table) SetPending(pending int, c Config) {
	t.behind.Store(math.Float64bits(1 - c.Behind(pending)))
}

// Called says that a beacon is called, until over is called. Who knows of it may serve what begins from now on
// otherwise than usual, so customers' requests are kept as often as the beacon's. part is what Config.Ahead says of these. One
// beacon at a time is heeded, the newest.
func (t *Table) Called(part float64) (over func()) {
	c := &called{part}
	t.beacon.Store(c)
	return func() { t.beacon.CompareAndSwap(c, nil) }
}

// Rate is the chance that an answer of the pair to such a request is kept.
func (t *Table) Rate(source outcome.Source, task string, miner hotkey.ID) float64 {
	left := 1 - math.Float64frombits(t.behind.Load())
	usual := t.Chance(source, task, miner) * left
	c := t.beacon.Load()
	if c == nil {
		return usual
	}
	at := t.Chance(outcome.Burst, task, miner) * min(c.part, left)
	if source == outcome.Burst {
		return at
	}
	return max(at, usual)
}

// Chance is what Rate is while no sample waits and no beacon is called.
func (t *Table) Chance(source outcome.Source, task string, miner hotkey.ID) float64 {
	now := t.now.Load()
	if now == nil {
		return 1
	}
	rate, ok := now.byPair[outcome.Pair{Miner: miner, Task: task}]
	if !ok {
		rate = now.others
	}
	if source == outcome.Burst {
		rate = min(rate*now.beacon, 1)
	}
	return rate
}

// Keep says whether the answer is kept to whose request draw belongs.
func (t *Table) Keep(draw float64, source outcome.Source, task string, miner hotkey.ID) bool {
	return draw < t.Rate(source, task, miner)
}

// Sampler decides by request id. Draw gives a request's number in [0, 1), which
// nobody who lacks the secret can foresee; relay.Client has one.
type Sampler struct {
	Table *Table
	Draw  func(request string) float64
}

// Keep says whether the answer to a customer's request is kept.
func (s Sampler) Keep(request, task string, miner hotkey.ID) bool {
	return s.Table.Keep(s.Draw(request), outcome.Organic, task, miner)
}
