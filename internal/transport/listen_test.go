package transport

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

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
