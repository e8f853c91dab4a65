package node

import (
	"github.com/prometheus/client_golang/prometheus"

	"vision/internal/judgement"
	"vision/internal/scorer"
)

// watchScorer exports a scorer's own counts.
func watchScorer(r prometheus.Registerer, s *scorer.Scorer) {
	counts := func(metric, help, label string, of map[string]func(scorer.Stats) int64) {
		for name, count := range of {
			r.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: metric, Help: help, ConstLabels: prometheus.Labels{label: name}},
				func() float64 { return float64(count(s.Stats())) }))
		}
	}
	counts("vision_scorer_probes_total",
		"Probes: sent; covered by customers' requests; skipped because too many were under way; missed while down; lost to a failing store; paired, those of them asked of a second miner at the same instant.",
		"fate", map[string]func(scorer.Stats) int64{
			"sent":    func(s scorer.Stats) int64 { return s.Sent },
			"covered": func(s scorer.Stats) int64 { return s.Covered },
			"skipped": func(s scorer.Stats) int64 { return s.Skipped },
			"missed":  func(s scorer.Stats) int64 { return s.Missed },
			"lost":    func(s scorer.Stats) int64 { return s.Lost },
			"paired":  func(s scorer.Stats) int64 { return s.Paired },
		})
	counts("vision_scorer_beacons_total",
		"Instants at which all contenders were asked at once, and those that were heard of too late, or, by a clock that is behind, before their time.",
		"fate", map[string]func(scorer.Stats) int64{
			"asked":  func(s scorer.Stats) int64 { return s.Beacons },
			"missed": func(s scorer.Stats) int64 { return s.BeaconsMissed },
		})
	counts("vision_scorer_beacon_requests_total",
		"Requests sent at beacons, and those of them that were broken off to make room for a customer's.",
		"fate", map[string]func(scorer.Stats) int64{
			"sent":      func(s scorer.Stats) int64 { return s.Bursts },
			"preempted": func(s scorer.Stats) int64 { return s.Preempted },
		})
	counts("vision_scorer_beacon_samples_total",
		"Requests of beacons whose answers were drawn to be checked: kept, or left out, for checks are behind or all of them would have put them behind.",
		"fate", map[string]func(scorer.Stats) int64{
			"kept": func(s scorer.Stats) int64 { return s.Sampled },
			"left": func(s scorer.Stats) int64 { return s.Unsampled },
		})
	counts("vision_scorer_beacon_omissions_total",
		"Contenders that a beacon left out: their task's share for the validator's own requests (scorer.synthetic) was used up, or too many requests of the beacon (scorer.bursts) were under way.",
		"why", map[string]func(scorer.Stats) int64{
			"capped":  func(s scorer.Stats) int64 { return s.Capped },
			"crowded": func(s scorer.Stats) int64 { return s.Crowded },
		})
	r.MustRegister(syntheticShare{s})
}

// syntheticShare exports what the validator's own requests take of capacity.
type syntheticShare struct{ s *scorer.Scorer }

var syntheticDesc = prometheus.NewDesc("vision_scorer_synthetic_share",
	"Part of a task's capacity, that of all miners in the whole period, that probes and beacons took in the period under way so far.", []string{"task"}, nil)

func (syntheticShare) Describe(c chan<- *prometheus.Desc) { c <- syntheticDesc }

func (m syntheticShare) Collect(c chan<- prometheus.Metric) {
	for name, load := range m.s.Loads() {
		c <- prometheus.MustNewConstMetric(syntheticDesc, prometheus.GaugeValue, load.Share(), name)
	}
}

// watchChecks exports what a scorer's checks found.
func watchChecks(r prometheus.Registerer, s judging) { r.MustRegister(checks{s}) }

// judging is what a scorer tells of its checks.
type judging interface {
	Verdicts() map[string][2]int64 // passed and failed, by test
	Standings() map[judgement.Standing]int
	Backlog() int
	Dropped() map[string]int64 // samples without a verdict, by why
}

// checks collects from a scorer.
type checks struct{ scorer judging }

var (
	checksDesc = prometheus.NewDesc("vision_scorer_checks_total",
		"Checked answers since the start, by test; verdict: passed, or failed, also when judged again.", []string{"test", "verdict"}, nil)
	standingDesc = prometheus.NewDesc("vision_scorer_standing",
		"Miners on tasks, by what they are taken for.", []string{"standing"}, nil)
	droppedDesc = prometheus.NewDesc("vision_scorer_checks_dropped_total",
		"Sampled answers dropped without a verdict since the start; why: unjudgeable by any test of any reference, or old when their turn came. They count neither for nor against their miner.", []string{"why"}, nil)
	pendingDesc = prometheus.NewDesc("vision_scorer_checks_pending",
		"Sampled answers that wait for a check, as of the last time that they were counted.", nil, nil)
)

func (c checks) Describe(to chan<- *prometheus.Desc) {
	to <- checksDesc
	to <- standingDesc
	to <- pendingDesc
	to <- droppedDesc
}

func (c checks) Collect(to chan<- prometheus.Metric) {
	for test, n := range c.scorer.Verdicts() {
		to <- prometheus.MustNewConstMetric(checksDesc, prometheus.CounterValue, float64(n[0]), test, "passed")
		to <- prometheus.MustNewConstMetric(checksDesc, prometheus.CounterValue, float64(n[1]), test, "failed")
	}
	for standing, n := range c.scorer.Standings() {
		to <- prometheus.MustNewConstMetric(standingDesc, prometheus.GaugeValue, float64(n), standing.String())
	}
	for why, n := range c.scorer.Dropped() {
		to <- prometheus.MustNewConstMetric(droppedDesc, prometheus.CounterValue, float64(n), why)
	}
	to <- prometheus.MustNewConstMetric(pendingDesc, prometheus.GaugeValue, float64(c.scorer.Backlog()))
}
