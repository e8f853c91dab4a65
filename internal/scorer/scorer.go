package scorer

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"vision/internal/chain"
	"vision/internal/hotkey"
	"vision/internal/judgement"
	"vision/internal/outcome"
	"vision/internal/period"
	"vision/internal/proto"
	"vision/internal/relay"
)

// Scorer is the control loop. Make it with New and run it once.
type Scorer struct {
	c   Config
	log *slog.Logger

	neurons  atomic.Pointer[chain.Snapshot] // the last one seen
	shape    atomic.Pointer[shape]
	learned  learned
	running  atomic.Pointer[book]
	over     atomic.Pointer[book]  // the last period that was scored, for its report
	known    atomic.Pointer[known] // as of the last period that closed
	tail     *tail
	declared declared

	standings standings
	backlog   atomic.Int64
	unjudged  atomic.Int64 // samples dropped, for nobody can judge them
	unchecked atomic.Int64 // or for they waited too long
	partners  partners
	mixing    mixing       // what probes are like that set out with customers' requests
	receipts  receiptStats // others'

	asked     chan struct{} // closed when capacities were first fetched
	heardOnce sync.Once     // closes asked

	free   chan struct{}  // holds a token for every probe under way
	probes sync.WaitGroup // probes under way

	watched watched       // bursts under way
	atOnce  atomic.Int64  // requests of beacons under way
	kept    chan struct{} // holds a token while what came of a beacon is being kept, so that it is in one period

	setMu   sync.Mutex // guards toSet
	toSet   *period.Weights
	setWake chan struct{}

	total total
}

// Stats counts what the scorer did of its own.
type Stats struct {
	Sent    int64 // probes
	Covered int64 // probes not needed, for customers' requests had measured as much
	Skipped int64 // probes left out because as many as allowed were under way, or customers' requests took the miner's slots
	Missed  int64 // probes left out because their instant had passed when we got to them
	Paired  int64 // probes asked of a second contender at the same instant
	Lost    int64 // outcomes that could not be written down

	Beacons       int64 // instants at which contenders were asked all at once
	BeaconsMissed int64 // those that were heard of too late, or before their time by our clock
	Bursts        int64 // requests sent at beacons
	Preempted     int64 // of them, broken off for a customer's
	Sampled       int64 // of them, drawn to be checked
	Unsampled     int64 // of them, that would have been if checks were not behind, or would not fall behind by all of the beacon's
	Capped        int64 // contenders left out of a beacon, for the task's share for our own requests was used up
	Crowded       int64 // contenders left out of one, for too many requests of it were under way
}

// total is the Stats of periods that are over.
type total struct {
	mu    sync.Mutex // guards stats
	stats Stats
}

// New checks the configuration. Nothing starts yet.
func New(c Config) (*Scorer, error) {
	c, err := c.withDefaults()
	if err != nil {
		return nil, err
	}
	s := &Scorer{
		c: c, log: c.Log.With("component", "scorer"),
		declared:  declared{specs: map[outcome.Pair]proto.Spec{}, answered: map[hotkey.ID]bool{}},
		standings: standings{known: map[outcome.Pair]judgement.Standing{}, counts: map[verdictKind]int64{}},
		asked:     make(chan struct{}),
		free:      make(chan struct{}, c.ProbeAtOnce),
		setWake:   make(chan struct{}, 1),
		kept:      make(chan struct{}, 1),
	}
	s.tail = &tail{s: s}
	s.shape.Store(&shape{corpus: c.Corpus})
	return s, nil
}

// Run runs until ctx ends, and returns when all that it started has ended:
// nil, or the error that made it give up.
func (s *Scorer) Run(ctx context.Context) error {
	// Probes that a stop breaks off must not look like a customer's leaving.
	told, tell := context.WithCancelCause(context.WithoutCancel(ctx))
	defer tell(nil)
	defer context.AfterFunc(ctx, func() { tell(relay.ErrShutdown) })()
	group, ctx := errgroup.WithContext(told)
	for _, part := range []func(context.Context) error{s.periods, s.beacons, s.tail.follow, s.tune, s.followBacklog, s.setting, s.checking, s.watching} {
		group.Go(func() error { return part(ctx) })
	}
	err := group.Wait()
	s.probes.Wait()
	return err
}

// Stats are the counts since the start.
func (s *Scorer) Stats() Stats {
	s.total.mu.Lock()
	sum := s.total.stats
	s.total.mu.Unlock()
	if b := s.running.Load(); b != nil {
		b.mu.Lock()
		sum = sum.plus(b.stats)
		b.mu.Unlock()
	}
	return sum
}

func (a Stats) plus(b Stats) Stats {
	return Stats{a.Sent + b.Sent, a.Covered + b.Covered, a.Skipped + b.Skipped, a.Missed + b.Missed, a.Paired + b.Paired, a.Lost + b.Lost,
		a.Beacons + b.Beacons, a.BeaconsMissed + b.BeaconsMissed, a.Bursts + b.Bursts, a.Preempted + b.Preempted, a.Sampled + b.Sampled, a.Unsampled + b.Unsampled, a.Capped + b.Capped, a.Crowded + b.Crowded}
}
