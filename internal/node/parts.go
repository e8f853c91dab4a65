package node

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"vision/internal/chain"
	"vision/internal/config"
	"vision/internal/daemon"
	"vision/internal/hotkey"
	"vision/internal/hotkey/wallet"
	"vision/internal/obs"
	"vision/internal/transport"
)

// Parts are what a node is built on. Open gets them from a configuration; a
// devnet makes them itself.
type Parts struct {
	Key       *hotkey.Key
	Ledger    chain.Ledger
	Catalogue *config.Catalogue
	Log       *slog.Logger
	StopAfter time.Duration // how long the node's own parts have to stop, all together; 4 s if 0
	Listener  net.Listener  // of a miner, in place of what its configuration names; the miner closes it. nil: Run binds that
}

// Open gets the parts that a configuration names.
func Open(c Common, log *slog.Logger) (Parts, error) {
	p := Parts{Log: log}
	var err error
	if p.Key, err = LoadKey(c); err != nil {
		return p, err
	}
	if p.Ledger, err = OpenLedger(c.Ledger); err != nil {
		return p, err
	}
	if p.Catalogue, err = config.NewCatalogue(c.Catalogue, log); err != nil {
		return p, err
	}
	return p, nil
}

// LoadKey reads the hotkey that a configuration names.
func LoadKey(c Common) (*hotkey.Key, error) {
	path, err := wallet.Expand(c.Hotkey)
	if err != nil {
		return nil, err
	}
	return wallet.Load(path, func() (string, error) {
		if c.PasswordFile == "" {
			return "", errors.New("the hotkey file is encrypted: set password_file")
		}
		return readSecret(c.PasswordFile)
	})
}

// readSecret reads a secret's file, without the line's end.
func readSecret(file string) (string, error) {
	path, err := wallet.Expand(file)
	if err != nil {
		return "", err
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("read a secret: %w", err)
	}
	return strings.TrimSpace(string(text)), nil
}

// base is what every node runs: a view of the ledger, the catalogue, the
// operator's listener.
type base struct {
	Parts
	view     *View
	identity *transport.Identity
	ops      *obs.Ops
	group    daemon.Group
}

// catalogueEvery is how often the catalogue's file is looked at.
const catalogueEvery = 2 * time.Second

func newBase(ctx context.Context, p Parts, opsAt string) (*base, error) {
	b := &base{Parts: p, ops: obs.NewOps("node"), group: daemon.Group{Log: p.Log, StopAfter: cmp.Or(p.StopAfter, stopAfter)}}
	var err error
	if b.view, err = NewView(ctx, p.Ledger, p.Log); err != nil {
		return nil, err
	}
	s := b.view.Snapshot()
	b.identity, err = transport.NewIdentity(p.Key, transport.Options{Network: fmt.Sprintf("%s/%d", s.Network, s.Netuid)})
	if err != nil {
		return nil, err
	}
	if opsAt != "" {
		b.group.Add(daemon.Component{
			Name:  "health and metrics",
			Start: func(context.Context) error { return b.ops.Listen(opsAt) },
			Serve: b.ops.Serve,
			Stop:  b.ops.Stop,
		})
	}
	b.group.Add(daemon.Component{Name: "ledger view", Serve: b.view.Follow})
	b.group.Add(daemon.Component{Name: "catalogue", Serve: func(ctx context.Context) error {
		return p.Catalogue.Watch(ctx, catalogueEvery)
	}})
	return b, nil
}

// stopAfter is how long a node's parts have to stop, if nothing else is said. A
// process is gone 5 s after it was asked to go.
const stopAfter = 4 * time.Second

// Run runs the node until ctx ends or a part fails. ready, if not nil, is
// called once every listener is bound and every part has started.
func (b *base) Run(ctx context.Context, ready func()) error {
	stop := context.AfterFunc(ctx, b.ops.Stopping)
	defer stop()
	return b.group.Run(ctx, func() {
		b.ops.Ready("node")
		if ready != nil {
			ready()
		}
	})
}

// serveTLS adds a listener on which only admitted hotkeys can speak HTTP.
func (b *base) serveTLS(name string, listen func() (net.Listener, error), handler http.Handler, admit func(hotkey.ID) error) *listening {
	l := &listening{}
	server := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       5 * time.Minute,
		MaxHeaderBytes:    32 << 10,
		ErrorLog:          slog.NewLogLogger(b.Log.Handler(), slog.LevelDebug),
	}
	var accepting net.Listener
	b.group.Add(daemon.Component{
		Name: name,
		Start: func(context.Context) error {
			inner, err := listen()
			if err != nil {
				return err
			}
			l.addr = inner.Addr().String()
			accepting = transport.Listen(inner, b.identity.ServerTLS(admit), transport.Limits{}, func(from net.Addr, err error) {
				level := slog.LevelInfo
				if errors.Is(err, io.EOF) || errors.Is(err, os.ErrDeadlineExceeded) {
					level = slog.LevelDebug // it said nothing: a scan of ports, or it went away
				}
				b.Log.Log(context.Background(), level, "refused a caller", "listener", name, "from", from.String(), "err", err)
			})
			return nil
		},
		Serve: func(context.Context) error {
			if err := server.Serve(accepting); err != http.ErrServerClosed {
				return err
			}
			return nil
		},
		Stop: func(ctx context.Context) error { return shutdown(ctx, server) },
	})
	return l
}

// at binds an address.
func at(address string) func() (net.Listener, error) {
	return func() (net.Listener, error) { return net.Listen("tcp", address) }
}

// listening is where a listener is bound, once it has started.
type listening struct{ addr string }

// shutdown ends a server: new requests are refused, running ones have most of
// the time that is left, and are then cut off.
func shutdown(ctx context.Context, server *http.Server) error {
	graceful := ctx
	if deadline, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		graceful, cancel = context.WithDeadline(ctx, deadline.Add(-time.Second))
		defer cancel()
	}
	if err := server.Shutdown(graceful); err != nil {
		return server.Close()
	}
	return nil
}
