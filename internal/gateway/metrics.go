package gateway

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"vision/internal/outcome"
)

// Metrics is an Observer for Prometheus. Labels are the catalogue's names,
// fixed words, and the hotkeys of miners that fail, never what a stranger wrote.
type Metrics struct {
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	first    *prometheus.HistogramVec
	attempts *prometheus.CounterVec
	units    *prometheus.CounterVec
	prompt   *prometheus.CounterVec
	hedges   *prometheus.CounterVec
	denied   *prometheus.CounterVec
	bytesOut prometheus.Counter
	charged  prometheus.Counter
}

// NewMetrics makes and registers the gateway's metrics.
func NewMetrics(to prometheus.Registerer) *Metrics {
	buckets := []float64{.01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 120, 300}
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "vision", Subsystem: "gateway", Name: name, Help: help}, labels)
	}
	histogram := func(name, help string, labels ...string) *prometheus.HistogramVec {
		return prometheus.NewHistogramVec(prometheus.HistogramOpts{Namespace: "vision", Subsystem: "gateway", Name: name, Help: help, Buckets: buckets}, labels)
	}
	m := &Metrics{
		requests: counter("requests_total", "Requests, by the HTTP status that says how they ended.", "path", "task", "status"),
		seconds:  histogram("request_seconds", "Time from a request's arrival to the end of its response.", "task"),
		first:    histogram("first_output_seconds", "Time from asking the miner that answered to its first output.", "task"),
		attempts: counter("attempts_total", "Attempts at miners, by how they ended.", "task", "status"),
		units:    counter("units_total", "Units of work served, in each task's own unit.", "task"),
		prompt:   counter("prompt_tokens_total", "Prompt tokens of requests that were served.", "task"),
		hedges:   counter("hedges_total", "Requests that a second miner was asked for because the first was late, by who was first.", "task", "first"),
		denied:   counter("retries_denied_total", "Requests that were not put to another miner because the budget for that was used up.", "task"),
		bytesOut: prometheus.NewCounter(prometheus.CounterOpts{Namespace: "vision", Subsystem: "gateway", Name: "response_bytes_total", Help: "Bytes of responses' bodies."}),
		charged:  prometheus.NewCounter(prometheus.CounterOpts{Namespace: "vision", Subsystem: "gateway", Name: "charged_microcredits_total", Help: "Micro-credits charged to prepaid projects."}),
	}
	to.MustRegister(m.charged, m.requests, m.seconds, m.first, m.attempts, m.units, m.prompt, m.bytesOut, m.hedges, m.denied)
	return m
}

// Request implements Observer.
func (m *Metrics) Request(e *Event) {
	m.requests.WithLabelValues(e.Path, e.Task, strconv.Itoa(e.Status)).Inc()
	m.bytesOut.Add(float64(e.BytesOut))
	m.charged.Add(float64(e.Charged))
	if e.Tries == 0 {
		return
	}
	if e.Denied {
		m.denied.WithLabelValues(e.Task).Inc()
	}
	if e.Hedged {
		first := "first"
		if e.Outrun {
			first = "second"
		}
		m.hedges.WithLabelValues(e.Task, first).Inc()
	}
	m.seconds.WithLabelValues(e.Task).Observe(e.Total.Seconds())
	if e.First > 0 {
		m.first.WithLabelValues(e.Task).Observe(e.First.Round(time.Microsecond).Seconds())
	}
	m.units.WithLabelValues(e.Task).Add(float64(e.Work))
	m.prompt.WithLabelValues(e.Task).Add(float64(e.Prompt))
}

// Attempt implements Observer.
func (m *Metrics) Attempt(o *outcome.Outcome) {
	m.attempts.WithLabelValues(o.Task, o.Status.String()).Inc()
}
