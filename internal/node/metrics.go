package node

import (
	"github.com/prometheus/client_golang/prometheus"

	"vision/internal/scorer"
)

// watchScorer exports a scorer's own counts.
func watchScorer(r prometheus.Registerer, s *scorer.Scorer) {
	for name, of := range map[string]func(scorer.Stats) int64{
		"sent":    func(s scorer.Stats) int64 { return s.Sent },
		"covered": func(s scorer.Stats) int64 { return s.Covered },
		"skipped": func(s scorer.Stats) int64 { return s.Skipped },
		"missed":  func(s scorer.Stats) int64 { return s.Missed },
		"lost":    func(s scorer.Stats) int64 { return s.Lost },
	} {
		r.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name:        "vision_scorer_probes_total",
			Help:        "Probes: sent; covered by customers' requests; skipped because too many were under way; missed while down; lost to a failing store.",
			ConstLabels: prometheus.Labels{"fate": name},
		}, func() float64 { return float64(of(s.Stats())) }))
	}
}
