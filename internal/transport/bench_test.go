package transport

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"io"
	"net"
	"syscall"
	"testing"
	"time"
)

// cpuTime is what this process has used, so that a busy machine blurs less.
func cpuTime() time.Duration {
	var use syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &use); err != nil {
		panic(err)
	}
	return time.Duration(use.Utime.Nano() + use.Stime.Nano())
}

// BenchmarkHandshake is a whole mutual handshake on loopback, both sides in this
// process, by kind of TLS key and of key exchange.
func BenchmarkHandshake(b *testing.B) {
	p256 := func() (crypto.Signer, error) { return ecdsa.GenerateKey(elliptic.P256(), rand.Reader) }
	for _, c := range []struct {
		name   string
		newKey func() (crypto.Signer, error)
		curves []tls.CurveID
	}{
		{"P256/default-exchange", p256, nil},
		{"Ed25519/default-exchange", newEd25519, nil},
		{"P256/X25519", p256, []tls.CurveID{tls.X25519}},
		{"Ed25519/X25519", newEd25519, []tls.CurveID{tls.X25519}},
	} {
		b.Run(c.name, func(b *testing.B) {
			server, client := identity(b, keyOf(1), newClock()), identity(b, keyOf(2), newClock())
			for _, i := range []*Identity{server, client} {
				i.newKey, i.current = c.newKey, nil
			}
			serverTLS, clientTLS := server.ServerTLS(anyone), client.ClientTLS(server.ID())
			serverTLS.CurvePreferences, clientTLS.CurvePreferences = c.curves, c.curves
			l := must(net.Listen("tcp", "127.0.0.1:0"))
			defer l.Close()
			b.ReportAllocs()
			before := cpuTime()
			for b.Loop() {
				done := make(chan error, 1)
				go func() {
					raw, err := l.Accept()
					if err != nil {
						done <- err
						return
					}
					conn := tls.Server(raw, serverTLS)
					err = conn.Handshake()
					conn.Close()
					done <- err
				}()
				raw := must(net.Dial("tcp", l.Addr().String()))
				conn := tls.Client(raw, clientTLS)
				if err := conn.Handshake(); err != nil {
					b.Fatal(err)
				}
				if err := <-done; err != nil {
					b.Fatal(err)
				}
				conn.Close()
			}
			b.ReportMetric(float64((cpuTime()-before).Microseconds())/float64(b.N), "cpu-µs/op")
		})
	}
}

// BenchmarkVerify is what this package adds to a TLS handshake, per side.
func BenchmarkVerify(b *testing.B) {
	c := newClock()
	cert := must(identity(b, keyOf(1), c).certificate())
	for b.Loop() {
		if _, err := verify(cert.Leaf, network, c.now()); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkPeerHotkey(b *testing.B) {
	i := identity(b, keyOf(1), newClock())
	m := startMiner(b, minerOptions{})
	conn := must((&Dialer{Identity: i}).Dial(b.Context(), m.address, m.ID()))
	defer conn.Close()
	state := conn.ConnectionState()
	for b.Loop() {
		if _, err := PeerHotkey(state); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkIssue is the cost of a rotation.
func BenchmarkIssue(b *testing.B) {
	i := identity(b, keyOf(1), newClock())
	for b.Loop() {
		must(i.issue(i.options.Clock()))
	}
}

// BenchmarkRequest is a small request over a kept connection.
func BenchmarkRequest(b *testing.B) {
	m := startMiner(b, minerOptions{})
	client := clientsOf(b, identity(b, keyOf(2), newClock())).For(m.ID())
	for b.Loop() {
		response := must(client.Get("https://" + m.address))
		io.Copy(io.Discard, response.Body)
		response.Body.Close()
	}
}
