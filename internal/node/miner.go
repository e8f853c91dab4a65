package node

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"vision/internal/chain"
	"vision/internal/config"
	"vision/internal/daemon"
	"vision/internal/hotkey"
	"vision/internal/miner"
	"vision/internal/transport"
)

// MinerConfig is a miner's configuration file.
type MinerConfig struct {
	Common `yaml:",inline"`
	// Listen is where validators are served, host:port.
	Listen string `yaml:"listen"`
	// Announce is the address that the ledger is to name, host:port; where
	// Listen is bound if empty.
	Announce string `yaml:"announce"`

	miner.Config `yaml:",inline"`
}

// MinerDefaults is what a miner's file is read onto.
func MinerDefaults() MinerConfig {
	return MinerConfig{Common: commonDefaults("127.0.0.1:9101"), Listen: ":8091", Config: miner.Defaults()}
}

// Root implements config.Rooted.
func (c *MinerConfig) Root(folder string) {
	c.root(folder)
	for i := range c.Servers {
		c.Servers[i].KeyFile = config.Below(folder, c.Servers[i].KeyFile)
	}
}

// Check implements config.Checker.
func (c *MinerConfig) Check(report func(field, format string, args ...any)) {
	c.Common.check(report)
	checkListen("listen", c.Listen, report)
	if c.Announce != "" {
		checkAnnounce("announce", c.Announce, report)
	}
	c.Config.Check(report)
}

// Miner is a running miner.
type Miner struct {
	*base
	role     *miner.Miner
	listener *listening
}

// NewMiner prepares a miner. Its listener is bound by Run.
func NewMiner(ctx context.Context, c MinerConfig, p Parts) (*Miner, error) {
	b, err := newBase(ctx, p, c.Ops)
	if err != nil {
		return nil, err
	}
	requests := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "vision_miner_requests_total", Help: "Requests from validators that ended, by task and result.",
	}, []string{"task", "result"})
	units := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "vision_miner_units_total", Help: "Work served, in the task's unit (tokens, steps, items).",
	}, []string{"task"})
	b.ops.Registry.MustRegister(requests, units)
	role, err := miner.New(c.Config, miner.Deps{
		Validators: b.view,
		Catalogue:  p.Catalogue,
		Caller:     transport.Caller,
		Signatures: &miner.Signatures{Network: b.identity.Network(), Self: p.Key.ID(), Key: transport.CallerKey, Sign: p.Key.Sign},
		Secret:     readSecret,
		Clock:      time.Now,
		Log:        p.Log,
		Served: func(name, result string, n int64) {
			requests.WithLabelValues(name, result).Inc()
			units.WithLabelValues(name).Add(float64(n))
		},
	})
	if err != nil {
		return nil, err
	}
	m := &Miner{base: b, role: role}
	listen := at(c.Listen)
	if p.Listener != nil {
		listen = func() (net.Listener, error) { return p.Listener, nil }
	}
	m.listener = b.serveTLS("validators' listener", listen, transport.Admit(role, b.view.AdmitValidator), b.view.AdmitValidator)
	b.group.Add(daemon.Component{
		Name: "announcement",
		Serve: func(ctx context.Context) error {
			at := c.Announce
			if at == "" {
				at = m.listener.addr
			}
			m.announce(ctx, chain.Endpoint(at))
			<-ctx.Done()
			return ctx.Err()
		},
	})
	b.group.Add(daemon.Component{
		Name: "model servers",
		Serve: func(ctx context.Context) error {
			m.reachServers(ctx, c)
			<-ctx.Done()
			return ctx.Err()
		},
	})
	return m, nil
}

// announce publishes where the miner is, and tries until the ledger takes it:
// a miner that is registered later starts to work then.
func (m *Miner) announce(ctx context.Context, at chain.Endpoint) {
	wait := time.Second
	for {
		err := m.Ledger.Announce(ctx, m.Key, at)
		if err == nil {
			m.Log.Info("announced", "hotkey", m.Key.ID().String(), "at", string(at))
			return
		}
		if ctx.Err() != nil {
			return
		}
		var refused *chain.Refused
		if errors.As(err, &refused) && refused.RetryAfter > 0 {
			wait = refused.RetryAfter
		}
		m.Log.Error("the ledger did not take the address; trying again", "at", string(at), "in", wait, "err", err)
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
		wait = min(2*wait, time.Minute)
	}
}

// Hotkey is who the miner is.
func (m *Miner) Hotkey() hotkey.ID { return m.Key.ID() }

// Addr is where validators are served, once ready.
func (m *Miner) Addr() string { return m.listener.addr }

// Reload takes up a changed configuration: servers, groups, tasks and limits.
// What cannot change while running is refused.
func (m *Miner) Reload(old, fresh MinerConfig) error {
	if fresh.Common != old.Common || fresh.Listen != old.Listen || fresh.Announce != old.Announce {
		return fmt.Errorf("only period, servers, groups and tasks change without a restart; nothing was changed")
	}
	return m.role.Reload(fresh.Config)
}
