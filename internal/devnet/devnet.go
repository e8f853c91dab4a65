package devnet

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"vision/internal/apikey"
	"vision/internal/chain"
	"vision/internal/chain/local"
	"vision/internal/config"
	"vision/internal/daemon"
	"vision/internal/hotkey"
	"vision/internal/ledger"
	"vision/internal/node"
	"vision/internal/score"
	"vision/internal/store"
	"vision/internal/task"
)

// Options say what network to run. See Check for what is allowed.
type Options struct {
	// Data is the folder for all state. It is made if it is not there.
	Data string
	// Period is how long miners are tested before they are scored.
	Period time.Duration
	// Miners is how many honest ones there are.
	Miners int
	// Cheats are the names of dishonest ones to add, one miner each.
	Cheats []string
	// Listen is where the API is served; a free port on loopback if the port is 0.
	Listen string
	// PrivateLinks lets customers' requests link to pictures on this machine.
	PrivateLinks bool
	// Hedge is the share of requests that may be put to a second miner; see
	// gateway.hedge of a validator's configuration.
	Hedge float64
	// Prepaid, if above 0, adds the project "prepaid" with a key, and this paid in.
	Prepaid ledger.Amount
	// Admin is where the admin API is served; nowhere if empty. Its token is
	// drawn, and kept in AdminTokenFile.
	Admin string
	// Ops is where the validator's health and metrics are served; nowhere if empty.
	Ops string
	// Mechanism is how miners are scored; vision7 if empty.
	Mechanism string
	// Log is told what all nodes log.
	Log *slog.Logger
	// serving stands before every built-in model server, for tests; nil is nothing.
	serving func(http.Handler) http.Handler

	// Server, if not empty, is a real OpenAI-compatible server (its base URL,
	// without /v1) that all miners and the checker use in place of the built-in
	// reference model.
	Server string
	// Model is what Server calls its model.
	Model string
	// Engine is what Server is, as miners' configurations name it.
	Engine string
	// Template is the model's chat template, if the checker is to judge by
	// log-probabilities of texts: chatml, llama3, …
	Template string
	// QuantisedServer is what the cheat named quantised serves from, in place
	// of Server; it needs one when Server is set.
	QuantisedServer string
}

// Check says what is wrong with the options.
func (o *Options) Check() error {
	var errs []error
	if o.Period < 5*time.Second || o.Period > 24*time.Hour {
		errs = append(errs, fmt.Errorf("period is %v, want 5s to 24h", o.Period))
	}
	if o.Miners < 1 || o.Miners > 64 {
		errs = append(errs, fmt.Errorf("miners is %d, want 1 to 64", o.Miners))
	}
	if o.Mechanism != "" && !slices.Contains(score.Names(), o.Mechanism) {
		errs = append(errs, fmt.Errorf("%q is not a mechanism; the mechanisms are %s", o.Mechanism, strings.Join(score.Names(), ", ")))
	}
	for _, name := range o.Cheats {
		if _, err := cheatNamed(name); err != nil {
			errs = append(errs, err)
		}
		if name == quantised.name && o.Server != "" && o.QuantisedServer == "" {
			errs = append(errs, errors.New("the cheat quantised needs a server with the model quantised differently, for a real one cannot be changed from here"))
		}
	}
	if (o.Server == "") != (o.Model == "") {
		errs = append(errs, errors.New("a model server and the model's name there go together"))
	}
	if o.Prepaid < 0 || o.Prepaid > ledger.MaxCost {
		errs = append(errs, fmt.Errorf("prepaid is %v credits, want 0 (no prepaid project) to %v", o.Prepaid, ledger.MaxCost))
	}
	return errors.Join(errs...)
}

// Devnet is a network ready to run.
type Devnet struct {
	options   Options
	key       string
	prepaid   string // the prepaid project's key, "" if there is none
	keys      *keyring
	ledger    *local.Ledger
	ledgerURL string
	catalogue *config.Catalogue
	validator *node.Validator
	miners    []*member
	listeners []net.Listener // of the ledger and the model servers
	group     daemon.Group
}

// member is one miner with what its operator runs.
type member struct {
	name  string
	cheat string // "" if honest
	key   *hotkey.Key
	node  *node.Miner
}

// stopAfter is how long everything has to stop.
const stopAfter = 4500 * time.Millisecond

// New prepares a network: it opens what is kept and registers everybody. It
// listens for model servers only; Run starts the rest.
func New(ctx context.Context, o Options) (_ *Devnet, err error) {
	if err := o.Check(); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(o.Data, 0o700); err != nil {
		return nil, fmt.Errorf("make the data folder: %w", err)
	}
	d := &Devnet{options: o, keys: &keyring{folder: filepath.Join(o.Data, "hotkeys")}}
	d.group = daemon.Group{Log: o.Log, StopAfter: stopAfter}
	defer func() {
		if err != nil {
			err = errors.Join(err, d.close())
		}
	}()
	if d.ledger, err = local.Open(filepath.Join(o.Data, "ledger"), local.Devnet(time.Now)); err != nil {
		return nil, err
	}
	d.group.Add(daemon.Component{Name: "ledger", Stop: func(context.Context) error { return d.ledger.Close() }})
	if err = d.serveLedger(); err != nil {
		return nil, err
	}
	if err = d.writeCatalogue(); err != nil {
		return nil, err
	}
	if d.catalogue, err = config.NewCatalogue(CatalogueFile(o.Data), o.Log); err != nil {
		return nil, err
	}
	validator, err := d.registerValidator(ctx)
	if err != nil {
		return nil, err
	}
	if err = d.addMiners(ctx); err != nil {
		return nil, err
	}
	d.group.Add(daemon.Component{Name: "announcements", Start: d.awaitAnnouncements})
	return d, d.addValidator(ctx, validator)
}

// serveLedger lets other processes on the machine join.
func (d *Devnet) serveLedger() error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listen for the ledger: %w", err)
	}
	d.listeners = append(d.listeners, listener)
	d.ledgerURL = "http://" + listener.Addr().String()
	server := &http.Server{Handler: local.NewServer(d.ledger, d.options.Log), ReadHeaderTimeout: 10 * time.Second}
	d.group.Add(daemon.Component{
		Name: "ledger's listener",
		Serve: func(context.Context) error {
			if err := server.Serve(listener); err != http.ErrServerClosed {
				return err
			}
			return nil
		},
		Stop: func(context.Context) error { return server.Close() },
	})
	return nil
}

// CatalogueFile is where a data folder keeps its task catalogue.
func CatalogueFile(data string) string { return filepath.Join(data, "catalogue.yaml") }

// writeCatalogue writes the tasks once; afterwards the file is the operator's.
func (d *Devnet) writeCatalogue() error {
	file := CatalogueFile(d.options.Data)
	text := config.DevnetCatalogue()
	if d.options.Server != "" {
		text = realCatalogue(d.options)
	}
	old, err := os.ReadFile(file)
	if err == nil {
		if strings.HasPrefix(string(old), realServerMark) != (d.options.Server != "") {
			return fmt.Errorf("%s was made for a devnet %s a real model server: use another data folder, or remove that file",
				file, map[bool]string{true: "without", false: "on"}[d.options.Server != ""])
		}
		return nil
	}
	if err := os.WriteFile(file, text, 0o600); err != nil {
		return fmt.Errorf("write the task catalogue: %w", err)
	}
	return nil
}

// stake of the validator: all there is.
const stake = 100_000 * chain.TAO

// registerValidator comes before the miners start: they look at the ledger
// once in a while, and must know whom to serve from the beginning.
func (d *Devnet) registerValidator(ctx context.Context) (*hotkey.Key, error) {
	key, err := d.keys.key("validator")
	if err != nil {
		return nil, err
	}
	if _, err := d.ledger.Register(ctx, key.ID(), key.ID()); err != nil {
		return nil, fmt.Errorf("register the validator: %w", err)
	}
	if err := d.ledger.SetStake(ctx, key.ID(), stake); err != nil {
		return nil, fmt.Errorf("stake the validator: %w", err)
	}
	return key, nil
}

func (d *Devnet) addValidator(ctx context.Context, key *hotkey.Key) (err error) {
	c := node.ValidatorDefaults()
	c.Hotkey, c.Ledger = "devnet", node.Ledger{Kind: "devnet", URL: "http://127.0.0.1"}
	c.Data, c.Period, c.Ops = d.options.Data, d.options.Period, d.options.Ops
	c.Mechanism = d.mechanism()
	c.Beacons.Sources, c.Scorer.Synthetic = []string{"ledger"}, 1
	c.Scorer.Keep = max(c.Scorer.Keep, 48*c.Period)
	c.Gateway.Listen, c.Gateway.Hedge = d.options.Listen, d.options.Hedge
	c.Gateway.Links.Private = d.options.PrivateLinks
	if d.options.Admin != "" {
		c.Admin = node.AdminConfig{Listen: d.options.Admin, TokenFile: AdminTokenFile(d.options.Data)}
		if err := adminToken(d.options.Data); err != nil {
			return err
		}
	}
	if d.options.Server != "" {
		c.Checker.References = realReferences(d.options)
		c.Checker.Timeout = 5 * time.Minute
	}
	d.validator, err = node.NewValidator(ctx, c, d.parts("validator", key))
	if err != nil {
		return err
	}
	if d.key, err = apiKey(ctx, d.validator.Store(), d.options.Data, keyFile, apikey.DefaultProject); err != nil {
		return err
	}
	if d.options.Prepaid > 0 {
		if d.prepaid, err = prepaidKey(ctx, d.validator.Store(), d.options.Data, d.options.Prepaid); err != nil {
			return err
		}
	}
	d.add("validator", d.validator.Run)
	return nil
}

func (d *Devnet) parts(name string, key *hotkey.Key) node.Parts {
	return node.Parts{Key: key, Ledger: d.ledger, Catalogue: d.catalogue, Log: d.options.Log.With("node", name)}
}

// add appends a node, which has started once its Run says so.
func (d *Devnet) add(name string, run func(ctx context.Context, ready func()) error) {
	ready, ended := make(chan struct{}), make(chan error, 1)
	life, stop := context.WithCancel(context.Background())
	d.group.Add(daemon.Component{
		Name: name,
		Start: func(ctx context.Context) error {
			go func() { ended <- run(life, func() { close(ready) }) }()
			select {
			case <-ready:
				return nil
			case err := <-ended:
				stop()
				return err
			case <-ctx.Done():
				stop()
				return errors.Join(ctx.Err(), <-ended)
			}
		},
		Serve: func(ctx context.Context) error {
			select {
			case err := <-ended:
				ended <- nil // for Stop
				return err
			case <-ctx.Done():
				return nil
			}
		},
		Stop: func(ctx context.Context) error {
			stop()
			select {
			case err := <-ended:
				return err
			case <-ctx.Done():
				return ctx.Err()
			}
		},
	})
}

// Run runs the network until ctx ends or a part of it fails. ready is called
// once customers can be served.
func (d *Devnet) Run(ctx context.Context, ready func()) error {
	d.group.Add(daemon.Component{Name: "first capacities", Start: d.awaitCapacity})
	return d.group.Run(ctx, ready)
}

// awaitWithin bounds awaitCapacity: a network without a working miner comes up
// all the same, and shows so.
const awaitWithin = 15 * time.Second

// awaitCapacity waits until the gateway knows whom to ask.
func (d *Devnet) awaitCapacity(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, awaitWithin)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for !d.validator.CanServe() {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
	return nil
}

// close undoes New after a failure.
func (d *Devnet) close() error {
	var errs []error
	for _, l := range d.listeners {
		errs = append(errs, l.Close())
	}
	if d.validator != nil {
		errs = append(errs, d.validator.Store().Close())
	}
	if d.ledger != nil {
		errs = append(errs, d.ledger.Close())
	}
	return errors.Join(errs...)
}

// URL is the API's base URL, once ready.
func (d *Devnet) URL() string { return "http://" + d.validator.Customers() + "/v1" }

// LedgerURL is where other processes on the machine join the ledger.
func (d *Devnet) LedgerURL() string { return d.ledgerURL }

// Data is the folder of all state.
func (d *Devnet) Data() string { return d.options.Data }

// Models are the names of what is on sale.
func (d *Devnet) Models() []string {
	var names []string
	for _, t := range d.Catalogue().Tasks() {
		names = append(names, t.Name)
	}
	return names
}

// Key is the API key.
func (d *Devnet) Key() string { return d.key }

// PrepaidKey is the API key of the prepaid project, "" if there is none.
func (d *Devnet) PrepaidKey() string { return d.prepaid }

// AdminURL is where the admin API is served, once ready; "" if it is not.
func (d *Devnet) AdminURL() string {
	if d.validator.Admin() == "" {
		return ""
	}
	return "http://" + d.validator.Admin() + "/admin/v1"
}

// Store is the validator's database.
func (d *Devnet) Store() store.Store { return d.validator.Store() }

// Catalogue is the tasks as they are now.
func (d *Devnet) Catalogue() *task.Catalogue { return d.catalogue.Catalogue() }

// Names says who is who: what each miner is called here, "honest-1" or a
// cheat's name. Miners of earlier runs on the same data that are not running
// now are marked so: the ledger still has them.
func (d *Devnet) Names() map[hotkey.ID]string {
	names := d.keys.names()
	delete(names, d.validator.Hotkey())
	for id, name := range names {
		names[id] = name + " (off)"
	}
	for _, m := range d.miners {
		names[m.key.ID()] = m.name
	}
	return names
}

// slug is a task's name made of a model's.
func slug(model string) string {
	model = strings.ToLower(filepath.Base(model))
	model = strings.TrimSuffix(model, ".gguf")
	var b strings.Builder
	for _, r := range model {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '.', r == '-':
			b.WriteRune(r)
		default:
			b.WriteByte('-')
		}
	}
	return strings.Trim(b.String(), ".-")
}
