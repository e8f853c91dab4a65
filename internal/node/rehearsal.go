package node

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"vision/internal/capacity"
	"vision/internal/fault"
	"vision/internal/hotkey"
	"vision/internal/miner"
	"vision/internal/relay"
	"vision/internal/task"
	"vision/internal/transport"
)

// Rehearsal is a miner in front of an operator's own model servers that nobody else can reach, and the one
// validator that it serves: the same miner, the same relay, TLS and signatures as on a network, on loopback, under hotkeys made up for
// the occasion. What its validator sees of the servers is what any would.
type Rehearsal struct {
	Relay *relay.Client
	Peer  relay.Peer

	role   *miner.Miner
	server *http.Server
	ended  chan struct{} // closed when server has ended
	heard  *heard
}

// Rehearse starts one. Limits of the configuration are left out: whoever asks decides how much. Close ends it.
func Rehearse(c miner.Config, catalogue *task.Catalogue) (*Rehearsal, error) {
	us, them, err := strangers()
	if err != nil {
		return nil, err
	}
	r := &Rehearsal{ended: make(chan struct{}), heard: &heard{errors: map[string][]capacity.Error{}}}
	r.role, err = miner.New(unlimited(c), miner.Deps{
		Validators: only(us.ID()),
		Catalogue:  fixedCatalogue{catalogue},
		Caller:     transport.Caller,
		Signatures: &miner.Signatures{Network: them.Network(), Self: them.ID(), Key: transport.CallerKey, Sign: them.key.Sign},
		Secret:     readSecret,
		Clock:      time.Now,
		Log:        slog.New(r.heard),
	})
	if err != nil {
		return nil, err
	}
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	admit := only(us.ID()).admit
	r.server = &http.Server{Handler: transport.Admit(r.role, admit), ReadHeaderTimeout: 10 * time.Second, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug)}
	listener := transport.Listen(inner, them.ServerTLS(admit), transport.Limits{Handshakes: 16384}, nil)
	go func() {
		defer close(r.ended)
		_ = r.server.Serve(listener) // until Close
	}()
	var secret [32]byte
	_, _ = rand.Read(secret[:])
	r.Relay, err = relay.New(relay.Config{
		Dialer: minerDialer{&transport.Dialer{Identity: us.Identity}}, Secret: secret[:], DialReason: dialReason, IdlePerPeer: 8192,
	})
	if err != nil {
		r.server.Close()
		<-r.ended
		return nil, err
	}
	r.Peer = relay.Peer{Miner: them.ID(), Addr: inner.Addr().String()}
	return r, nil
}

// Errors says why requests of a task failed, the most frequent first, as the miner would log it.
func (r *Rehearsal) Errors(taskName string) []capacity.Error { return r.heard.of(taskName) }

// Close ends it, and what is under way.
func (r *Rehearsal) Close() error {
	r.Relay.Close()
	err := r.server.Close()
	<-r.ended
	ctx, cancel := context.WithTimeout(context.Background(), stopAfter)
	defer cancel()
	if waited := r.role.Wait(ctx); err == nil && waited != nil {
		err = fmt.Errorf("end requests at the model servers: %w", waited)
	}
	return err
}

// unlimited is a configuration without limits of the miner's own.
func unlimited(c miner.Config) miner.Config {
	c.Groups = nil
	c.Tasks = slices.Clone(c.Tasks)
	for i := range c.Tasks {
		c.Tasks[i].Group, c.Tasks[i].Slots, c.Tasks[i].Units = "", 1<<20, 1<<50
	}
	return c
}

// stranger is somebody with a hotkey that is on no ledger.
type stranger struct {
	*transport.Identity
	key *hotkey.Key
}

// strangers makes two, of a network that is none.
func strangers() (us, them stranger, err error) {
	for _, s := range []*stranger{&us, &them} {
		if s.key, err = hotkey.Generate(rand.Reader); err != nil {
			return us, them, err
		}
		if s.Identity, err = transport.NewIdentity(s.key, transport.Options{Network: "rehearsal"}); err != nil {
			return us, them, err
		}
	}
	return us, them, nil
}

// only is the only validator there is.
type only hotkey.ID

// Share implements miner.Validators.
func (o only) Share(id hotkey.ID) (float64, bool) { return 1, id == hotkey.ID(o) }

func (o only) admit(id hotkey.ID) error {
	if id != hotkey.ID(o) {
		return fault.New(fault.Forbidden, "not_admitted", "this miner serves nobody but who measures it")
	}
	return nil
}

type fixedCatalogue struct{ c *task.Catalogue }

// Catalogue implements miner.Catalogue.
func (f fixedCatalogue) Catalogue() *task.Catalogue { return f.c }

// heard keeps what a miner logs of requests that failed: how often which error came, by task. It is a slog.Handler for
// the miner's events.
type heard struct {
	mu     sync.Mutex // guards errors
	errors map[string][]capacity.Error
}

// mostHeard bounds how many errors are told apart of a task.
const mostHeard = 8

// Enabled implements slog.Handler.
func (*heard) Enabled(context.Context, slog.Level) bool { return true }

// WithAttrs implements slog.Handler: the miner's events have all that is needed.
func (h *heard) WithAttrs([]slog.Attr) slog.Handler { return h }

// WithGroup implements slog.Handler.
func (h *heard) WithGroup(string) slog.Handler { return h }

// Handle implements slog.Handler.
func (h *heard) Handle(_ context.Context, r slog.Record) error {
	var name, what string
	r.Attrs(func(a slog.Attr) bool {
		switch a.Key {
		case "task":
			name = a.Value.String()
		case "err":
			if a.Value.Any() != nil {
				what = a.Value.String()
			}
		case "code":
			if a.Value.String() == "model_server_busy" {
				what = "the model server answered 429: it takes no more requests at once"
			}
		case "result":
			if a.Value.String() == fault.Canceled.String() {
				name = "" // we went away
				return false
			}
		}
		return true
	})
	if r.Message != "request" || name == "" || what == "" {
		return nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	list := h.errors[name]
	i := slices.IndexFunc(list, func(e capacity.Error) bool { return e.What == what })
	switch {
	case i >= 0:
		list[i].Times++
	case len(list) < mostHeard:
		h.errors[name] = append(list, capacity.Error{What: what, Times: 1})
	default:
		list[mostHeard-1] = capacity.Error{What: "other errors", Times: list[mostHeard-1].Times + 1}
	}
	return nil
}

func (h *heard) of(name string) []capacity.Error {
	h.mu.Lock()
	defer h.mu.Unlock()
	list := slices.Clone(h.errors[name])
	slices.SortStableFunc(list, func(a, b capacity.Error) int { return b.Times - a.Times })
	return list
}
