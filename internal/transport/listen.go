package transport

import (
	"container/list"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"
)

// Limits of a Listener; a zero field takes its default.
type Limits struct {
	// Timeout bounds one handshake; 10 s.
	Timeout time.Duration
	// Handshakes is how many may run at once; 1024. Beyond it a new caller waits,
	// until one ends or the oldest has had Grace, and is then cut off.
	Handshakes int
	// PerAddress is how many of them one IPv4 address or IPv6 /64 network may
	// have; a quarter of Handshakes. Beyond it a new caller is cut off at once.
	// Loopback is exempt: it is the operator's own.
	PerAddress int
	// Grace is how long a handshake runs undisturbed when they are scarce; 1 s.
	Grace time.Duration
}

func (l Limits) withDefaults() Limits {
	if l.Timeout == 0 {
		l.Timeout = 10 * time.Second
	}
	if l.Handshakes == 0 {
		l.Handshakes = 1024
	}
	if l.PerAddress == 0 {
		l.PerAddress = max(1, l.Handshakes/4)
	}
	if l.Grace == 0 {
		l.Grace = time.Second
	}
	return l
}

// ErrBusy is why a caller was cut off to make room; see [Limits].
var ErrBusy = errors.New("cut off: too many handshakes at once")

const (
	lingerTime  = 500 * time.Millisecond
	lingerBytes = 64 << 10
)

// Listener accepts connections whose handshake is done and whose caller is
// admitted. Handshakes run beside the accept loop, bounded in time and number,
// so a slow or hostile peer delays nobody:
//
//	TCP accepted -> handshake -> waiting for Accept -> the caller's
//	                   `-> refused: alert, short drain, closed
//
// Accept returns a *tls.Conn, which http.Server.Serve knows: Request.TLS is
// set, and [Caller] gives the hotkey. The server's own limits (header timeout,
// idle timeout) are up to its owner.
type Listener struct {
	inner   net.Listener
	config  *tls.Config
	limits  Limits
	refused func(net.Addr, error)
	exempt  func(netip.Addr) bool // from PerAddress

	slots   chan struct{} // one per handshake, held until it failed or was accepted
	ready   chan net.Conn
	closing chan struct{} // closed by Close
	done    chan struct{} // closed when the accept loop ends, after err is set
	err     error
	wg      sync.WaitGroup

	mu      sync.Mutex // guards the following
	closed  bool
	running list.List // of *attempt, oldest first: handshakes under way
	sources map[netip.Prefix]int
}

type attempt struct {
	conn    net.Conn
	source  netip.Prefix
	started time.Time
	evicted bool
}

// Listen wraps inner, of which it takes ownership, with the configuration of
// [Identity.ServerTLS]. If refused is not nil, it is told of each connection
// that did not come through, from many goroutines at once; the address is the
// caller's, the error wraps a kind of this package, ErrBusy or the network's. It
// must return quickly.
func Listen(inner net.Listener, config *tls.Config, limits Limits, refused func(net.Addr, error)) *Listener {
	if refused == nil {
		refused = func(net.Addr, error) {}
	}
	limits = limits.withDefaults()
	l := &Listener{
		inner: inner, config: config, limits: limits, refused: refused,
		exempt:  netip.Addr.IsLoopback,
		slots:   make(chan struct{}, limits.Handshakes),
		ready:   make(chan net.Conn),
		closing: make(chan struct{}),
		done:    make(chan struct{}),
		sources: map[netip.Prefix]int{},
	}
	l.wg.Go(l.loop)
	return l
}

// Addr returns the address listened on.
func (l *Listener) Addr() net.Addr { return l.inner.Addr() }

// Accept returns the next admitted connection. After Close its error is
// net.ErrClosed.
func (l *Listener) Accept() (net.Conn, error) {
	select {
	case conn := <-l.ready:
		return conn, nil
	case <-l.closing:
		return nil, net.ErrClosed
	case <-l.done:
		select {
		case conn := <-l.ready: // a handshake that outlived the loop
			return conn, nil
		default:
			return nil, l.err
		}
	}
}

// Close stops listening, ends the handshakes under way and returns when their
// goroutines have ended. Connections already accepted live on. It may be
// called again.
func (l *Listener) Close() error {
	l.mu.Lock()
	var err error
	if !l.closed {
		l.closed = true
		close(l.closing)
		err = l.inner.Close()
		for e := l.running.Front(); e != nil; e = e.Next() {
			e.Value.(*attempt).conn.Close()
		}
	}
	l.mu.Unlock()
	l.wg.Wait()
	return err
}

func (l *Listener) loop() {
	defer close(l.done)
	pause := time.Duration(0)
	for {
		conn, err := l.inner.Accept()
		if err != nil {
			var again interface{ Temporary() bool } // such as too many open files
			if !errors.As(err, &again) || !again.Temporary() {
				l.err = fmt.Errorf("accept on %s: %w", l.inner.Addr(), err)
				return
			}
			pause = min(max(2*pause, 5*time.Millisecond), time.Second)
			select {
			case <-time.After(pause):
				continue
			case <-l.closing:
				l.err = net.ErrClosed
				return
			}
		}
		pause = 0
		if !l.start(conn) {
			conn.Close()
		}
	}
}

// start begins conn's handshake as soon as there is room, or reports false.
func (l *Listener) start(conn net.Conn) bool {
	ip, network := source(conn.RemoteAddr())
	a := &attempt{conn: conn, source: network}
	l.mu.Lock()
	crowded := l.sources[a.source] >= l.limits.PerAddress && !l.exempt(ip)
	l.mu.Unlock()
	if crowded {
		l.refused(conn.RemoteAddr(), ErrBusy)
		return false
	}
	if !l.takeSlot() {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		<-l.slots
		return false
	}
	a.started = time.Now()
	element := l.running.PushBack(a)
	l.sources[a.source]++
	l.wg.Go(func() { l.serve(a, element) })
	return true
}

// takeSlot waits for room for one more handshake, making it at the cost of the
// oldest once that has had its grace. It reports false if the listener closes.
func (l *Listener) takeSlot() bool {
	for {
		select {
		case l.slots <- struct{}{}:
			return true
		default:
		}
		timer := time.NewTimer(l.evictOldest())
		select {
		case l.slots <- struct{}{}:
			timer.Stop()
			return true
		case <-l.closing:
			timer.Stop()
			return false
		case <-timer.C:
		}
	}
}

// evictOldest cuts off the oldest handshake if it has had its grace, and
// returns when to look again.
func (l *Listener) evictOldest() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	for e := l.running.Front(); e != nil; e = e.Next() {
		a := e.Value.(*attempt)
		if a.evicted {
			continue // its goroutine is about to free its slot
		}
		if left := l.limits.Grace - time.Since(a.started); left > 0 {
			return left
		}
		a.evicted = true
		a.conn.Close()
		break
	}
	return l.limits.Grace
}

// serve runs one handshake and hands over its connection, holding a slot.
func (l *Listener) serve(a *attempt, element *list.Element) {
	defer func() { <-l.slots }()
	a.conn.SetDeadline(time.Now().Add(l.limits.Timeout))
	conn := tls.Server(a.conn, l.config)
	err := conn.Handshake()
	if err != nil {
		drain(a.conn, err)
	}

	l.mu.Lock()
	l.running.Remove(element)
	if l.sources[a.source]--; l.sources[a.source] == 0 {
		delete(l.sources, a.source)
	}
	evicted, closed := a.evicted, l.closed
	l.mu.Unlock()

	switch {
	case evicted:
		err = ErrBusy
	case err == nil:
		err = a.conn.SetDeadline(time.Time{})
	}
	if err != nil || closed {
		a.conn.Close()
		if !closed {
			l.refused(a.conn.RemoteAddr(), err)
		}
		return
	}
	select {
	case l.ready <- conn:
	case <-l.closing:
		conn.Close()
	}
}

// drain lets a refused caller read the alert that says so. Its first request
// may be on its way already, and closing upon unread data would reset the
// connection and destroy the alert. Nothing drained is looked at.
func drain(conn net.Conn, err error) {
	var network net.Error
	half, ok := conn.(interface{ CloseWrite() error })
	if !ok || errors.Is(err, net.ErrClosed) || errors.As(err, &network) && network.Timeout() {
		return
	}
	if half.CloseWrite() != nil {
		return
	}
	conn.SetReadDeadline(time.Now().Add(lingerTime))
	io.CopyN(io.Discard, conn, lingerBytes)
}

// source returns the caller's IP address and the network that PerAddress counts
// it under. Callers that have no IP address share one.
func source(address net.Addr) (netip.Addr, netip.Prefix) {
	parsed, err := netip.ParseAddrPort(address.String())
	if err != nil {
		return netip.Addr{}, netip.Prefix{}
	}
	ip := parsed.Addr().Unmap().WithZone("")
	bits := 64
	if ip.Is4() {
		bits = 32
	}
	network, err := ip.Prefix(bits)
	if err != nil {
		return ip, netip.Prefix{}
	}
	return ip, network
}
