package transport

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"vision/internal/hotkey"
)

func TestRotationDropsNoStream(t *testing.T) {
	c := newClock()
	more := make(chan struct{})
	m := startMiner(t, minerOptions{clock: c, handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.(http.Flusher).Flush()
		for range more {
			io.WriteString(w, "token\n")
			w.(http.Flusher).Flush()
		}
	})})
	validator := identity(t, keyOf(2), c)
	response, err := clientsOf(t, validator).For(m.ID()).Get("https://" + m.address)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	lines := bufio.NewReader(response.Body)
	token := func() {
		t.Helper()
		more <- struct{}{}
		if line, err := lines.ReadString('\n'); line != "token\n" {
			t.Fatalf("the stream broke: %q, %v", line, err)
		}
	}
	leaf := func() string {
		t.Helper()
		conn, err := (&Dialer{Identity: validator}).Dial(t.Context(), m.address, m.ID())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		return string(conn.ConnectionState().PeerCertificates[0].Raw)
	}

	token()
	first := leaf()
	if leaf() != first {
		t.Error("each handshake makes a certificate")
	}
	c.advance(11 * time.Hour)
	if leaf() != first {
		t.Error("renewed before half its lifetime")
	}
	c.advance(time.Hour)
	second := leaf()
	if second == first {
		t.Error("not renewed at half its lifetime")
	}
	token()
	c.advance(30 * 24 * time.Hour) // both sides' first certificates are long expired
	token()
	if leaf() == second {
		t.Error("not renewed after a long pause")
	}
	c.advance(-60 * 24 * time.Hour) // a clock corrected backwards
	leaf()
	token()
	close(more)
	if _, err := lines.ReadString('\n'); err != io.EOF {
		t.Errorf("the stream ends with %v, want EOF", err)
	}
}

func TestConnectionsAreReused(t *testing.T) {
	m := startMiner(t, minerOptions{})
	clients := clientsOf(t, identity(t, keyOf(2), newClock()))
	for range 10 {
		if _, err := get(clients, m, m.ID()); err != nil {
			t.Fatal(err)
		}
	}
	if n := m.admitted.Load(); n != 1 {
		t.Errorf("%d handshakes for 10 requests, want 1", n)
	}
}

// A kept connection to one neuron must not serve requests meant for another that
// the ledger puts at the same address.
func TestPoolKeepsHotkeysApart(t *testing.T) {
	m := startMiner(t, minerOptions{})
	clients := clientsOf(t, identity(t, keyOf(2), newClock()))
	if _, err := get(clients, m, m.ID()); err != nil {
		t.Fatal(err)
	}
	_, err := get(clients, m, keyOf(9).ID())
	wantKind(t, err, ErrWrongHotkey)
	if n := m.requests.Load(); n != 1 {
		t.Errorf("%d requests arrived, want 1", n)
	}
}

func TestDeregisteredOnALiveConnection(t *testing.T) {
	var deregistered atomic.Bool
	admit := func(hotkey.ID) error {
		if deregistered.Load() {
			return errors.New("it is not registered")
		}
		return nil
	}
	m := startMiner(t, minerOptions{handler: Admit(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "served")
	}), admit)}) // at handshakes anyone passes, so only the middleware can refuse
	clients := clientsOf(t, identity(t, keyOf(2), newClock()))
	if body, err := get(clients, m, m.ID()); err != nil || body != "served" {
		t.Fatalf("%q, %v", body, err)
	}
	deregistered.Store(true)
	body, err := get(clients, m, m.ID())
	if err == nil || !strings.Contains(err.Error(), "403") || !strings.Contains(body, "not registered") {
		t.Fatalf("%q, %v; want 403 and the reason", body, err)
	}
	if n := m.admitted.Load(); n != 1 {
		t.Fatalf("%d handshakes: it was not the live connection that was refused", n)
	}
	// The refusal closed it.
	if _, err := get(clients, m, m.ID()); err == nil {
		t.Error("served again")
	}
	if n := m.admitted.Load(); n != 2 {
		t.Errorf("%d handshakes, want 2: the refused connection was kept", n)
	}
}

func TestAdmitOverPlainHTTP(t *testing.T) {
	r, err := http.NewRequest("GET", "/", nil)
	if err != nil {
		t.Fatal(err)
	}
	w := &recorder{header: http.Header{}}
	Admit(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("served") }), anyone).ServeHTTP(w, r)
	if w.status != http.StatusForbidden {
		t.Errorf("status %d, want 403", w.status)
	}
}

type recorder struct {
	header http.Header
	status int
}

func (r *recorder) Header() http.Header         { return r.header }
func (r *recorder) Write(b []byte) (int, error) { return len(b), nil }
func (r *recorder) WriteHeader(status int)      { r.status = status }

func TestClientsTrustNobody(t *testing.T) {
	m := startMiner(t, minerOptions{handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Host == "" || r.Header.Get("Accept-Encoding") != "" {
			t.Errorf("host %q, headers %v", r.Host, r.Header)
		}
		http.Redirect(w, r, "https://127.0.0.1:1/elsewhere", http.StatusTemporaryRedirect)
	})})
	client := clientsOf(t, identity(t, keyOf(2), newClock())).For(m.ID())
	response, err := client.Get("https://" + m.address + "/here")
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusTemporaryRedirect || response.Request.URL.Host != m.address {
		t.Errorf("a redirect was followed: %d from %v", response.StatusCode, response.Request.URL)
	}
	if _, err := client.Get("http://" + m.address); err == nil {
		t.Error("plain HTTP was used")
	}
}

func TestPoolKeyRoundTrip(t *testing.T) {
	for _, address := range []string{"127.0.0.1:80", "[::1]:8080", "miner.example.org:9"} {
		host, port, err := net.SplitHostPort(address)
		if err != nil {
			t.Fatal(err)
		}
		back, id, err := splitPooled(joinPooled(host, port, keyOf(3).ID()))
		if err != nil || back != address || id != keyOf(3).ID() {
			t.Errorf("%s -> %s, %v, %v", address, back, id, err)
		}
	}
	for _, bad := range []string{"", "x", "zz.00:1", "00.zz:1", "00:1"} {
		if address, _, err := splitPooled(bad); err == nil {
			t.Errorf("%q gives %s", bad, address)
		}
	}
}

func TestHTTP2WhenBothWant(t *testing.T) {
	m := startMiner(t, minerOptions{edit: func(c *tls.Config) { c.NextProtos = []string{"h2", "http/1.1"} }})
	for protocol, offered := range map[string][]string{"h2": {"h2", "http/1.1"}, "http/1.1": nil} {
		d := &Dialer{Identity: identity(t, keyOf(2), newClock()), NextProtos: offered}
		conn, err := d.Dial(t.Context(), m.address, m.ID())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if got := conn.ConnectionState().NegotiatedProtocol; got != protocol {
			t.Errorf("offered %v, got %q", offered, got)
		}
		if protocol != "h2" {
			continue
		}
		protocols := new(http.Protocols)
		protocols.SetHTTP2(true)
		transport := &http.Transport{Protocols: protocols, DialTLSContext: func(context.Context, string, string) (net.Conn, error) { return conn, nil }}
		response, err := transport.RoundTrip(must(http.NewRequest("GET", "https://miner/", nil)))
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		transport.CloseIdleConnections()
		if id, err := Caller(&http.Request{TLS: m.lastState.Load()}); err != nil || id != d.Identity.ID() || response.ProtoMajor != 2 {
			t.Errorf("over HTTP/%d the caller is %v, %v", response.ProtoMajor, id, err)
		}
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func TestDialIsBounded(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0") // accepts in the kernel, never answers
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	d := &Dialer{Identity: identity(t, keyOf(2), newClock()), Timeout: 20 * time.Millisecond}
	if _, err := d.Dial(t.Context(), silent.Addr().String(), keyOf(1).ID()); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("silent server: %v, want a deadline", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	d.Timeout = patience
	if _, err := d.Dial(ctx, silent.Addr().String(), keyOf(1).ID()); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	silent.Close()
	if _, err := d.Dial(t.Context(), silent.Addr().String(), keyOf(1).ID()); err == nil || !strings.Contains(err.Error(), "connect to "+keyOf(1).ID().String()) {
		t.Errorf("closed port: %v", err)
	}
}
