package obs

import (
	"context"
	"fmt"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Ops is the operator's listener.
type Ops struct {
	Registry *prometheus.Registry

	server   *http.Server
	listener net.Listener

	mu      sync.Mutex // guards waiting and stopping
	waiting map[string]bool
	stopped bool
}

// NewOps makes the operator's handlers with the Go runtime's metrics. It is
// ready once every part named was reported by Ready.
func NewOps(parts ...string) *Ops {
	o := &Ops{Registry: prometheus.NewRegistry(), waiting: map[string]bool{}}
	o.Registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	for _, p := range parts {
		o.waiting[p] = true
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", o.readyz)
	mux.Handle("GET /metrics", promhttp.HandlerFor(o.Registry, promhttp.HandlerOpts{}))
	o.server = &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second, IdleTimeout: time.Minute}
	return o
}

// Ready reports that a part has started.
func (o *Ops) Ready(part string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.waiting, part)
}

// Stopping makes /readyz answer 503 from now on.
func (o *Ops) Stopping() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.stopped = true
}

func (o *Ops) readyz(w http.ResponseWriter, _ *http.Request) {
	o.mu.Lock()
	waiting, stopped := slices.Sorted(maps.Keys(o.waiting)), o.stopped
	o.mu.Unlock()
	switch {
	case stopped:
		http.Error(w, "stopping", http.StatusServiceUnavailable)
	case len(waiting) > 0:
		http.Error(w, "not ready: "+strings.Join(waiting, ", "), http.StatusServiceUnavailable)
	default:
		fmt.Fprintln(w, "ok")
	}
}

// Handler serves the operator's paths, for tests.
func (o *Ops) Handler() http.Handler { return o.server.Handler }

// Listen binds the operator's address.
func (o *Ops) Listen(address string) error {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return fmt.Errorf("listen for health and metrics: %w", err)
	}
	o.listener = l
	return nil
}

// Serve answers until Stop.
func (o *Ops) Serve(context.Context) error {
	if err := o.server.Serve(o.listener); err != http.ErrServerClosed {
		return err
	}
	return nil
}

// Stop ends Serve.
func (o *Ops) Stop(ctx context.Context) error { return o.server.Shutdown(ctx) }
