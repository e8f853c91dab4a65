package node

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"vision/internal/beacon"
	"vision/internal/checker"
	"vision/internal/checker/remote"
	"vision/internal/daemon"
	"vision/internal/dashboard"
	"vision/internal/dispatch"
	"vision/internal/gateway"
	"vision/internal/hotkey"
	"vision/internal/judgement"
	"vision/internal/ledger"
	"vision/internal/relay"
	"vision/internal/sampling"
	"vision/internal/scorer"
	"vision/internal/store"
	"vision/internal/store/sqlite"
	"vision/internal/transport"
)

// DatabaseFile is where a validator's database is in its data folder.
func DatabaseFile(data string) string { return filepath.Join(data, "validator.db") }

// Validator is a running validator, or the part of one that its roles name.
type Validator struct {
	*base
	config    ValidatorConfig
	store     store.Store
	relay     *relay.Client
	board     *dispatch.Board
	rates     sampling.Table
	beacons   beacon.Windows
	prompts   prompts
	consent   *consent // nil: nothing is learned from customers
	forget    func()   // forgets what was learned from who does not agree any more
	explainer *scorer.Explainer
	clients   *transport.Clients

	customers *listening // nil without the gateway
	admin     *listening // nil without the admin API
	checks    *listening // nil without checker_listen
	reports   *listening // nil without reports.listen
}

// NewValidator prepares a validator. It opens the database; Run binds the
// listeners, runs the roles and closes the database.
func NewValidator(ctx context.Context, c ValidatorConfig, p Parts) (*Validator, error) {
	if err := mistakes(c.Check); err != nil {
		return nil, err
	}
	if err := mistakes(func(report func(field, format string, args ...any)) { c.Reports.checkOthers(p.Key.ID(), report) }); err != nil {
		return nil, err
	}
	b, err := newBase(ctx, p, c.Ops)
	if err != nil {
		return nil, err
	}
	v := &Validator{base: b, config: c, board: dispatch.NewBoard()}
	if err := v.openStore(ctx); err != nil {
		return nil, err
	}
	if err := v.assemble(ctx); err != nil {
		return nil, errors.Join(err, v.store.Close())
	}
	return v, nil
}

func (v *Validator) openStore(ctx context.Context) error {
	if err := os.MkdirAll(v.config.Data, 0o700); err != nil {
		return fmt.Errorf("make the data folder: %w", err)
	}
	st, err := sqlite.Open(ctx, DatabaseFile(v.config.Data), sqlite.Options{Synchronous: v.config.Durable, Log: v.Log})
	if err != nil {
		return err
	}
	v.store, v.explainer = st, scorer.NewExplainer(st)
	v.group.Add(daemon.Component{Name: "store", Stop: func(context.Context) error { return st.Close() }})
	return nil
}

func (v *Validator) assemble(ctx context.Context) error {
	seeds, err := v.store.Secret(ctx, "seeds")
	if err != nil {
		return err
	}
	dialer := &transport.Dialer{Identity: v.identity}
	v.relay, err = relay.New(relay.Config{Dialer: minerDialer{dialer}, Secret: seeds[:], DialReason: dialReason, Beacons: v.beacons.Within})
	if err != nil {
		return err
	}
	v.clients = transport.NewClients(dialer)
	v.group.Add(daemon.Component{Name: "connections", Stop: func(context.Context) error {
		v.relay.Close()
		v.clients.Close()
		return nil
	}})

	judges := newPanel(v.Log, time.Now)
	if v.config.has(Checks) {
		own, err := v.addChecker(ctx)
		if err != nil {
			return err
		}
		judges.add("own", own)
	}
	for _, r := range v.config.Checkers {
		judges.add(r.Address, &remote.Client{HTTP: v.clients.For(r.Hotkey), Base: "https://" + r.Address})
	}
	if v.config.has(Gateway) {
		if err := v.addGateway(ctx); err != nil {
			return err
		}
		if err := v.addAdmin(); err != nil {
			return err
		}
	}
	if v.config.has(Gateway) && !v.config.has(Scorer) {
		v.addSpoke()
	}
	if v.config.has(Scorer) {
		v.addReports()
		return v.addScorer(ctx, judges)
	}
	v.group.Add(daemon.Component{Name: "sampling rates", Serve: v.followRates})
	return nil
}

func (v *Validator) addChecker(ctx context.Context) (judge, error) {
	salt, err := v.store.Secret(ctx, "checks")
	if err != nil {
		return nil, err
	}
	c, err := checker.New(v.config.Checker, checker.Deps{Secret: readSecret, Salt: salt[:], Log: v.Log,
		Calibration: Calibrations([]hotkey.ID{v.Key.ID()})})
	if err != nil {
		return nil, err
	}
	if v.config.CheckerListen != "" {
		v.checks = v.serveChecks(v.config.CheckerListen, c, []hotkey.ID{v.Key.ID()})
	}
	return c, nil
}

func (v *Validator) addGateway(ctx context.Context) error {
	routing, err := v.routing(ctx)
	if err != nil {
		return err
	}
	metrics := gateway.NewMetrics(v.ops.Registry)
	pages, err := v.pages()
	if err != nil {
		return err
	}
	purses := ledger.NewPurses(v.store)
	v.group.Add(daemon.Component{Name: "purses", Serve: func(ctx context.Context) error { return v.keepPurses(ctx, purses) }})
	g, err := gateway.New(gateway.Config{
		Fetcher:   fetcher(v.config.Gateway.Links),
		Books:     v.store,
		Purses:    purses,
		Claims:    v.store,
		Pages:     pages,
		Catalogue: v.Catalogue.Catalogue,
		Board:     v.board,
		Relay:     v.relay,
		Keys:      v.store,
		Periods:   v.store,
		Past:      v.store,
		Recorder:  v.store,
		Sampler:   sampler{v.relay, &v.rates},
		Observer:  metrics,
		Log:       v.Log,
		Anonymous: v.config.Gateway.Anonymous,
		Routing:   routing,
		Responses: gateway.Responses(v.config.Gateway.Responses),
		Limits:    gateway.Limits{Tries: v.config.Gateway.Tries, Requests: v.config.Gateway.Requests, Body: v.config.Gateway.Body},
	})
	if err != nil {
		return err
	}
	metrics.Watch(g, v.ops.Registry)
	server := gateway.NewServer(g)
	var accepting net.Listener
	v.customers = &listening{}
	v.group.Add(daemon.Component{Name: "gateway", Start: g.Start, Serve: g.Serve, Stop: g.Stop})
	v.group.Add(daemon.Component{
		Name: "customers' listener",
		Start: func(context.Context) (err error) {
			if accepting, err = net.Listen("tcp", v.config.Gateway.Listen); err == nil {
				v.customers.addr = accepting.Addr().String()
			}
			return err
		},
		Serve: func(context.Context) error {
			if err := server.Serve(g.Listener(accepting)); err != http.ErrServerClosed {
				return err
			}
			return nil
		},
		// The gateway drains first: it tells streams that are cut off so.
		Stop: func(ctx context.Context) error {
			return errors.Join(g.Stop(ctx), server.Close())
		},
	})
	return nil
}

// keepPurses keeps purses filled until ctx ends, and then gives back what they
// have on lease. What cannot be given back, closing the store does.
func (v *Validator) keepPurses(ctx context.Context, purses *ledger.Purses) error {
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	purses.Run(ctx, tick.C)
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	if err := purses.Close(last); err != nil {
		v.Log.Warn("cannot give leases back; closing the database does", "err", err)
	}
	return nil
}

// pages is what is served beside the API: reports, and what browsers are shown, unless the
// configuration turns that off.
func (v *Validator) pages() (gateway.Pages, error) {
	page := v.config.Gateway.Page
	if !page.Show {
		return reportPages{last: v.explainer}, nil
	}
	pages, err := dashboard.New(dashboard.Config{
		Catalogue: v.Catalogue.Catalogue,
		Supply:    v.board.Supply,
		Name:      page.Name,
		Notice:    page.Notice,
		Quiet:     !page.Live,
	})
	return reportPages{v.explainer, pages}, err
}

func (v *Validator) addScorer(ctx context.Context, judges *panel) error {
	v.group.Add(sole(v.config.Data))
	secret, err := v.store.Secret(ctx, "periods")
	if err != nil {
		return err
	}
	mechanism, err := v.config.Mechanism.Make()
	if err != nil {
		return err
	}
	random, err := v.config.Beacons.open(v.Ledger, v.Log)
	if err != nil {
		return err
	}
	c := scorer.Config{
		Mechanism:   mechanism,
		Random:      random,
		BurstAtOnce: v.config.Scorer.Bursts,
		Synthetic:   v.config.Scorer.Synthetic,
		Signer:      v.Key,
		Ledger:      v.Ledger,
		Store:       v.store,
		Miners:      capacityFetcher{v.clients},
		Relay:       v.relay,
		Catalogue:   v.Catalogue.Catalogue,
		Sampling:    &v.rates,
		Secret:      secret,
		Rates:       v.sampling(),
		Judgement:   v.judgement(),
		Log:         v.Log,
		Period:      v.config.Period,
		ProbeAtOnce: v.config.Scorer.Probes,
	}
	if v.config.Scorer.Corpus != "" {
		if err := v.ReloadCorpus(); err != nil {
			return err
		}
		c.Corpus = &v.prompts
	}
	if v.config.Scorer.LearnFromCustomers {
		v.consent = newConsent(v.store, v.config.Scorer.NeverLearnFrom)
		c.Learn = v.consent.of
	}
	v.addHub(&c)
	if n := len(judges.judges); n > 0 {
		c.Checker, c.CheckAtOnce = judges, n*v.config.Scorer.Checks
	}
	s, err := scorer.New(c)
	if err != nil {
		return err
	}
	v.forget = s.Forget
	watchScorer(v.ops.Registry, s)
	watchChecks(v.ops.Registry, s)
	watchReceipts(v.ops.Registry, s)
	v.group.Add(daemon.Component{Name: "pruning", Serve: v.prune})
	v.group.Add(daemon.Component{Name: "scorer", Serve: s.Run})
	if v.config.Reports.Receipts && len(v.config.Reports.Peers) > 0 {
		v.group.Add(daemon.Component{Name: "other validators' receipts", Serve: func(ctx context.Context) error { return v.followReceipts(ctx, s) }})
	}
	return nil
}

// prune drops what is older than it must be kept, now and then.
func (v *Validator) prune(ctx context.Context) error {
	for {
		if err := v.store.Prune(ctx, time.Now().Add(-v.config.Scorer.Keep)); err != nil && ctx.Err() == nil {
			v.Log.Warn("cannot drop old records; trying again later", "err", err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(max(v.config.Period, time.Minute)):
		}
	}
}

// sampling is how much is checked.
func (v *Validator) sampling() sampling.Config {
	rates := sampling.Default()
	rates.Min, rates.Watched, rates.Beacon = v.config.Scorer.CheckRate, v.config.Scorer.WatchedRate, v.config.Scorer.BeaconChecks
	return rates
}

// judgement is what the configuration makes of miners' checks.
func (v *Validator) judgement() judgement.Rules {
	rules := judgement.Default()
	rules.Alpha, rules.Redeem = v.config.Scorer.FalseConvictions, v.config.Scorer.CleanRecord
	return rules
}

// followRates keeps the sampling rates of a gateway whose scorer is in another process.
func (v *Validator) followRates(ctx context.Context) error {
	var backlog sync.WaitGroup
	defer backlog.Wait()
	backlog.Go(func() {
		scorer.FollowBacklog(ctx, v.store, &v.rates, v.sampling(), max(scorer.BacklogEvery(v.config.Period), 100*time.Millisecond), nil)
	})
	for {
		since := time.Now().Add(-scorer.RateWindow(v.config.Period))
		if err := scorer.RefreshRates(ctx, v.store, &v.rates, v.sampling(), since); err != nil && ctx.Err() == nil {
			v.Log.Warn("cannot refresh sampling rates", "err", err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(max(v.config.Period/10, time.Second)):
		}
	}
}

// Run runs the validator as every node is run, and closes the database however
// that ends: a part that comes before it may have failed to start.
func (v *Validator) Run(ctx context.Context, ready func()) error {
	return errors.Join(v.base.Run(ctx, ready), v.store.Close())
}

// Hotkey is who the validator is.
func (v *Validator) Hotkey() hotkey.ID { return v.Key.ID() }

// Customers is where the API is served, once ready; "" without the gateway.
func (v *Validator) Customers() string {
	if v.customers == nil {
		return ""
	}
	return v.customers.addr
}

// CanServe says whether every task has a miner that may be asked now.
func (v *Validator) CanServe() bool {
	for _, t := range v.Catalogue.Catalogue().Tasks() {
		if v.board.Supply(t.Name, time.Now()).Ready == 0 {
			return false
		}
	}
	return true
}

// Store is the validator's database, open until Run returns.
func (v *Validator) Store() store.Store { return v.store }
