package node

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"vision/internal/daemon"
	"vision/internal/dispatch"
	"vision/internal/period"
	"vision/internal/scorer"
	"vision/internal/sibling"
)

// addHub has a scorer hear of the customers' requests of gateways in processes of their own, and tell them
// of beacons. Where there is no gateway in its own process, its Board knows of customers by that alone.
func (v *Validator) addHub(c *scorer.Config) {
	hub := sibling.NewHub(sibling.Path(v.config.Data), v.board, v.Log)
	v.ops.Registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "vision_scorer_gateways",
		Help: "Gateways in processes of their own whose customers' requests beacons give way to.",
	}, func() float64 { return float64(hub.Linked()) }))
	v.group.Add(daemon.Component{Name: "gateways' links", Start: hub.Start, Serve: hub.Serve, Stop: hub.Stop})
	c.Board = v.board
	c.Called = func(part float64, from, until time.Time) func() {
		v.beacons.Add(from, until)
		return hub.Called(sibling.Call{Part: part, From: from, Until: until})
	}
	if !v.config.has(Gateway) {
		c.Apart = true
		v.group.Add(followPeriods(v.store, v.board))
	}
}

// addSpoke has a gateway tell the scorer, in another process, of its customers' requests.
func (v *Validator) addSpoke() {
	spoke := sibling.NewSpoke(sibling.Path(v.config.Data), v.board, func(c sibling.Call) func() {
		v.beacons.Add(c.From, c.Until)
		return v.rates.Called(c.Part)
	}, v.Log)
	v.ops.Registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "vision_gateway_linked",
		Help: "Whether a scorer in another process hears of this one's customers' requests, so that its beacons give way to them: 0 or 1.",
	}, func() float64 {
		if spoke.Linked() {
			return 1
		}
		return 0
	}))
	v.group.Add(daemon.Component{Name: "link to the scorer", Serve: spoke.Serve})
}

// periods gives the period under way and its contenders.
type periods interface {
	LastPeriod(ctx context.Context) (period.Period, error)
	Contenders(ctx context.Context, id int64) ([]period.Contender, error)
}

// followPeriods keeps the period under way on a Board that no gateway keeps, from before anything is counted on it. What cannot be read is
// read a little later; the scorer says why, for it reads the same.
func followPeriods(from periods, board *dispatch.Board) daemon.Component {
	var read time.Time
	follow := func(ctx context.Context) {
		p, err := from.LastPeriod(ctx)
		// Contenders join while a period runs.
		if err == nil && (p.ID != board.Period() || time.Since(read) >= min(30*time.Second, p.End.Sub(p.Start)/20)) {
			if list, err := from.Contenders(ctx, p.ID); err == nil {
				board.Set(p, list)
				read = time.Now()
			}
		}
	}
	return daemon.Component{
		Name:  "the Board's contenders",
		Start: func(ctx context.Context) error { follow(ctx); return nil },
		Serve: func(ctx context.Context) error {
			tick := time.NewTicker(250 * time.Millisecond)
			defer tick.Stop()
			for {
				select {
				case <-tick.C:
					follow(ctx)
				case <-ctx.Done():
					return nil
				}
			}
		},
	}
}
