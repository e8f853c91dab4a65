package transport

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
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

// stall opens n connections that never say a word.
func stall(t *testing.T, address string, n int) []net.Conn {
	t.Helper()
	conns := make([]net.Conn, n)
	for i := range conns {
		conns[i] = must(net.Dial("tcp", address))
		t.Cleanup(func() { conns[i].Close() })
	}
	return conns
}

func TestSlowHandshakesDelayNobody(t *testing.T) {
	t.Run("with room to spare", func(t *testing.T) {
		m := startMiner(t, minerOptions{limits: Limits{Handshakes: 64, Timeout: time.Hour}})
		stall(t, m.address, 63)
		if _, err := get(clientsOf(t, identity(t, keyOf(2), newClock())), m, m.ID()); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("with all room taken", func(t *testing.T) {
		m := startMiner(t, minerOptions{limits: Limits{Handshakes: 8, Timeout: time.Hour, Grace: time.Millisecond}})
		stalled := stall(t, m.address, 8)
		if _, err := get(clientsOf(t, identity(t, keyOf(2), newClock())), m, m.ID()); err != nil {
			t.Fatal(err)
		}
		wantKind(t, m.waitRefused(t), ErrBusy)
		stalled[0].SetReadDeadline(time.Now().Add(patience))
		if _, err := stalled[0].Read(make([]byte, 1)); err == nil || errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("the oldest was not the one cut off: %v", err)
		}
	})
	t.Run("past their time", func(t *testing.T) {
		m := startMiner(t, minerOptions{limits: Limits{Timeout: 10 * time.Millisecond}})
		stall(t, m.address, 1)
		var timeout net.Error
		if err := m.waitRefused(t); !errors.As(err, &timeout) || !timeout.Timeout() {
			t.Errorf("refused for %v, want a timeout", err)
		}
	})
	t.Run("that are garbage", func(t *testing.T) {
		m := startMiner(t, minerOptions{})
		io.WriteString(stall(t, m.address, 1)[0], "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
		wantKind(t, m.waitRefused(t), nil)
		if m.requests.Load() != 0 {
			t.Error("plain HTTP was served")
		}
	})
}

// Many honest peers at once, more than there is room for, all get through.
func TestHonestBurst(t *testing.T) {
	m := startMiner(t, minerOptions{limits: Limits{Handshakes: 4, Grace: time.Hour}})
	d := &Dialer{Identity: identity(t, keyOf(2), newClock()), Timeout: patience}
	var wg sync.WaitGroup
	for range 64 {
		wg.Go(func() {
			conn, err := d.Dial(context.Background(), m.address, m.ID())
			if err != nil {
				t.Error(err)
				return
			}
			defer conn.Close()
			io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
			if answer, err := io.ReadAll(conn); err != nil || !strings.HasSuffix(string(answer), "ok") {
				t.Errorf("%q, %v", answer, err)
			}
		})
	}
	wg.Wait()
}

func TestOneAddressCannotTakeAllRoom(t *testing.T) {
	tcp := must(net.Listen("tcp", "127.0.0.1:0"))
	i := identity(t, keyOf(1), newClock())
	refused := make(chan error, 8)
	l := Listen(tcp, i.ServerTLS(anyone), Limits{Handshakes: 8, Timeout: time.Hour, PerAddress: 3}, func(_ net.Addr, err error) { refused <- err })
	defer l.Close()
	l.mu.Lock()
	l.exempt = func(netip.Addr) bool { return false } // else loopback is
	l.mu.Unlock()
	stall(t, tcp.Addr().String(), 4)
	select {
	case err := <-refused:
		wantKind(t, err, ErrBusy)
	case <-time.After(patience):
		t.Fatal("one address holds more than its share")
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if n := l.running.Len(); n != 3 {
		t.Errorf("%d handshakes under way, want 3", n)
	}
}

func TestSource(t *testing.T) {
	for address, want := range map[string]string{
		"192.0.2.7:80":          "192.0.2.7/32",
		"[::ffff:192.0.2.7]:80": "192.0.2.7/32",
		"[2001:db8:1:2::9]:80":  "2001:db8:1:2::/64",
		"[fe80::1%eth0]:80":     "fe80::/64",
	} {
		addr := net.TCPAddrFromAddrPort(netip.MustParseAddrPort(address))
		if _, got := source(addr); got.String() != want {
			t.Errorf("%s counts under %v, want %s", address, got, want)
		}
	}
	if ip, _ := source(net.TCPAddrFromAddrPort(netip.MustParseAddrPort("[::1]:1"))); !ip.IsLoopback() {
		t.Error("::1 is not seen as loopback")
	}
}

// deadlines records what was last set on the connections accepted.
type deadlines struct {
	net.Listener
	last *atomic.Pointer[time.Time]
}

type deadlineConn struct {
	net.Conn
	last *atomic.Pointer[time.Time]
}

func (d deadlines) Accept() (net.Conn, error) {
	conn, err := d.Listener.Accept()
	return deadlineConn{conn, d.last}, err
}

func (c deadlineConn) SetDeadline(t time.Time) error {
	c.last.Store(&t)
	return c.Conn.SetDeadline(t)
}

// The handshake's deadline must not end a stream that runs longer.
func TestAcceptedConnectionsHaveNoDeadline(t *testing.T) {
	i := identity(t, keyOf(1), newClock())
	inner := deadlines{must(net.Listen("tcp", "127.0.0.1:0")), new(atomic.Pointer[time.Time])}
	l := Listen(inner, i.ServerTLS(anyone), Limits{}, nil)
	defer l.Close()
	conn := must((&Dialer{Identity: i}).Dial(t.Context(), l.Addr().String(), i.ID()))
	defer conn.Close()
	accepted := must(l.Accept())
	defer accepted.Close()
	if last := inner.last.Load(); last == nil || !last.IsZero() {
		t.Errorf("the deadline is %v, want none", last)
	}
}

func TestListenerStops(t *testing.T) {
	tcp := must(net.Listen("tcp", "127.0.0.1:0"))
	i := identity(t, keyOf(1), newClock())
	l := Listen(tcp, i.ServerTLS(anyone), Limits{Timeout: time.Hour}, nil)
	stall(t, tcp.Addr().String(), 5)
	// One whose handshake is done and that nobody accepts.
	conn := must((&Dialer{Identity: i}).Dial(t.Context(), tcp.Addr().String(), i.ID()))
	defer conn.Close()
	accepting := make(chan error)
	second := must(net.Listen("tcp", "127.0.0.1:0"))
	l2 := Listen(second, i.ServerTLS(anyone), Limits{}, nil)
	go func() { _, err := l2.Accept(); accepting <- err }()
	for range 2 {
		l.Close()
		l2.Close()
	}
	if err := <-accepting; !errors.Is(err, net.ErrClosed) {
		t.Errorf("Accept after Close: %v", err)
	}
	if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Accept after Close: %v", err)
	}
	// goleak sees whether the handshakes' goroutines ended.
}

// flaky fails as a listener does when the process is out of files, and once for good.
type flaky struct {
	net.Listener
	errs chan error
}

type temporary struct{ error }

func (temporary) Temporary() bool { return true }

func (f flaky) Accept() (net.Conn, error) {
	select {
	case err := <-f.errs:
		return nil, err
	default:
		return f.Listener.Accept()
	}
}

func TestAcceptErrors(t *testing.T) {
	i := identity(t, keyOf(1), newClock())
	inner := flaky{must(net.Listen("tcp", "127.0.0.1:0")), make(chan error, 2)}
	inner.errs <- temporary{errors.New("too many open files")}
	l := Listen(inner, i.ServerTLS(anyone), Limits{}, nil)
	defer l.Close()
	conn := must((&Dialer{Identity: i}).Dial(t.Context(), l.Addr().String(), i.ID()))
	defer conn.Close()
	accepted, err := l.Accept()
	if err != nil {
		t.Fatalf("a passing error ended the listener: %v", err)
	}
	accepted.Close()

	broken := errors.New("broken")
	inner = flaky{must(net.Listen("tcp", "127.0.0.1:0")), make(chan error, 1)}
	inner.errs <- broken
	l = Listen(inner, i.ServerTLS(anyone), Limits{}, nil)
	defer l.Close()
	if _, err := l.Accept(); !errors.Is(err, broken) {
		t.Errorf("Accept: %v, want what the listener said", err)
	}
}
