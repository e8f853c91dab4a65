package node

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"vision/internal/judgement"
	"vision/internal/scorer"
)

type judged struct{}

func (judged) Verdicts() map[string][2]int64 {
	return map[string][2]int64{"prefill-t0": {5, 2}, "recompute": {1, 0}}
}

func (judged) Standings() map[judgement.Standing]int {
	return map[judgement.Standing]int{judgement.Trusted: 7, judgement.Watched: 0, judgement.Convicted: 1}
}

func (judged) Backlog() int { return 42 }

func (judged) Dropped() map[string]int64 { return map[string]int64{"unjudgeable": 3, "old": 4} }

// What operators watch of checks: verdicts by test, standings and the backlog.
func TestChecksAreExported(t *testing.T) {
	r := prometheus.NewPedanticRegistry()
	watchChecks(r, judged{})
	got := exported(t, r)
	want := []string{
		"vision_scorer_checks_dropped_total old 4", "vision_scorer_checks_dropped_total unjudgeable 3",
		"vision_scorer_checks_pending 42",
		"vision_scorer_checks_total prefill-t0 failed 2", "vision_scorer_checks_total prefill-t0 passed 5",
		"vision_scorer_checks_total recompute failed 0", "vision_scorer_checks_total recompute passed 1",
		"vision_scorer_standing convicted 1", "vision_scorer_standing trusted 7", "vision_scorer_standing watched 0",
	}
	if !slices.Equal(got, want) {
		t.Errorf("exported:\n%q\nwant\n%q", got, want)
	}
}

// exported are a registry's metrics, a line each.
func exported(t *testing.T, r *prometheus.Registry) (got []string) {
	t.Helper()
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			line := f.GetName()
			for _, l := range m.GetLabel() {
				line += " " + l.GetValue()
			}
			got = append(got, fmt.Sprint(line, " ", m.GetCounter().GetValue()+m.GetGauge().GetValue()))
		}
	}
	return got
}

type taken struct{}

func (taken) ReceiptStats() scorer.ReceiptStats {
	return scorer.ReceiptStats{Fetched: 9, Confirmed: 1, Unconfirmed: 2, Unjudgeable: 3, Refused: map[scorer.Refusal]int64{scorer.TooOld: 4, scorer.Bound: 0}, Pending: 5, Accused: 6}
}

// What operators watch of receipts, shown and taken.
func TestReceiptsAreExported(t *testing.T) {
	r := prometheus.NewPedanticRegistry()
	now := time.Now()
	p, _ := testPages(t, func() time.Time { return now })
	watchPages(r, p)
	watchReceipts(r, taken{})
	getPage(p, "a", getPage(p, "a", "").Header().Get("Etag"))
	getPage(p, "", "")
	want := []string{
		"vision_receipts_fetched_total 9",
		"vision_receipts_judged_total confirmed 1", "vision_receipts_judged_total unconfirmed 2", "vision_receipts_judged_total unjudgeable 3",
		"vision_receipts_looked_into 6",
		"vision_receipts_pages_total failed 0", "vision_receipts_pages_total forbidden 1", "vision_receipts_pages_total limited 0",
		"vision_receipts_pages_total shown 1", "vision_receipts_pages_total unchanged 1",
		"vision_receipts_pending 5",
		"vision_receipts_refused_total bound 0", "vision_receipts_refused_total too_old 4",
		"vision_receipts_shown_total 1",
	}
	if got := exported(t, r); !slices.Equal(got, want) {
		t.Errorf("exported:\n%q\nwant\n%q", got, want)
	}
}
