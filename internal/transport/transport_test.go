package transport

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"vision/internal/hotkey"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const network = "testnet/19"

// patience bounds every wait of a test that ought to end at once.
const patience = 20 * time.Second

func keyOf(fill byte) *hotkey.Key { return hotkey.FromSeed([32]byte{fill}) }

type clock struct{ unix atomic.Int64 }

func newClock() *clock {
	c := &clock{}
	c.unix.Store(1_800_000_000)
	return c
}

func (c *clock) now() time.Time          { return time.Unix(c.unix.Load(), 0) }
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

// forger makes certificates that break the rules, one rule at a time.
type forger struct {
	t     testing.TB
	key   *hotkey.Key
	clock *clock
}

func (f forger) tlsKey() crypto.Signer {
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		f.t.Fatal(err)
	}
	return k
}

func (f forger) window() (from, to time.Time) {
	return f.clock.now().Add(-time.Hour), f.clock.now().Add(24 * time.Hour)
}

// honest is what issue makes, for the forgeries to start from.
func (f forger) honest(tlsKey crypto.Signer, network string, from, to time.Time) tls.Certificate {
	c, err := issue(f.key, network, tlsKey, from, to)
	if err != nil {
		f.t.Fatal(err)
	}
	return *c
}

func (f forger) raw(tlsKey crypto.Signer, from, to time.Time, extensions ...[]byte) tls.Certificate {
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: from, NotAfter: to}
	for _, value := range extensions {
		template.ExtraExtensions = append(template.ExtraExtensions, pkix.Extension{Id: extensionID, Value: value})
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, tlsKey.Public(), tlsKey)
	if err != nil {
		f.t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: tlsKey}
}

func extensionOf(c tls.Certificate) []byte {
	leaf, err := x509.ParseCertificate(c.Certificate[0])
	if err != nil {
		panic(err)
	}
	b, err := findBinding(leaf)
	if err != nil {
		panic(err)
	}
	return b.marshal()
}

// rogueConfig presents cert and believes everything.
func rogueConfig(cert tls.Certificate) *tls.Config {
	return &tls.Config{
		Certificates:       []tls.Certificate{cert},
		InsecureSkipVerify: true,
		ClientAuth:         tls.RequestClientCert,
		// Present cert whatever the other side says that it accepts.
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &cert, nil },
	}
}

// dialRogue connects to m with any configuration, sends a request, and returns
// the first error met, or the answer.
func dialRogue(t testing.TB, m *miner, config *tls.Config) (string, error) {
	t.Helper()
	conn, err := tls.Dial("tcp", m.address, config)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(patience))
	_, writeErr := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
	answer, err := io.ReadAll(conn)
	if err != nil {
		return string(answer), err
	}
	return string(answer), writeErr
}

// rogueServer serves one connection at a time with config, and answers nothing.
func rogueServer(t testing.TB, config *tls.Config) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			raw, err := l.Accept()
			if err != nil {
				return
			}
			raw.SetDeadline(time.Now().Add(patience))
			conn := tls.Server(raw, config)
			if conn.Handshake() == nil {
				io.Copy(io.Discard, conn)
			}
			conn.Close()
		}
	})
	t.Cleanup(func() { l.Close(); wg.Wait() })
	return l.Addr().String()
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

func TestBothSidesProveTheirHotkeys(t *testing.T) {
	callers := make(chan hotkey.ID, 1)
	m := startMiner(t, minerOptions{handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, err := Caller(r)
		if err != nil {
			t.Error(err)
		}
		callers <- id
	})})
	validator := identity(t, keyOf(2), newClock())
	conn, err := (&Dialer{Identity: validator}).Dial(t.Context(), m.address, m.ID())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if server, err := PeerHotkey(conn.ConnectionState()); err != nil || server != m.ID() {
		t.Errorf("the client sees %v, %v, want %v", server, err, m.ID())
	}
	if v := conn.ConnectionState().Version; v != tls.VersionTLS13 {
		t.Errorf("TLS version %x, want 1.3", v)
	}
	io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	if caller := <-callers; caller != validator.ID() {
		t.Errorf("the server sees %v, want %v", caller, validator.ID())
	}
}

func TestWrongHotkeyGetsNothing(t *testing.T) {
	m := startMiner(t, minerOptions{})
	validator := identity(t, keyOf(2), newClock())
	for _, want := range []hotkey.ID{keyOf(9).ID(), {}} {
		_, err := (&Dialer{Identity: validator}).Dial(t.Context(), m.address, want)
		wantKind(t, err, ErrWrongHotkey)
		if err != nil && !strings.Contains(err.Error(), m.ID().String()) {
			t.Errorf("%v does not say who answered", err)
		}
	}
	if _, err := get(clientsOf(t, validator), m, keyOf(9).ID()); !errors.Is(err, ErrWrongHotkey) {
		t.Errorf("HTTP client: %v, want ErrWrongHotkey", err)
	}
	if m.requests.Load() != 0 {
		t.Error("a request reached the wrong hotkey")
	}
}

// A client that meets the wrong server does not even show it its certificate.
func TestWrongServerLearnsNothing(t *testing.T) {
	c := newClock()
	f := forger{t, keyOf(9), c}
	from, to := f.window()
	config := rogueConfig(f.honest(f.tlsKey(), network, from, to))
	var shown atomic.Bool
	config.VerifyConnection = func(tls.ConnectionState) error { shown.Store(true); return nil }
	_, err := (&Dialer{Identity: identity(t, keyOf(2), c)}).Dial(t.Context(), rogueServer(t, config), keyOf(1).ID())
	wantKind(t, err, ErrWrongHotkey)
	if shown.Load() {
		t.Error("the client sent its certificate to the wrong hotkey")
	}
}

func TestCallersNotAdmitted(t *testing.T) {
	registered, poor := keyOf(2), keyOf(3)
	m := startMiner(t, minerOptions{admit: func(id hotkey.ID) error {
		switch id {
		case registered.ID():
			return nil
		case poor.ID():
			return errors.New("its stake of 10 is below 1000")
		}
		return errors.New("it is not registered")
	}})
	for _, c := range []struct {
		name, reason string
		key          *hotkey.Key
	}{{"unregistered", "not registered", keyOf(4)}, {"low stake", "stake of 10", poor}} {
		t.Run(c.name, func(t *testing.T) {
			caller := identity(t, c.key, newClock())
			_, err := get(clientsOf(t, caller), m, m.ID())
			wantKind(t, err, ErrRefused)
			refusal := m.waitRefused(t)
			wantKind(t, refusal, ErrNotAdmitted)
			if !strings.Contains(refusal.Error(), c.reason) || !strings.Contains(refusal.Error(), c.key.ID().String()) {
				t.Errorf("%q lacks the reason or the hotkey", refusal)
			}

			conn, err := (&Dialer{Identity: caller}).Dial(t.Context(), m.address, m.ID())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			// Even with a request of its own under way, the caller sees the alert.
			io.WriteString(conn, "POST / HTTP/1.1\r\nContent-Length: 20000\r\n\r\n"+strings.Repeat("x", 20000))
			if _, err := conn.Read(make([]byte, 1)); !Refused(err) {
				t.Errorf("read after refusal: %v, which Refused does not recognise", err)
			}
			m.waitRefused(t)
		})
	}
	if m.requests.Load() != 0 {
		t.Error("HTTP of a caller who is not admitted was read")
	}
	if body, err := get(clientsOf(t, identity(t, registered, newClock())), m, m.ID()); err != nil || body != "ok" {
		t.Errorf("a registered caller: %q, %v", body, err)
	}
}

// A caller in the middle of sending its request is told why it failed, and does
// not merely see a broken connection.
func TestRefusalSurvivesARequestUnderWay(t *testing.T) {
	m := startMiner(t, minerOptions{admit: func(hotkey.ID) error { return errors.New("it is not registered") }})
	clients := clientsOf(t, identity(t, keyOf(2), newClock()))
	for range 20 {
		body := struct{ io.Reader }{strings.NewReader(strings.Repeat("x", 48<<10))}
		_, err := clients.For(m.ID()).Post("https://"+m.address, "text/plain", body)
		wantKind(t, err, ErrRefused)
		m.waitRefused(t)
	}
}

func TestNoClientCertificate(t *testing.T) {
	m := startMiner(t, minerOptions{})
	_, err := dialRogue(t, m, &tls.Config{InsecureSkipVerify: true})
	if !Refused(err) || !strings.Contains(err.Error(), "certificate required") {
		t.Errorf("the caller sees %v, want certificate_required", err)
	}
	wantKind(t, m.waitRefused(t), nil)
	if m.requests.Load() != 0 {
		t.Error("HTTP of a caller without certificate was read")
	}
}

func TestTLS12IsRefused(t *testing.T) {
	c := newClock()
	f := forger{t, keyOf(1), c}
	from, to := f.window()
	config := rogueConfig(f.honest(f.tlsKey(), network, from, to))
	config.MaxVersion = tls.VersionTLS12
	m := startMiner(t, minerOptions{clock: c})
	if answer, err := dialRogue(t, m, config); err == nil {
		t.Errorf("the server speaks TLS 1.2: %q", answer)
	}
	if _, err := (&Dialer{Identity: identity(t, keyOf(2), c)}).Dial(t.Context(), rogueServer(t, config), keyOf(1).ID()); err == nil {
		t.Error("the client speaks TLS 1.2")
	}
}

func TestSessionsAreNeverResumed(t *testing.T) {
	c := newClock()
	t.Run("client that would", func(t *testing.T) {
		m := startMiner(t, minerOptions{clock: c})
		config := identity(t, keyOf(2), c).ClientTLS(m.ID())
		config.SessionTicketsDisabled = false
		config.ClientSessionCache = tls.NewLRUClientSessionCache(8)
		config.ServerName = "miner" // sessions are cached by name
		for range 3 {
			answer, err := dialRogue(t, m, config)
			if err != nil || !strings.HasSuffix(answer, "ok") {
				t.Fatalf("%q, %v", answer, err)
			}
			if m.lastState.Load().DidResume {
				t.Fatal("the server resumed a session")
			}
		}
		if n := m.admitted.Load(); n != 3 {
			t.Errorf("admit was asked %d times for 3 connections", n)
		}
	})
	t.Run("server that would", func(t *testing.T) {
		f := forger{t, keyOf(1), c}
		from, to := f.window()
		address := rogueServer(t, rogueConfig(f.honest(f.tlsKey(), network, from, to))) // gives tickets
		d := &Dialer{Identity: identity(t, keyOf(2), c)}
		for range 3 {
			conn, err := d.Dial(t.Context(), address, keyOf(1).ID())
			if err != nil {
				t.Fatal(err)
			}
			if conn.ConnectionState().DidResume {
				t.Error("the client resumed a session")
			}
			conn.Close()
		}
	})
	t.Run("either, were it to happen", func(t *testing.T) {
		m := identity(t, keyOf(1), c)
		cert, err := m.certificate()
		if err != nil {
			t.Fatal(err)
		}
		state := tls.ConnectionState{HandshakeComplete: true, PeerCertificates: []*x509.Certificate{cert.Leaf}}
		check := m.ServerTLS(anyone).VerifyConnection
		if err := check(state); err != nil {
			t.Fatal(err)
		}
		state.DidResume = true
		wantKind(t, check(state), ErrCertificate)
	})
}

func TestPeerHotkeyNeedsAHandshake(t *testing.T) {
	cert, err := identity(t, keyOf(1), newClock()).certificate()
	if err != nil {
		t.Fatal(err)
	}
	if id, err := PeerHotkey(tls.ConnectionState{PeerCertificates: []*x509.Certificate{cert.Leaf}}); err == nil {
		t.Errorf("%v is believed before its handshake is complete", id)
	}
	if id, err := PeerHotkey(tls.ConnectionState{HandshakeComplete: true}); err == nil {
		t.Errorf("%v without a certificate", id)
	}
	if id, err := Caller(&http.Request{}); err == nil {
		t.Errorf("%v over plain HTTP", id)
	}
}

func TestOptionsAreChecked(t *testing.T) {
	for _, o := range []Options{
		{},
		{Network: "a b"},
		{Network: "net\n"},
		{Network: strings.Repeat("n", 65)},
		{Network: network, Lifetime: time.Second},
		{Network: network, Lifetime: MaxLifetime},
	} {
		if _, err := NewIdentity(keyOf(1), o); err == nil {
			t.Errorf("%+v is accepted", o)
		}
	}
	defer func() {
		if recover() == nil {
			t.Error("a server that admits anybody by omission")
		}
	}()
	identity(t, keyOf(1), newClock()).ServerTLS(nil)
}
