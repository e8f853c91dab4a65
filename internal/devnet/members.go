package devnet

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"slices"
	"time"

	"vision/internal/daemon"
	"vision/internal/hotkey"
	"vision/internal/miner"
	"vision/internal/modelserver"
	"vision/internal/node"
	"vision/internal/task"
)

// honestPace is how many tokens a second an honest model server writes for
// one request, and honestSlots how many requests it serves at once.
const (
	honestPace  = 120
	honestSlots = 4
	// honestGroup is how many all tasks serve together: beacons ask for half of
	// their slots on all of them, and customers come on top.
	honestGroup = 8 * honestSlots
)

// addMiners adds the honest miners and the cheats, each with its model server.
func (d *Devnet) addMiners(ctx context.Context) error {
	for i := range d.options.Miners {
		if err := d.addMiner(ctx, fmt.Sprintf("honest-%d", i+1), cheat{}); err != nil {
			return err
		}
	}
	for i, name := range d.options.Cheats {
		c, err := cheatNamed(name)
		if err != nil {
			return err
		}
		nth := 1
		for _, before := range d.options.Cheats[:i] {
			if before == name {
				nth++
			}
		}
		title := name
		if nth > 1 {
			title = fmt.Sprintf("%s-%d", name, nth)
		}
		if err := d.addMiner(ctx, title, c); err != nil {
			return err
		}
	}
	return nil
}

func (d *Devnet) addMiner(ctx context.Context, name string, c cheat) error {
	key, err := d.keys.key(name)
	if err != nil {
		return err
	}
	if _, err := d.ledger.Register(ctx, key.ID(), key.ID()); err != nil {
		return fmt.Errorf("register miner %s: %w", name, err)
	}
	url, err := d.addModelServer(name, c)
	if err != nil {
		return err
	}
	config := node.MinerDefaults()
	config.Hotkey, config.Ledger = "devnet", node.Ledger{Kind: "devnet", URL: "http://127.0.0.1"}
	config.Listen, config.Ops = "127.0.0.1:0", ""
	config.Config = d.minerConfig(url)
	if c.lie != nil {
		c.lie(&config.Config)
	}
	m := &member{name: name, cheat: c.name, key: key}
	parts := d.parts(name, key)
	if l := d.lastListener(ctx, key.ID()); l != nil {
		parts.Listener = l
		d.listeners = append(d.listeners, l)
	}
	if m.node, err = node.NewMiner(ctx, config, parts); err != nil {
		return fmt.Errorf("miner %s: %w", name, err)
	}
	d.miners = append(d.miners, m)
	d.add(name, m.node.Run)
	return nil
}

// lastListener listens where a miner did before the devnet was started again, if
// that is still free: a period that was interrupted goes on with the addresses it
// began with. It is nil else. What is free now may be taken when the miner starts, so
// it is kept until then.
func (d *Devnet) lastListener(ctx context.Context, miner hotkey.ID) net.Listener {
	s, err := d.ledger.Snapshot(ctx)
	if err != nil {
		return nil
	}
	n, ok := s.ByHotkey(miner)
	if !ok || n.Endpoint == "" {
		return nil
	}
	l, err := net.Listen("tcp", string(n.Endpoint))
	if err != nil {
		return nil
	}
	return l
}

// announcedWithin bounds awaitAnnouncements.
const announcedWithin = 5 * time.Second

// awaitAnnouncements waits until the ledger names every miner's address: who
// is not there when a period begins is not in it.
func (d *Devnet) awaitAnnouncements(ctx context.Context) error {
	await(ctx, announcedWithin, func() bool {
		s, err := d.ledger.Snapshot(ctx)
		return err == nil && !slices.ContainsFunc(d.miners, func(m *member) bool {
			n, ok := s.ByHotkey(m.key.ID())
			return !ok || string(n.Endpoint) != m.node.Addr()
		})
	})
	return nil
}

// minerConfig is what an honest miner in front of a model server declares.
func (d *Devnet) minerConfig(url string) miner.Config {
	c := miner.Config{
		Period:  d.options.Period,
		Servers: []miner.Server{{Name: "main", URL: url, Engine: "vision-ref"}},
		Groups:  []miner.Group{{Name: "gpu0", Slots: honestGroup}},
	}
	slots, pace := honestSlots, float64(honestPace)
	if d.options.Server != "" {
		c.Servers[0].Engine = d.options.Engine
		slots, pace = realSlots, realPace
	}
	for _, t := range d.catalogue.Catalogue().Tasks() {
		perSecond := pace // tokens
		switch kind, _ := task.KindNamed(t.Kind); kind.Unit() {
		case task.Step:
			perSecond = 20
		case task.Item:
			perSecond = 10
		case task.Kilopixel:
			perSecond = 500
		}
		units := int64(perSecond * float64(slots) / 2 * d.options.Period.Seconds())
		model := t.Name
		if d.options.Server != "" {
			model = d.options.Model
		}
		c.Tasks = append(c.Tasks, miner.Task{
			Task: t.Name, Server: "main", Model: model, Group: "gpu0", Slots: slots,
			Units: max(min(units, t.CapacityIn(d.options.Period)), 1),
		})
	}
	return c
}

// addModelServer adds the model server behind a miner and says where it is.
func (d *Devnet) addModelServer(name string, c cheat) (string, error) {
	var handler http.Handler
	if d.options.Server == "" {
		config := modelserver.For(d.catalogue.Catalogue(), honestPace)
		config.MaxConcurrent = honestGroup
		if c.model != nil {
			c.model(&config)
		}
		handler = modelserver.New(config)
	} else {
		target := d.options.Server
		if c.name == quantised.name {
			target = d.options.QuantisedServer
		}
		if c.crooked == nil && c.timed == nil {
			return target, nil
		}
		var err error
		if handler, err = passOn(target); err != nil {
			return "", err
		}
	}
	if d.options.serving != nil {
		handler = d.options.serving(handler)
	}
	if c.crooked != nil {
		handler = c.crooked(handler)
	}
	if c.timed != nil {
		handler = c.timed(handler, d.options.Period)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("listen for the model server of %s: %w", name, err)
	}
	d.listeners = append(d.listeners, listener)
	requests := &awaited{Handler: handler}
	server := &http.Server{Handler: requests, ReadHeaderTimeout: 10 * time.Second}
	d.group.Add(daemon.Component{
		Name: "model server of " + name,
		Serve: func(context.Context) error {
			if err := server.Serve(listener); err != http.ErrServerClosed {
				return err
			}
			return nil
		},
		Stop: func(ctx context.Context) error {
			err := server.Close()
			requests.wait(ctx)
			return err
		},
	})
	return "http://" + listener.Addr().String(), nil
}
