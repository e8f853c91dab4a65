package miner

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"

	"vision/internal/hotkey"
	"vision/internal/proto"
	"vision/internal/task"
)

// Validators says what the ledger knows of who asks.
type Validators interface {
	// Share is a validator's share of all validators' stake, [0, 1]; false if
	// it is no validator with enough stake.
	Share(validator hotkey.ID) (float64, bool)
}

// Catalogue gives the network's tasks as they are now.
type Catalogue interface {
	Catalogue() *task.Catalogue
}

// Deps is what a miner needs of others.
type Deps struct {
	Validators Validators
	Catalogue  Catalogue
	// Caller tells who sent a request, from its connection.
	Caller func(*http.Request) (hotkey.ID, error)
	// Signatures says how requests are known to be meant for this miner; nil: they
	// are not signed, as in tests without TLS.
	Signatures *Signatures
	// Secret reads the secret that a file holds.
	Secret func(file string) (string, error)
	Clock  func() time.Time
	Log    *slog.Logger
	// Served is told of every request that ended: "ok", the kind of the error
	// that it ended with, or the limit that it met: "gpu_busy", "task_busy",
	// "volume_used_up", "too_many_signatures" or "model_server_busy". Nil is allowed.
	Served func(taskName, result string, units int64)
}

// Miner is the role. It is an http.Handler for validators.
type Miner struct {
	deps    Deps
	mux     *http.ServeMux
	client  *http.Client
	volumes volumes
	once    once // guards itself
	answers *answered

	mu      sync.RWMutex // guards what follows
	config  Config
	offers  map[string]*offer // by task
	groups  map[string]*slots
	pruned  time.Time
	running sync.WaitGroup
}

// offer is a task as it is served now. It is replaced, never changed, but
// for its slots, which live on through reloads.
type offer struct {
	Task
	server  Server
	key     string // the model server's, "" without one
	engine  Engine
	slots   *slots
	group   *slots // nil without one
	perTime time.Duration
}

// New makes a miner that serves config.
func New(config Config, deps Deps) (*Miner, error) {
	m := &Miner{
		deps:    deps,
		mux:     http.NewServeMux(),
		offers:  map[string]*offer{},
		groups:  map[string]*slots{},
		answers: answeredFrom(deps.Clock()),
		client: &http.Client{
			Transport: &http.Transport{
				MaxIdleConnsPerHost: 256,
				IdleConnTimeout:     90 * time.Second,
				DisableCompression:  true,
			},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
	m.mux.HandleFunc("GET "+proto.CapacityPath, m.capacities)
	for _, path := range task.Paths() {
		m.mux.HandleFunc("POST "+path, m.serve)
	}
	if err := m.Reload(config); err != nil {
		return nil, err
	}
	return m, nil
}

// ServeHTTP implements http.Handler.
func (m *Miner) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	m.running.Add(1)
	defer m.running.Done()
	m.mux.ServeHTTP(w, r)
}

// Reload puts a new configuration into force for requests from now on. On an
// error the old one stays. Running requests keep the slots they hold.
func (m *Miner) Reload(config Config) error {
	var mistakes []string
	config.Check(func(field, format string, args ...any) {
		mistakes = append(mistakes, field+": "+fmt.Sprintf(format, args...))
	})
	if len(mistakes) > 0 {
		return fmt.Errorf("configure the miner: %s (%d mistakes in all)", mistakes[0], len(mistakes))
	}
	keys := map[string]string{}
	for _, s := range config.Servers {
		if s.KeyFile == "" {
			continue
		}
		key, err := m.deps.Secret(s.KeyFile)
		if err != nil {
			return fmt.Errorf("read the key of model server %q: %w", s.Name, err)
		}
		keys[s.Name] = key
	}

	m.mu.Lock()
	defer m.mu.Unlock()
	groups := map[string]*slots{}
	for _, g := range config.Groups {
		groups[g.Name] = resized(m.groups[g.Name], g.Slots)
	}
	offers := map[string]*offer{}
	for _, t := range config.Tasks {
		server := config.Servers[slices.IndexFunc(config.Servers, func(s Server) bool { return s.Name == t.Server })]
		engine, _ := engineNamed(server.Engine)
		if t.Model == "" {
			t.Model = t.Task
		}
		var old *slots
		if o := m.offers[t.Task]; o != nil {
			old = o.slots
		}
		offers[t.Task] = &offer{
			Task: t, server: server, key: keys[t.Server], engine: engine,
			slots: resized(old, t.Slots),
			group: groups[t.Group], perTime: config.Period,
		}
	}
	m.config, m.groups, m.offers = config, groups, offers
	return nil
}

func resized(s *slots, size int) *slots {
	if s == nil {
		s = &slots{}
	}
	s.resize(size)
	return s
}

func (m *Miner) offer(taskName string) *offer {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.offers[taskName]
}

// Declared is what the miner declares now, tasks by name.
func (m *Miner) Declared() proto.Capacities {
	m.mu.RLock()
	defer m.mu.RUnlock()
	c := proto.Capacities{Secs: m.config.Period.Seconds(), Tasks: []proto.Capacity{}}
	for _, name := range slices.Sorted(maps.Keys(m.offers)) {
		o := m.offers[name]
		spec := o.engine.Spec()
		spec.Quantisation, spec.Speculative = o.Quantisation, o.Speculative
		if t, ok := m.deps.Catalogue.Catalogue().Lookup(name); ok && spec.Quantisation == "" {
			spec.Quantisation = t.Model.Quantisation
		}
		atOnce := o.Slots
		if o.group != nil {
			atOnce = min(atOnce, o.group.size)
		}
		c.Tasks = append(c.Tasks, proto.Capacity{Task: name, Units: o.Units, Slots: atOnce, Spec: spec})
	}
	return c
}

// Wait returns once every running request has ended, or ctx has.
func (m *Miner) Wait(ctx context.Context) error {
	done := make(chan struct{})
	go func() { m.running.Wait(); close(done) }()
	select {
	case <-done:
		m.client.CloseIdleConnections()
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
