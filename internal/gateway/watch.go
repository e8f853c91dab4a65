package gateway

import (
	"github.com/prometheus/client_golang/prometheus"

	"vision/internal/dispatch"
)

// Watch registers metrics that are read from the gateway when asked for.
func (m *Metrics) Watch(g *Gateway, to prometheus.Registerer) {
	to.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: "vision", Subsystem: "gateway", Name: "requests_active",
		Help: "Requests under way."}, func() float64 { return float64(g.Active()) }))
	describe := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("vision_gateway_"+name, help, labels, nil)
	}
	to.MustRegister(&board{g: g,
		miners:  describe("miners", "Miners on offer, by the state of their circuit breakers.", "task", "breaker"),
		breaker: describe("breaker", "1 for each circuit breaker that is not closed.", "task", "miner", "state"),
		trips:   describe("breaker_trips_total", "How often circuit breakers have opened.", "task"),
		late:    describe("late_seconds", "Time to a stream's first output that 19 of 20 keep below; 0 is unknown.", "task"),
		retries: describe("retries_left", "Attempts beyond the first that the budget has left.", "task"),
	})
}

// board shows in metrics what is on the Board. A miner has a series of its own
// only while it fails.
type board struct {
	g                                     *Gateway
	miners, breaker, trips, late, retries *prometheus.Desc
}

// Describe implements prometheus.Collector.
func (b *board) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{b.miners, b.breaker, b.trips, b.late, b.retries} {
		to <- d
	}
}

// Collect implements prometheus.Collector.
func (b *board) Collect(to chan<- prometheus.Metric) {
	now := b.g.Now()
	for _, t := range b.g.Catalogue().Tasks() {
		var count [dispatch.BreakerOpen + 1]int
		b.g.Board.Seats(t.Name, func(s *dispatch.Seat) {
			state := s.Breaker(now)
			if count[state]++; state != dispatch.BreakerClosed {
				to <- prometheus.MustNewConstMetric(b.breaker, prometheus.GaugeValue, 1, t.Name, s.Name(), state.String())
			}
		})
		for state, n := range count {
			to <- prometheus.MustNewConstMetric(b.miners, prometheus.GaugeValue, float64(n), t.Name, dispatch.BreakerState(state).String())
		}
		to <- prometheus.MustNewConstMetric(b.trips, prometheus.CounterValue, float64(b.g.Board.Trips(t.Name)), t.Name)
		to <- prometheus.MustNewConstMetric(b.late, prometheus.GaugeValue, b.g.Board.Late(t.Name, true, 0).Seconds(), t.Name)
		to <- prometheus.MustNewConstMetric(b.retries, prometheus.GaugeValue, b.g.lanes.of(t.Name, &b.g.Routing).retries.Left(now), t.Name)
	}
}
