// Package store names what a validator keeps, in one interface that every
// database implements and one conformance suite (storetest) that each must
// pass. Roles do not import it: they declare the few methods they need, and
// get any Store from the wiring.
//
// Promises of every implementation: a method that returned nil has made its
// effect durable against a crash of the process at any later instant; a method
// that returned an error has made none of it, unless the error wraps
// ErrUnknown; reads see all that this process had made durable when they began,
// and what another process recorded at most MaxDelay later. Several processes
// on one machine may use one database at once. Lists of nothing are empty, not
// an error. Times come back in UTC, and no time as the zero Time.
package store

import (
	"context"
	"errors"
	"time"

	"vision/internal/apikey"
	"vision/internal/fault"
	"vision/internal/hotkey"
	"vision/internal/judgement"
	"vision/internal/ledger"
	"vision/internal/outcome"
	"vision/internal/period"
	"vision/internal/proto"
	"vision/internal/task"
)

// Errors that callers branch on. Roles, which do not import this package, know
// ErrNotFound by its kind, fault.NotFound.
var (
	ErrNotFound error = fault.New(fault.NotFound, "not_found", "not found")
	ErrNewer          = errors.New("the database was written by a newer version of vision: upgrade this program")
	ErrUnknown        = ledger.ErrUnknown
	ErrClosed         = errors.New("the store is closed")
)

const (
	// MaxSample is the most bytes that the samples of one Record may have
	// together, requests and responses: the largest request with the largest
	// answer that there can be.
	MaxSample = proto.MaxRequest + proto.MaxResponse
	// MaxDelay is how late one process may see what another, which is alive,
	// recorded, while the database takes writes.
	MaxDelay = time.Second
	// MaxPending and MaxPendingBytes bound the samples that wait for a check: their
	// number, and their bytes once deflated. Beyond, those of pairs with the
	// most checks are dropped, the newest first.
	MaxPending      = 10_000
	MaxPendingBytes = 512 << 20
	// MaxReport is the most bytes of a report.
	MaxReport = proto.MaxReport
	// MaxState is the most bytes that a state may have.
	MaxState = 4 << 10

	// MaxEvidence and MaxProofs are how many checked answers are kept at most that
	// speak against a miner on a task: of the newest that did not convict it, and of
	// the newest that did.
	MaxEvidence = 16
	MaxProofs   = 64
	// MaxEvidenceBody is the most bytes, deflated, that one of them is kept with;
	// MaxEvidenceBytes the most that all have together, of all miners.
	MaxEvidenceBody  = 1 << 20
	MaxEvidenceBytes = 256 << 20
	// MaxCopies is how many answers are kept at most, the newest, that were the same as another miner's.
	MaxCopies = 10_000
	// MaxAccusations is how many answers that other validators showed are kept at most, the newest.
	MaxAccusations = 10_000
)

// Numbered is an outcome with its place in the order of writing.
type Numbered = outcome.Numbered

// Store is all of it.
type Store interface {
	// Record writes entries, all or none, in one group with whatever others
	// wait at the same time, and returns once they are durable. Safe for any
	// number of callers. Entries with a number that is NaN, texts beyond
	// 4096 bytes or Features without a Kind are refused. A sample beyond
	// MaxSample is left out, and its outcome written all the same; so is, or is
	// dropped later, one for which the queue has no room.
	Record(ctx context.Context, entries ...outcome.Entry) error
	// OutcomesAfter lists outcomes with Seq > after, ascending, at most limit.
	// One that appears later has a greater Seq, so a reader that continues
	// after the last one misses none.
	OutcomesAfter(ctx context.Context, after int64, limit int) ([]Numbered, error)
	// SeqBefore is the greatest Seq of outcomes that started before t, or 0.
	SeqBefore(ctx context.Context, t time.Time) (int64, error)
	// Features lists the features of a kind's last customers' requests, newest first.
	Features(ctx context.Context, kind string, limit int) ([]task.Features, error)

	// ClaimSamples gives at most limit samples that are due and unclaimed, and
	// keeps them from other callers until now+lease. Oldest first, but samples
	// of miners and tasks with the fewest checks come before others; those of watched
	// miners as if they had an eighth of theirs. Those of tasks in except are left out.
	ClaimSamples(ctx context.Context, now time.Time, lease time.Duration, limit int, except ...string) ([]outcome.Sample, error)
	// PostponeSample gives a claimed sample back, due again at a time, and
	// counts the try; ErrNotFound if it is not pending.
	PostponeSample(ctx context.Context, id int64, until time.Time, why string) error
	// SaveCheck writes a verdict and what follows from it for the miner by the
	// rules, and drops the sample's bytes or keeps them as evidence, all at
	// once and once: a second verdict on a sample is ErrNotFound. What the check says of what
	// follows is overwritten, and its quality is at most what the judgement leaves. Its Copy is for Copies to list, not for Checks. Evidence against a miner is kept within the bounds below;
	// what convicted it longest.
	SaveCheck(ctx context.Context, c outcome.Check, rules judgement.Rules) (judgement.Change, error)
	// Judgements lists what is known of all miners on all tasks, by miner and task.
	Judgements(ctx context.Context) ([]outcome.Judgement, error)
	// Evidence lists what is kept that speaks against a miner on a task: first what
	// convicted it, then the rest, each newest first.
	Evidence(ctx context.Context, miner hotkey.ID, task string, limit int) ([]outcome.Evidence, error)
	// Copies lists the newest answers of which a check said that another miner wrote the
	// same, in which the miner (zero: any) is one of both, newest first. MaxCopies are kept at most.
	Copies(ctx context.Context, miner hotkey.ID, limit int) ([]outcome.Copied, error)
	// SaveAccusation writes what this validator found of an answer that another showed, and how
	// many of the pair's answers it has checked. One of an answer that is there stays as it is.
	SaveAccusation(ctx context.Context, a outcome.Accusation) error
	// Accusations lists those since t, newest first. MaxAccusations are kept at most.
	Accusations(ctx context.Context, since time.Time) ([]outcome.Accusation, error)
	// DropSample drops a claimed sample that no checker can ever judge; ErrNotFound
	// if it is gone.
	DropSample(ctx context.Context, id int64) error
	// DropSamples drops pending samples whose attempt started before t and says how many.
	DropSamples(ctx context.Context, t time.Time) (int, error)
	// Pending counts samples that wait for a check.
	Pending(ctx context.Context) (int, error)
	// Checks lists a miner's newest checks in a task ("" is all), newest first.
	Checks(ctx context.Context, miner hotkey.ID, task string, limit int) ([]outcome.Check, error)
	// CheckCounts counts the checks since t by miner and task.
	CheckCounts(ctx context.Context, since time.Time) (map[Pair]int, error)

	// StartPeriod writes a period, Running, and its contenders; it gives the
	// period its ID, and its contenders that ID.
	StartPeriod(ctx context.Context, p period.Period, contenders []period.Contender) (period.Period, error)
	// JoinPeriod writes further contenders of a running period, and the address
	// of those that it has already, whose other fields stay; ErrNotFound if no
	// such period is running. A UID that has another miner is refused.
	JoinPeriod(ctx context.Context, id int64, contenders []period.Contender) error
	// LastPeriod is the newest period; ErrNotFound if there is none.
	LastPeriod(ctx context.Context) (period.Period, error)
	// Contenders lists a period's contenders, by UID and task.
	Contenders(ctx context.Context, id int64) ([]period.Contender, error)
	// FinishPeriod writes the results and states, marks the checks that states
	// have taken in, and moves the period from Running to Scored, all at once
	// and once: ErrNotFound if no such period is running. Each result is
	// of a contender that StartPeriod or JoinPeriod wrote, whose fields stay as
	// they were then.
	FinishPeriod(ctx context.Context, id int64, c period.Closing) error
	// States lists the newest state of every contender that a mechanism remembers, by miner and task. One
	// that later closings left out stays as it was until its period is pruned.
	States(ctx context.Context, mechanism string) ([]period.State, error)
	// UnfoldedChecks lists checks that no closed period's states have taken in, oldest first.
	UnfoldedChecks(ctx context.Context, limit int) ([]outcome.Check, error)
	// FoldedChecks lists checks that the states of closed periods have taken in, whatever the mechanism, by period and sample: those after
	// the check of a sample in a period.
	FoldedChecks(ctx context.Context, period, sample int64, limit int) ([]outcome.Folded, error)
	// SaveBeacon writes a beacon and gives it its ID. One that is there already,
	// by its source and number, stays as it is, and its ID is given.
	SaveBeacon(ctx context.Context, b period.Beacon) (period.Beacon, error)
	// SaveBursts writes what came of contenders at a beacon, once for each of them.
	SaveBursts(ctx context.Context, bursts []period.Burst) error
	// Beacons lists a period's beacons, oldest first.
	Beacons(ctx context.Context, period int64) ([]period.Beacon, error)
	// Bursts lists what came of a period's beacons, in the order of writing.
	Bursts(ctx context.Context, period int64) ([]period.Burst, error)
	// SaveReport writes a validator's report in the place of its last, unless that is newer. This one's own takes the
	// place of the one before in any case: its clock may have been ahead.
	SaveReport(ctx context.Context, r period.Report) error
	// Reports lists the newest report of each validator, this one's first: of
	// several hotkeys that it had, the newest.
	Reports(ctx context.Context) ([]period.Report, error)
	// OwnReport is this validator's newest report, the first of Reports, without
	// its Body if body is false; ErrNotFound if there is none.
	OwnReport(ctx context.Context, body bool) (period.Report, error)
	// LastBursts lists what came of one contender at the newest beacons, newest first.
	LastBursts(ctx context.Context, miner hotkey.ID, task string, limit int) ([]period.Burst, error)
	// Results lists the results of the last n scored periods, newest first,
	// and within a period by UID and task.
	Results(ctx context.Context, n int) ([]period.Result, error)
	// LastResults lists what one contender was asked in those of the last n scored periods in which
	// it contended, newest first.
	LastResults(ctx context.Context, miner hotkey.ID, task string, n int) ([]period.Past, error)
	// SaveWeights writes weights and moves their period to Weighted;
	// ErrNotFound if no such period is scored. A period may have several
	// vectors: the ledger refused one and took the next.
	SaveWeights(ctx context.Context, w period.Weights) error
	// LastWeights is the newest vector; ErrNotFound if there is none.
	LastWeights(ctx context.Context) (period.Weights, error)

	Money

	// CreateKey writes a key and gives it its ID and Root; ErrNotFound if its
	// project is not there.
	CreateKey(ctx context.Context, k apikey.Key) (apikey.Key, error)
	// Keys lists all keys, revoked ones too, by ID.
	Keys(ctx context.Context) ([]apikey.Key, error)
	// RevokeKey revokes a key, also in the grace after a rotation; ErrNotFound if
	// there is none valid.
	RevokeKey(ctx context.Context, id int64, at time.Time) error

	// Secret gives the random 32 bytes kept under a name, drawing them the
	// first time: seeds and draws must survive restarts.
	Secret(ctx context.Context, name string) ([32]byte, error)

	// Prune drops outcomes, with their features, checks, copies and periods, with
	// their weights, that ended before t, claims that expired before t, accusations of outcome.AccusedMemory before t,
	// evidence of before t that convicted nobody, and judgements without a check since t
	// of miners that were never convicted.
	// Samples are DropSamples' business; receipts and the ledger stay for ever.
	Prune(ctx context.Context, t time.Time) error
	// Close waits for writes under way and closes the database.
	Close() error
}

// Pair names a miner in a task.
type Pair = outcome.Pair
