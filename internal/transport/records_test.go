//go:build unix

package transport

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"testing"
	"time"
)

// gathering holds writes back, so that they reach the peer together, or in
// other pieces than they were written in.
type gathering struct {
	net.Conn
	held []byte
	hold bool
}

func (g *gathering) Write(p []byte) (int, error) {
	if g.hold {
		g.held = append(g.held, p...)
		return len(p), nil
	}
	return g.Conn.Write(p)
}

// recorded gives both ends of a TLS connection whose client reads by record.
func recorded(t *testing.T) (server *tls.Conn, wire *gathering, client *tls.Conn, under *records) {
	t.Helper()
	l := must(net.Listen("tcp", "127.0.0.1:0"))
	defer l.Close()
	s, c := identity(t, keyOf(1), newClock()), identity(t, keyOf(2), newClock())
	failed := make(chan error, 1)
	go func() {
		raw, err := l.Accept()
		if err != nil {
			failed <- err
			return
		}
		wire = &gathering{Conn: raw}
		server = tls.Server(wire, s.ServerTLS(anyone))
		failed <- server.Handshake()
	}()
	client, err := (&Dialer{Identity: c}).Dial(t.Context(), l.Addr().String(), s.ID())
	if err != nil {
		t.Fatal(err)
	}
	if err := <-failed; err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.NetConn().Close(); wire.Conn.Close() })
	for _, c := range []net.Conn{client, wire.Conn} {
		c.SetDeadline(time.Now().Add(patience))
	}
	return server, wire, client, client.NetConn().(*records)
}

func TestRecordsSayWhatElseHasCome(t *testing.T) {
	server, wire, client, under := recorded(t)
	wire.hold = true
	for _, text := range []string{"one", "two", "three"} {
		io.WriteString(server, text)
	}
	// Two whole records come, and the third but for its last byte.
	part := len(wire.held) - 1
	wire.Conn.Write(wire.held[:part])

	buf := make([]byte, 100)
	read := func(want string, more bool) {
		t.Helper()
		n, err := client.Read(buf)
		if err != nil || string(buf[:n]) != want || under.Ready() != more {
			t.Fatalf("%q, %v, more %v; want %q, more %v", buf[:n], err, under.Ready(), want, more)
		}
	}
	read("one", true)
	under.NoWait(true)
	read("two", false)
	for range 2 {
		if n, err := client.Read(buf); n > 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("read %q of half a record: %v", buf[:n], err)
		}
	}
	under.NoWait(false)
	wire.Conn.Write(wire.held[part:])
	read("three", false)
	if under.buf != nil {
		t.Error("a buffer is held while nothing is unread")
	}
}

// TestRecordsLoseNothing cuts a stream of records at random places and reads it
// with and without waiting.
func TestRecordsLoseNothing(t *testing.T) {
	server, wire, client, under := recorded(t)
	r := rand.New(rand.NewPCG(1, 2))
	var want []byte
	wire.hold = true
	for range 300 {
		text := bytes.Repeat([]byte{byte(r.Uint32())}, 1+r.IntN(1<<r.IntN(15)))
		want = append(want, text...)
		server.Write(text)
	}
	go func() {
		for rest := wire.held; len(rest) > 0; {
			n := min(len(rest), 1+r.IntN(1<<r.IntN(17)))
			wire.Conn.Write(rest[:n])
			rest = rest[n:]
		}
	}()
	var got []byte
	buf := make([]byte, 40<<10)
	for i := 0; len(got) < len(want); i++ {
		under.NoWait(i%3 > 0)
		n, err := client.Read(buf[:1+i*37%len(buf)])
		if err != nil && !(i%3 > 0 && errors.Is(err, os.ErrDeadlineExceeded)) {
			t.Fatalf("after %d of %d bytes: %v", len(got), len(want), err)
		}
		got = append(got, buf[:n]...)
	}
	if !bytes.Equal(got, want) {
		t.Error("other bytes came than were sent")
	}
}

func TestRecordsEndAsTheirConnectionDoes(t *testing.T) {
	t.Run("end", func(t *testing.T) {
		_, wire, client, _ := recorded(t)
		wire.Conn.Close() // without TLS's goodbye
		if _, err := client.Read(make([]byte, 1)); !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%v, want an end of file", err)
		}
	})
	t.Run("closed by us", func(t *testing.T) {
		_, _, client, under := recorded(t)
		done := make(chan error, 1)
		go func() {
			_, err := client.Read(make([]byte, 1))
			done <- err
		}()
		under.Close()
		if err := <-done; !errors.Is(err, net.ErrClosed) {
			t.Errorf("%v, want net.ErrClosed", err)
		}
	})
	t.Run("deadline", func(t *testing.T) {
		server, _, client, _ := recorded(t)
		client.SetReadDeadline(time.Now().Add(-time.Second))
		if _, err := client.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("%v, want a deadline's error", err)
		}
		client.SetReadDeadline(time.Now().Add(patience))
		io.WriteString(server, "x")
		if _, err := client.Read(make([]byte, 1)); err != nil {
			t.Errorf("after its deadline was moved on: %v", err)
		}
	})
}
