package scorer

import (
	"context"
	"sync"
	"time"

	"vision/internal/fault"
	"vision/internal/hotkey"
	"vision/internal/period"
	"vision/internal/report"
	"vision/internal/score"
)

// mostExplained is how many explanations are worked out at once, each of which
// scores all contenders several times over.
const mostExplained = 2

// Explainer explains miners to everybody who asks, from one reading of the last
// report for as long as there is no newer one. Any number of goroutines may use it.
type Explainer struct {
	store Evidence
	busy  chan struct{} // one for each explanation under way

	mu   sync.Mutex // guards last; held while a report is read
	last *last
}

// last is a report and what follows from it. It does not change.
type last struct {
	kept period.Report

	once    sync.Once // for the rest, which the report alone does without
	err     error
	report  report.Report
	rules   score.Mechanism
	outcome score.Outcome
}

// NewExplainer makes an Explainer of what a store keeps.
func NewExplainer(st Evidence) *Explainer {
	return &Explainer{store: st, busy: make(chan struct{}, mostExplained)}
}

// Report is this validator's last signed report; a fault of kind NotFound if
// there is none yet. Its Body is shared: read, don't write.
func (e *Explainer) Report(ctx context.Context) (period.Report, error) {
	l, err := e.newest(ctx)
	if err != nil {
		return period.Report{}, err
	}
	return l.kept, nil
}

// Explain is the function Explain. Beyond what may be worked out at once it is
// a fault of kind Unavailable, which says when to ask again.
func (e *Explainer) Explain(ctx context.Context, id hotkey.ID) (Explanation, error) {
	select {
	case e.busy <- struct{}{}:
		defer func() { <-e.busy }()
	default:
		err := fault.New(fault.Unavailable, "explanations_busy", "others are being explained to: ask again soon")
		err.RetryAfter = time.Second
		return Explanation{}, err
	}
	l, err := e.newest(ctx)
	if err != nil {
		return Explanation{}, err
	}
	if l.once.Do(l.read); l.err != nil {
		return Explanation{}, l.err
	}
	return l.explain(ctx, e.store, id)
}

// newest reads the last report, unless it is the one that was read before.
func (e *Explainer) newest(ctx context.Context) (*last, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	kept, err := lastReport(ctx, e.store, false)
	if err != nil {
		return nil, err
	}
	if l := e.last; l != nil && l.kept.Validator == kept.Validator && l.kept.Period == kept.Period && l.kept.At.Equal(kept.At) {
		return l, nil
	}
	if kept, err = lastReport(ctx, e.store, true); err != nil {
		return nil, err
	}
	e.last = &last{kept: kept}
	return e.last, nil
}

func (l *last) read() {
	if l.report, l.err = report.Read(l.kept.Body); l.err != nil {
		return
	}
	if l.rules, l.err = l.report.Rules(); l.err != nil {
		return
	}
	l.outcome, l.err = l.report.Outcome()
}
