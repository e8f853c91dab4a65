package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"vision/internal/apikey"
	"vision/internal/hotkey"
	"vision/internal/judgement"
	"vision/internal/outcome"
	"vision/internal/period"
	"vision/internal/store"
	"vision/internal/task"
)

// Mode is how a call fails.
type Mode uint8

const (
	// NotApplied: the call did nothing and says so.
	NotApplied Mode = iota + 1
	// Applied: the call did its work, yet its error wraps store.ErrUnknown.
	Applied
)

// ErrInjected is wrapped by every error that Failing makes up.
var ErrInjected = errors.New("injected fault")

// Failing passes calls on to a store, except for those told to fail.
type Failing struct {
	next store.Store

	mu    sync.Mutex // guards plans
	plans map[string]plan
}

type plan struct {
	mode Mode
	left int
}

var _ store.Store = (*Failing)(nil)

// NewFailing wraps next; nothing fails until told to.
func NewFailing(next store.Store) *Failing {
	return &Failing{next: next, plans: map[string]plan{}}
}

// Fail makes the next times calls of a method ("Record") fail; times < 0 is for ever, 0 never.
// A method that only reads has nothing to apply: it fails alike both ways, but
// for the error's kind.
func (f *Failing) Fail(method string, mode Mode, times int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.plans[method] = plan{mode, times}
}

// call runs the real call, or not, as planned.
func call[T any](f *Failing, method string, run func() (T, error)) (T, error) {
	f.mu.Lock()
	p := f.plans[method]
	fails := p.left != 0
	if fails {
		p.left--
		f.plans[method] = p
	}
	f.mu.Unlock()
	var none T
	switch {
	case !fails:
		return run()
	case p.mode == Applied:
		if _, err := run(); err != nil {
			return none, err
		}
		return none, fmt.Errorf("%s: %w: %w", method, ErrInjected, store.ErrUnknown)
	default:
		return none, fmt.Errorf("%s: %w", method, ErrInjected)
	}
}

func do(f *Failing, method string, run func() error) error {
	_, err := call(f, method, func() (struct{}, error) { return struct{}{}, run() })
	return err
}

// The methods of store.Store.

func (f *Failing) Record(ctx context.Context, entries ...outcome.Entry) error {
	return do(f, "Record", func() error { return f.next.Record(ctx, entries...) })
}

func (f *Failing) OutcomesAfter(ctx context.Context, after int64, limit int) ([]store.Numbered, error) {
	return call(f, "OutcomesAfter", func() ([]store.Numbered, error) { return f.next.OutcomesAfter(ctx, after, limit) })
}

func (f *Failing) SeqBefore(ctx context.Context, t time.Time) (int64, error) {
	return call(f, "SeqBefore", func() (int64, error) { return f.next.SeqBefore(ctx, t) })
}

func (f *Failing) Features(ctx context.Context, kind string, limit int) ([]task.Features, error) {
	return call(f, "Features", func() ([]task.Features, error) { return f.next.Features(ctx, kind, limit) })
}

func (f *Failing) ClaimSamples(ctx context.Context, now time.Time, lease time.Duration, limit int, except ...string) ([]outcome.Sample, error) {
	return call(f, "ClaimSamples", func() ([]outcome.Sample, error) { return f.next.ClaimSamples(ctx, now, lease, limit, except...) })
}

func (f *Failing) PostponeSample(ctx context.Context, id int64, until time.Time, why string) error {
	return do(f, "PostponeSample", func() error { return f.next.PostponeSample(ctx, id, until, why) })
}

func (f *Failing) SaveCheck(ctx context.Context, c outcome.Check, rules judgement.Rules) (judgement.Change, error) {
	return call(f, "SaveCheck", func() (judgement.Change, error) { return f.next.SaveCheck(ctx, c, rules) })
}

func (f *Failing) Judgements(ctx context.Context) ([]outcome.Judgement, error) {
	return call(f, "Judgements", func() ([]outcome.Judgement, error) { return f.next.Judgements(ctx) })
}

func (f *Failing) Evidence(ctx context.Context, miner hotkey.ID, task string, limit int) ([]outcome.Evidence, error) {
	return call(f, "Evidence", func() ([]outcome.Evidence, error) { return f.next.Evidence(ctx, miner, task, limit) })
}

func (f *Failing) Copies(ctx context.Context, miner hotkey.ID, limit int) ([]outcome.Copied, error) {
	return call(f, "Copies", func() ([]outcome.Copied, error) { return f.next.Copies(ctx, miner, limit) })
}

func (f *Failing) SaveAccusation(ctx context.Context, a outcome.Accusation) error {
	return do(f, "SaveAccusation", func() error { return f.next.SaveAccusation(ctx, a) })
}

func (f *Failing) Accusations(ctx context.Context, since time.Time) ([]outcome.Accusation, error) {
	return call(f, "Accusations", func() ([]outcome.Accusation, error) { return f.next.Accusations(ctx, since) })
}

func (f *Failing) DropSample(ctx context.Context, id int64) error {
	return do(f, "DropSample", func() error { return f.next.DropSample(ctx, id) })
}

func (f *Failing) DropSamples(ctx context.Context, t time.Time) (int, error) {
	return call(f, "DropSamples", func() (int, error) { return f.next.DropSamples(ctx, t) })
}

func (f *Failing) Pending(ctx context.Context) (int, error) {
	return call(f, "Pending", func() (int, error) { return f.next.Pending(ctx) })
}

func (f *Failing) Checks(ctx context.Context, miner hotkey.ID, task string, limit int) ([]outcome.Check, error) {
	return call(f, "Checks", func() ([]outcome.Check, error) { return f.next.Checks(ctx, miner, task, limit) })
}

func (f *Failing) CheckCounts(ctx context.Context, since time.Time) (map[store.Pair]int, error) {
	return call(f, "CheckCounts", func() (map[store.Pair]int, error) { return f.next.CheckCounts(ctx, since) })
}

func (f *Failing) StartPeriod(ctx context.Context, p period.Period, contenders []period.Contender) (period.Period, error) {
	return call(f, "StartPeriod", func() (period.Period, error) { return f.next.StartPeriod(ctx, p, contenders) })
}

func (f *Failing) LastPeriod(ctx context.Context) (period.Period, error) {
	return call(f, "LastPeriod", func() (period.Period, error) { return f.next.LastPeriod(ctx) })
}

func (f *Failing) Contenders(ctx context.Context, id int64) ([]period.Contender, error) {
	return call(f, "Contenders", func() ([]period.Contender, error) { return f.next.Contenders(ctx, id) })
}

func (f *Failing) JoinPeriod(ctx context.Context, id int64, contenders []period.Contender) error {
	return do(f, "JoinPeriod", func() error { return f.next.JoinPeriod(ctx, id, contenders) })
}

func (f *Failing) FinishPeriod(ctx context.Context, id int64, c period.Closing) error {
	return do(f, "FinishPeriod", func() error { return f.next.FinishPeriod(ctx, id, c) })
}

// States implements store.Store.
func (f *Failing) States(ctx context.Context, mechanism string) ([]period.State, error) {
	return call(f, "States", func() ([]period.State, error) { return f.next.States(ctx, mechanism) })
}

// UnfoldedChecks implements store.Store.
func (f *Failing) UnfoldedChecks(ctx context.Context, limit int) ([]outcome.Check, error) {
	return call(f, "UnfoldedChecks", func() ([]outcome.Check, error) { return f.next.UnfoldedChecks(ctx, limit) })
}

// FoldedChecks implements store.Store.
func (f *Failing) FoldedChecks(ctx context.Context, period, sample int64, limit int) ([]outcome.Folded, error) {
	return call(f, "FoldedChecks", func() ([]outcome.Folded, error) { return f.next.FoldedChecks(ctx, period, sample, limit) })
}

// SaveBeacon implements store.Store.
func (f *Failing) SaveBeacon(ctx context.Context, b period.Beacon) (period.Beacon, error) {
	return call(f, "SaveBeacon", func() (period.Beacon, error) { return f.next.SaveBeacon(ctx, b) })
}

// SaveReport implements store.Store.
func (f *Failing) SaveReport(ctx context.Context, r period.Report) error {
	return do(f, "SaveReport", func() error { return f.next.SaveReport(ctx, r) })
}

// Reports implements store.Store.
func (f *Failing) Reports(ctx context.Context) ([]period.Report, error) {
	return call(f, "Reports", func() ([]period.Report, error) { return f.next.Reports(ctx) })
}

// OwnReport implements store.Store.
func (f *Failing) OwnReport(ctx context.Context, body bool) (period.Report, error) {
	return call(f, "OwnReport", func() (period.Report, error) { return f.next.OwnReport(ctx, body) })
}

// SaveBursts implements store.Store.
func (f *Failing) SaveBursts(ctx context.Context, bursts []period.Burst) error {
	return do(f, "SaveBursts", func() error { return f.next.SaveBursts(ctx, bursts) })
}

// Beacons implements store.Store.
func (f *Failing) Beacons(ctx context.Context, id int64) ([]period.Beacon, error) {
	return call(f, "Beacons", func() ([]period.Beacon, error) { return f.next.Beacons(ctx, id) })
}

// Bursts implements store.Store.
func (f *Failing) Bursts(ctx context.Context, id int64) ([]period.Burst, error) {
	return call(f, "Bursts", func() ([]period.Burst, error) { return f.next.Bursts(ctx, id) })
}

// LastBursts implements store.Store.
func (f *Failing) LastBursts(ctx context.Context, miner hotkey.ID, task string, limit int) ([]period.Burst, error) {
	return call(f, "LastBursts", func() ([]period.Burst, error) { return f.next.LastBursts(ctx, miner, task, limit) })
}

func (f *Failing) Results(ctx context.Context, n int) ([]period.Result, error) {
	return call(f, "Results", func() ([]period.Result, error) { return f.next.Results(ctx, n) })
}

// LastResults implements store.Store.
func (f *Failing) LastResults(ctx context.Context, miner hotkey.ID, task string, n int) ([]period.Past, error) {
	return call(f, "LastResults", func() ([]period.Past, error) { return f.next.LastResults(ctx, miner, task, n) })
}

func (f *Failing) SaveWeights(ctx context.Context, w period.Weights) error {
	return do(f, "SaveWeights", func() error { return f.next.SaveWeights(ctx, w) })
}

func (f *Failing) LastWeights(ctx context.Context) (period.Weights, error) {
	return call(f, "LastWeights", func() (period.Weights, error) { return f.next.LastWeights(ctx) })
}

func (f *Failing) CreateKey(ctx context.Context, k apikey.Key) (apikey.Key, error) {
	return call(f, "CreateKey", func() (apikey.Key, error) { return f.next.CreateKey(ctx, k) })
}

func (f *Failing) Keys(ctx context.Context) ([]apikey.Key, error) {
	return call(f, "Keys", func() ([]apikey.Key, error) { return f.next.Keys(ctx) })
}

func (f *Failing) RevokeKey(ctx context.Context, id int64, at time.Time) error {
	return do(f, "RevokeKey", func() error { return f.next.RevokeKey(ctx, id, at) })
}

func (f *Failing) Secret(ctx context.Context, name string) ([32]byte, error) {
	return call(f, "Secret", func() ([32]byte, error) { return f.next.Secret(ctx, name) })
}

func (f *Failing) Prune(ctx context.Context, t time.Time) error {
	return do(f, "Prune", func() error { return f.next.Prune(ctx, t) })
}

func (f *Failing) Close() error { return do(f, "Close", f.next.Close) }
