package transport

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"vision/internal/hotkey"
)

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
