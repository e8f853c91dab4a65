package transport

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"math/big"
	"net"
	"sync"
	"testing"
	"time"

	"vision/internal/hotkey"
)

// Every way to present a hotkey without being it, as a server to our client and
// as a client to our server.
var forgeries = []struct {
	name string
	want error // nil: refused by crypto/tls before our checks
	make func(forger) tls.Certificate
}{
	{"expired", ErrExpired, func(f forger) tls.Certificate {
		return f.honest(f.tlsKey(), network, f.clock.now().Add(-25*time.Hour), f.clock.now().Add(-time.Second))
	}},
	{"not yet valid", ErrExpired, func(f forger) tls.Certificate {
		return f.honest(f.tlsKey(), network, f.clock.now().Add(time.Second), f.clock.now().Add(time.Hour))
	}},
	{"valid for too long", ErrCertificate, func(f forger) tls.Certificate {
		from, _ := f.window()
		return f.honest(f.tlsKey(), network, from, from.Add(MaxLifetime+time.Second))
	}},
	{"extension replayed with another TLS key", ErrBinding, func(f forger) tls.Certificate {
		from, to := f.window()
		return f.raw(f.tlsKey(), from, to, extensionOf(f.honest(f.tlsKey(), network, from, to)))
	}},
	{"end of validity altered", ErrBinding, func(f forger) tls.Certificate {
		from, to := f.window()
		key := f.tlsKey()
		return f.raw(key, from, to.Add(time.Second), extensionOf(f.honest(key, network, from, to)))
	}},
	{"start of validity altered", ErrBinding, func(f forger) tls.Certificate {
		from, to := f.window()
		key := f.tlsKey()
		return f.raw(key, from.Add(-time.Second), to, extensionOf(f.honest(key, network, from, to)))
	}},
	{"another network", ErrBinding, func(f forger) tls.Certificate {
		from, to := f.window()
		return f.honest(f.tlsKey(), "mainnet/19", from, to)
	}},
	{"another hotkey's name", ErrBinding, func(f forger) tls.Certificate {
		from, to := f.window()
		key := f.tlsKey()
		thief := f
		thief.key = keyOf(66)
		b, err := parseExtension(extensionOf(thief.honest(key, network, from, to)))
		if err != nil {
			f.t.Fatal(err)
		}
		b.id = f.key.ID()
		return f.raw(key, from, to, b.marshal())
	}},
	{"the zero hotkey", ErrBinding, func(f forger) tls.Certificate {
		from, to := f.window()
		b := binding{}
		b.signature[63] = 0x80 // verifies for the zero key under bare Schnorrkel
		return f.raw(f.tlsKey(), from, to, b.marshal())
	}},
	{"no extension", ErrExtension, func(f forger) tls.Certificate {
		from, to := f.window()
		return f.raw(f.tlsKey(), from, to)
	}},
	{"empty extension", ErrExtension, func(f forger) tls.Certificate {
		from, to := f.window()
		return f.raw(f.tlsKey(), from, to, []byte{})
	}},
	{"extension with a byte after it", ErrExtension, func(f forger) tls.Certificate {
		from, to := f.window()
		key := f.tlsKey()
		return f.raw(key, from, to, append(extensionOf(f.honest(key, network, from, to)), 0))
	}},
	{"two extensions", nil, func(f forger) tls.Certificate {
		from, to := f.window()
		key := f.tlsKey()
		value := extensionOf(f.honest(key, network, from, to))
		return f.raw(key, from, to, value, value)
	}},
	{"RSA key", ErrCertificate, func(f forger) tls.Certificate {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			f.t.Fatal(err)
		}
		from, to := f.window()
		return f.honest(key, network, from, to)
	}},
	{"P-384 key", ErrCertificate, func(f forger) tls.Certificate {
		key, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
		if err != nil {
			f.t.Fatal(err)
		}
		from, to := f.window()
		return f.honest(key, network, from, to)
	}},
	{"two certificates", ErrCertificate, func(f forger) tls.Certificate {
		from, to := f.window()
		c := f.honest(f.tlsKey(), network, from, to)
		c.Certificate = append(c.Certificate, c.Certificate[0])
		return c
	}},
	{"stolen certificate without its TLS key", nil, func(f forger) tls.Certificate {
		from, to := f.window()
		c := f.honest(f.tlsKey(), network, from, to)
		c.PrivateKey = f.tlsKey()
		return c
	}},
}

func TestForgeries(t *testing.T) {
	c := newClock()
	victim := keyOf(1)
	m := startMiner(t, minerOptions{key: keyOf(7), clock: c, admit: anyone})
	d := &Dialer{Identity: identity(t, keyOf(2), c)}
	for _, forgery := range forgeries {
		t.Run(forgery.name, func(t *testing.T) {
			cert := forgery.make(forger{t, victim, c})

			want := victim.ID()
			if forgery.name == "the zero hotkey" {
				want = hotkey.ID{}
			}
			conn, err := d.Dial(t.Context(), rogueServer(t, rogueConfig(cert)), want)
			wantKind(t, err, forgery.want)
			if err == nil {
				conn.Close()
			}

			answer, err := dialRogue(t, m, rogueConfig(cert))
			if err == nil {
				t.Errorf("our server answered %q", answer)
			}
			wantKind(t, m.waitRefused(t), forgery.want)
		})
	}
	if n := m.requests.Load(); n != 0 {
		t.Errorf("HTTP of %d forgers was read", n)
	}
	// The same tools make a certificate that passes, or the table proves nothing.
	f := forger{t, victim, c}
	from, to := f.window()
	for _, key := range []crypto.Signer{f.tlsKey(), must(newEd25519())} {
		cert := f.honest(key, network, from, to)
		if _, err := dialRogue(t, m, rogueConfig(cert)); err != nil {
			t.Errorf("an honest caller with %T is refused: %v", key, err)
		}
		conn, err := d.Dial(t.Context(), rogueServer(t, rogueConfig(cert)), victim.ID())
		if err != nil {
			t.Errorf("an honest server with %T is refused: %v", key, err)
			continue
		}
		conn.Close()
	}
}

func FuzzParseExtension(f *testing.F) {
	b := binding{id: keyOf(1).ID(), signature: keyOf(1).Sign(nil)}
	f.Add(b.marshal())
	f.Add([]byte{})
	f.Add([]byte{0x30, 0x81, 0x64})
	f.Fuzz(func(t *testing.T, value []byte) {
		b, err := parseExtension(value)
		if err != nil {
			wantKind(t, err, ErrExtension)
			return
		}
		if string(b.marshal()) != string(value) {
			t.Fatal("two encodings of one binding")
		}
	})
}

// Whatever is done to a certificate, it is refused, or still binds the same TLS
// key to the same hotkey for the same time.
func FuzzVerify(f *testing.F) {
	c := newClock()
	forge := forger{f, keyOf(1), c}
	from, to := forge.window()
	honest := forge.honest(forge.tlsKey(), network, from, to).Leaf
	f.Add(honest.Raw)
	for _, forgery := range forgeries {
		if forgery.name != "RSA key" { // slow to make in each fuzzing process
			f.Add(forgery.make(forge).Certificate[0])
		}
	}
	f.Fuzz(func(t *testing.T, der []byte) {
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			return
		}
		id, err := verify(cert, network, c.now())
		if err != nil {
			return
		}
		if id != keyOf(1).ID() {
			t.Fatalf("a certificate by %v out of nothing", id)
		}
		if cert.NotAfter.Sub(cert.NotBefore) > MaxLifetime || c.now().After(cert.NotAfter) {
			t.Fatal("accepted outside its validity")
		}
	})
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
