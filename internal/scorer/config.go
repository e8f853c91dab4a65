package scorer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"vision/internal/beacon"
	"vision/internal/chain"
	"vision/internal/dispatch"
	"vision/internal/hotkey"
	"vision/internal/judgement"
	"vision/internal/outcome"
	"vision/internal/period"
	"vision/internal/proto"
	"vision/internal/relay"
	"vision/internal/sampling"
	"vision/internal/score"
	"vision/internal/task"
)

// Ledger is what the scorer needs of one; see chain.Ledger.
type Ledger interface {
	Snapshot(ctx context.Context) (*chain.Snapshot, error)
	SetWeights(ctx context.Context, signer chain.Signer, w chain.Weights) (chain.Receipt, error)
}

// Store is what the scorer needs of one; see store.Store. Saving weights of a
// period again replaces them.
type Store interface {
	Evidence
	Record(ctx context.Context, entries ...outcome.Entry) error
	Features(ctx context.Context, kind string, limit int) ([]task.Features, error)
	ClaimSamples(ctx context.Context, now time.Time, lease time.Duration, limit int, except ...string) ([]outcome.Sample, error)
	PostponeSample(ctx context.Context, id int64, until time.Time, why string) error
	SaveCheck(ctx context.Context, c outcome.Check, rules judgement.Rules) (judgement.Change, error)
	DropSample(ctx context.Context, id int64) error
	DropSamples(ctx context.Context, t time.Time) (int, error)
	SaveBeacon(ctx context.Context, b period.Beacon) (period.Beacon, error)
	SaveBursts(ctx context.Context, bursts []period.Burst) error
	SaveReport(ctx context.Context, r period.Report) error
	SaveAccusation(ctx context.Context, a outcome.Accusation) error
	StartPeriod(ctx context.Context, p period.Period, contenders []period.Contender) (period.Period, error)
	JoinPeriod(ctx context.Context, id int64, contenders []period.Contender) error
	FinishPeriod(ctx context.Context, id int64, c period.Closing) error
	SaveWeights(ctx context.Context, w period.Weights) error
	RateSource
}

// CapacityFetcher asks a miner what it declares. The answer is validated.
type CapacityFetcher interface {
	Capacities(ctx context.Context, peer relay.Peer) (proto.Capacities, error)
}

// Relay is the path of customers' requests; *relay.Client is one.
type Relay interface {
	relay.Attempter
	// Draw is the request's number in [0, 1) that decides whether its answer is checked.
	Draw(id string) float64
}

// Board is told of probes, so that dispatch knows the load that they are and
// learns from how they end. *dispatch.Board is one.
type Board interface {
	// Room says what a beacon finds at a contender; not ok for a stranger.
	Room(task string, miner hotkey.ID) (dispatch.Room, bool)
	// BeginBurst counts a beacon's request as begun, unless there is no room; stop breaks it off.
	BeginBurst(task string, miner hotkey.ID, stop func()) (*dispatch.Burst, bool)
	EndedBurst(p *dispatch.Burst, o outcome.Outcome)
	// TryBegin says no if customers' requests take the slots that a probe
	// needs; with free, unless a slot is free.
	TryBegin(task string, miner hotkey.ID, free bool) (dispatch.Begun, bool)
	Ended(p dispatch.Begun, o outcome.Outcome, retryAfter time.Duration)
	// Replay learns from an outcome that came about elsewhere.
	Replay(o outcome.Outcome)
	// Company says what is known of customers' requests to a contender, among
	// which its probes come.
	Company(task string, miner hotkey.ID) dispatch.Company
	// Escort has a probe set out with a customer's request to another contender; nil
	// where there are too few.
	Escort(task string, miner hotkey.ID, now time.Time, within time.Duration, e float64) *dispatch.Escort
}

// Checker judges samples. Every error means that it could not judge.
type Checker interface {
	Check(ctx context.Context, r proto.CheckRequest) (proto.CheckResponse, error)
}

// Randomness gives public random values, one after the other; see package
// randomness.
type Randomness interface {
	Next(ctx context.Context, after beacon.Round) (beacon.Round, error)
}

// Config is what a Scorer is made of. Fields marked optional have a default
// when zero; all others must be there.
type Config struct {
	Signer    chain.Signer           // the validator's hotkey
	Ledger    Ledger                 //
	Store     Store                  //
	Miners    CapacityFetcher        //
	Relay     Relay                  // the path of customers' requests
	Catalogue func() *task.Catalogue // the catalogue of this moment
	Sampling  *sampling.Table        // filled by the scorer; the gateway may share it
	Secret    [32]byte               // draws seeds; kept, so that restarts draw the same

	Checker   Checker                                                 // optional: without one, samples wait
	Board     Board                                                   // optional: the gateway's in this process, if there is one, or one that is told of other processes' customers; without one, see refusal
	Apart     bool                                                    // optional: customers are served by other processes alone, so that the Board may not have been told of all; implied without a Board
	Called    func(part float64, from, until time.Time) (over func()) // optional: tells those who serve customers what Sampling.Called is told here, and when the beacon asks
	Corpus    Corpus                                                  // optional: texts of the operator's for probes
	Learn     func(int64) bool                                        // optional: whether probes may be made of what was asked with a key; nil: of none
	Mechanism score.Mechanism                                         // optional: score.Vision4
	Random    Randomness                                              // optional: without it there are no beacons
	Rates     sampling.Config                                         // optional: sampling.Default
	Judgement judgement.Rules                                         // optional: judgement.Default
	Log       *slog.Logger                                            // optional: silent
	Now       func() time.Time                                        // optional: time.Now

	Period      time.Duration // optional: 60 min; at least 1 s
	FetchAtOnce int           // optional: miners asked for capacities at once, 64
	FetchWithin time.Duration // optional: what one miner has to answer in, 5 s or a tenth of the period
	BurstAtOnce int           // optional: requests of beacons under way at once, 16384; whoever finds no place among them is not asked
	Synthetic   float64       // optional: the most of a task's capacity that may go to probes and beacons, 0.02; beacons that would take more leave the task out
	ProbeAtOnce int           // optional: probes under way at once, 256; further ones are left out
	CheckAtOnce int           // optional: samples at the checker at once, 4
	CheckWithin time.Duration // optional: what one check may take, 2 min; twice that if it fails and is done again
	CheckMaxAge time.Duration // optional: samples older than this are dropped unchecked, 24 h
	Grace       time.Duration // optional: for outcomes on their way to the store, 5 s or a tenth of the period
	Poll        time.Duration // optional: how often the store is read for outcomes, 1 s or a fiftieth of the period
}

// withDefaults checks c and fills in what is optional.
func (c Config) withDefaults() (Config, error) {
	var missing []error
	need := func(ok bool, name string) {
		if !ok {
			missing = append(missing, fmt.Errorf("scorer: %s is missing", name))
		}
	}
	need(c.Signer != nil, "Signer")
	need(c.Ledger != nil, "Ledger")
	need(c.Store != nil, "Store")
	need(c.Miners != nil, "Miners")
	need(c.Relay != nil, "Relay")
	need(c.Catalogue != nil, "Catalogue")
	need(c.Sampling != nil, "Sampling")
	need(c.Secret != [32]byte{}, "Secret")
	orElse(&c.Period, time.Hour)
	if c.Period < time.Second {
		missing = append(missing, fmt.Errorf("scorer: a period of %v is too short, want at least 1s", c.Period))
	}
	if c.Mechanism == nil {
		c.Mechanism = score.Vision4{}
	}
	orElse(&c.Rates, sampling.Default())
	if err := c.Rates.Validate(); err != nil {
		missing = append(missing, fmt.Errorf("scorer: %w", err))
	}
	orElse(&c.Judgement, judgement.Default())
	if err := c.Judgement.Validate(); err != nil {
		missing = append(missing, fmt.Errorf("scorer: judgement: %w", err))
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	c.Apart = c.Apart || c.Board == nil
	if c.Called == nil {
		c.Called = func(float64, time.Time, time.Time) func() { return func() {} }
	}
	orElse(&c.FetchAtOnce, 64)
	orElse(&c.BurstAtOnce, 16384)
	orElse(&c.Synthetic, 0.02)
	if !(c.Synthetic > 0 && c.Synthetic <= 1) {
		missing = append(missing, fmt.Errorf("scorer: a share of %v for requests of our own, want above 0, at most 1", c.Synthetic))
	}
	orElse(&c.FetchWithin, min(5*time.Second, c.Period/10))
	orElse(&c.ProbeAtOnce, 256)
	orElse(&c.CheckAtOnce, 4)
	orElse(&c.CheckWithin, 2*time.Minute)
	orElse(&c.CheckMaxAge, 24*time.Hour)
	orElse(&c.Grace, min(5*time.Second, c.Period/10))
	orElse(&c.Poll, min(time.Second, c.Period/50))
	return c, errors.Join(missing...)
}

func orElse[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}
