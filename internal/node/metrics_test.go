package node

import (
	"fmt"
	"slices"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"vision/internal/judgement"
)

type judged struct{}

func (judged) Verdicts() map[string][2]int64 {
	return map[string][2]int64{"prefill-t0": {5, 2}, "recompute": {1, 0}}
}

func (judged) Standings() map[judgement.Standing]int {
	return map[judgement.Standing]int{judgement.Trusted: 7, judgement.Watched: 0, judgement.Convicted: 1}
}

func (judged) Backlog() int { return 42 }

// What operators watch of checks: verdicts by test, standings and the backlog.
func TestChecksAreExported(t *testing.T) {
	r := prometheus.NewPedanticRegistry()
	watchChecks(r, judged{})
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range families {
		for _, m := range f.GetMetric() {
			line := f.GetName()
			for _, l := range m.GetLabel() {
				line += " " + l.GetValue()
			}
			got = append(got, fmt.Sprint(line, " ", m.GetCounter().GetValue()+m.GetGauge().GetValue()))
		}
	}
	want := []string{
		"vision_scorer_checks_pending 42",
		"vision_scorer_checks_total prefill-t0 failed 2", "vision_scorer_checks_total prefill-t0 passed 5",
		"vision_scorer_checks_total recompute failed 0", "vision_scorer_checks_total recompute passed 1",
		"vision_scorer_standing convicted 1", "vision_scorer_standing trusted 7", "vision_scorer_standing watched 0",
	}
	if !slices.Equal(got, want) {
		t.Errorf("exported:\n%q\nwant\n%q", got, want)
	}
}
