package node

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"vision/internal/gateway"
	"vision/internal/outcome"
	"vision/internal/scorer"
)

// gatewayMetrics counts what passes through a gateway. It implements gateway.Observer.
type gatewayMetrics struct {
	requests *prometheus.CounterVec
	attempts *prometheus.CounterVec
	work     *prometheus.CounterVec
	first    *prometheus.HistogramVec
	total    *prometheus.HistogramVec
}

func newGatewayMetrics(r prometheus.Registerer) *gatewayMetrics {
	seconds := []float64{.01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 120}
	m := &gatewayMetrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "vision_gateway_requests_total", Help: "Customers' requests that ended, by task and HTTP status."}, []string{"task", "status"}),
		attempts: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "vision_gateway_attempts_total", Help: "Attempts at miners, by task, status and reason."}, []string{"task", "status", "reason"}),
		work: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "vision_gateway_units_total", Help: "Work served to customers, in the task's unit."}, []string{"task"}),
		first: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "vision_gateway_first_output_seconds", Help: "From asking a miner to its first output, of the last attempt.", Buckets: seconds}, []string{"task"}),
		total: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "vision_gateway_request_seconds", Help: "From a request's arrival to its end.", Buckets: seconds}, []string{"task"}),
	}
	r.MustRegister(m.requests, m.attempts, m.work, m.first, m.total)
	return m
}

// Request implements gateway.Observer.
func (m *gatewayMetrics) Request(e *gateway.Event) {
	m.requests.WithLabelValues(e.Task, strconv.Itoa(e.Status)).Inc()
	if e.Task == "" {
		return
	}
	m.work.WithLabelValues(e.Task).Add(float64(e.Work))
	m.total.WithLabelValues(e.Task).Observe(e.Total.Seconds())
	if e.First > 0 {
		m.first.WithLabelValues(e.Task).Observe(e.First.Seconds())
	}
}

// Attempt implements gateway.Observer.
func (m *gatewayMetrics) Attempt(o *outcome.Outcome) {
	m.attempts.WithLabelValues(o.Task, o.Status.String(), o.Reason).Inc()
}

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
