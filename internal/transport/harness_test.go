package transport

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"vision/internal/hotkey"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const network = "testnet/19"

// patience is how long a test waits for what is sure to come, however slow the
// machine, before it calls that lost.
const patience = 4 * time.Minute

func keyOf(fill byte) *hotkey.Key { return hotkey.FromSeed([32]byte{fill}) }

type clock struct{ unix atomic.Int64 }

func newClock() *clock {
	c := &clock{}
	c.unix.Store(1_800_000_000)
	return c
}

func (c *clock) now() time.Time { return time.Unix(c.unix.Load(), 0) }

func (c *clock) advance(d time.Duration) { c.unix.Add(int64(d / time.Second)) }

func identity(t testing.TB, key *hotkey.Key, c *clock) *Identity {
	t.Helper()
	i, err := NewIdentity(key, Options{Network: network, Clock: c.now})
	if err != nil {
		t.Fatal(err)
	}
	return i
}

func anyone(hotkey.ID) error { return nil }

// miner is an HTTP server behind a Listener, as a miner runs it.
type miner struct {
	*Identity
	address   string
	admitted  atomic.Int64 // calls of admit: one per handshake
	requests  atomic.Int64 // requests that reached the handler
	refused   chan error
	lastState atomic.Pointer[tls.ConnectionState]
}

type minerOptions struct {
	key     *hotkey.Key
	clock   *clock
	admit   func(hotkey.ID) error
	handler http.Handler // wrapped; it answers "ok" if nil
	limits  Limits
	edit    func(*tls.Config)
}

func startMiner(t testing.TB, o minerOptions) *miner {
	t.Helper()
	if o.key == nil {
		o.key = keyOf(1)
	}
	if o.clock == nil {
		o.clock = newClock()
	}
	if o.admit == nil {
		o.admit = anyone
	}
	m := &miner{Identity: identity(t, o.key, o.clock), refused: make(chan error, 64)}
	config := m.ServerTLS(func(id hotkey.ID) error { m.admitted.Add(1); return o.admit(id) })
	if o.edit != nil {
		o.edit(config)
	}
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	m.address = tcp.Addr().String()
	l := Listen(tcp, config, o.limits, func(_ net.Addr, err error) { m.refused <- err })
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		m.requests.Add(1)
		m.lastState.Store(r.TLS)
		if o.handler != nil {
			o.handler.ServeHTTP(w, r)
			return
		}
		io.WriteString(w, "ok")
	})}
	served := make(chan struct{})
	go func() { server.Serve(l); close(served) }()
	t.Cleanup(func() { server.Close(); l.Close(); <-served })
	return m
}

func (m *miner) waitRefused(t testing.TB) error {
	t.Helper()
	select {
	case err := <-m.refused:
		return err
	case <-time.After(patience):
		t.Fatal("the server refused nobody")
		return nil
	}
}

func clientsOf(t testing.TB, i *Identity) *Clients {
	c := NewClients(&Dialer{Identity: i, Timeout: patience})
	t.Cleanup(c.Close)
	return c
}

func get(c *Clients, m *miner, want hotkey.ID) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, "GET", "https://"+m.address+"/", nil)
	if err != nil {
		return "", err
	}
	response, err := c.For(want).Do(r)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if response.StatusCode != 200 {
		err = errors.Join(err, fmt.Errorf("status %d", response.StatusCode))
	}
	return string(body), err
}

func wantKind(t testing.TB, err, kind error) {
	t.Helper()
	switch {
	case err == nil:
		t.Errorf("accepted, want %v", kind)
	case kind != nil && !errors.Is(err, kind):
		t.Errorf("error %q, want %q", err, kind)
	}
}
