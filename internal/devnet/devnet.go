package devnet

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"vision/internal/chain/local"
	"vision/internal/config"
	"vision/internal/daemon"
	"vision/internal/hotkey"
	"vision/internal/node"
	"vision/internal/store"
	"vision/internal/task"
)

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
	listeners []net.Listener // of the ledger, the model servers and miners that were here before
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
	d.group = daemon.Group{Log: o.Log, StopAfter: cmp.Or(o.patience, stopAfter)}
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

func (d *Devnet) parts(name string, key *hotkey.Key) node.Parts {
	return node.Parts{Key: key, Ledger: d.ledger, Catalogue: d.catalogue, Log: d.options.Log.With("node", name), StopAfter: d.options.patience}
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
