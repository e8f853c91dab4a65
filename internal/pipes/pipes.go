// Package pipes is a network within the process, for tests whose time is their
// own: in a bubble of testing/synctest a goroutine that waits for one of these
// connections waits as for a channel, which it does not for a socket, so that
// clocks move on when nobody has anything left to do, and by nothing else.
//
// Connections are net.Pipe's: deadlines work, and nothing is buffered, so a
// write ends when all of it has been read. A test that needs what sockets hold,
// or what the kernel tells of them, takes loopback.
//
// A Net belongs to the bubble that made it. Nothing is left running by one.
package pipes

import (
	"context"
	"errors"
	"net"
	"sync"
	"syscall"

	"vision/internal/hotkey"
)

// Net is a network of listeners and of those who dial them. Its zero value has
// no listeners. Methods may be called at once.
type Net struct {
	mu        sync.Mutex // guards the rest
	listeners map[string]*listener
}

// Listen opens the next free address of the network; it is of the form
// 127.0.0.1:n. Who closes the listener frees it for nobody else.
func (n *Net) Listen() net.Listener {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.listeners == nil {
		n.listeners = map[string]*listener{}
	}
	l := &listener{
		addr:  &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: len(n.listeners) + 1},
		fresh: make(chan net.Conn), closed: make(chan struct{}),
	}
	n.listeners[l.addr.String()] = l
	return l
}

// Dial is DialContext for those who say whom they expect there; it does not look.
func (n *Net) Dial(ctx context.Context, addr string, _ hotkey.ID) (net.Conn, error) {
	return n.DialContext(ctx, "tcp", addr)
}

// DialContext connects to the listener at addr once that accepts. It fails as
// on a real network if there is none, with syscall.ECONNREFUSED in a
// *net.OpError, and with ctx's error when ctx ends first.
func (n *Net) DialContext(ctx context.Context, _, addr string) (net.Conn, error) {
	failed := func(err error) error { return &net.OpError{Op: "dial", Net: "tcp", Err: err} }
	n.mu.Lock()
	l := n.listeners[addr]
	n.mu.Unlock()
	if l == nil {
		return nil, failed(syscall.ECONNREFUSED)
	}
	near, far := net.Pipe()
	var err error
	select {
	case l.fresh <- conn{far, l.addr}:
		return conn{near, l.addr}, nil
	case <-l.closed:
		err = syscall.ECONNREFUSED
	case <-ctx.Done():
		err = ctx.Err()
	}
	return nil, failed(errors.Join(err, near.Close(), far.Close()))
}

type listener struct {
	addr   *net.TCPAddr
	fresh  chan net.Conn // not buffered, never closed
	closed chan struct{}
	once   sync.Once // for closing
}

// Accept implements net.Listener.
func (l *listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.fresh:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener. Connections that were accepted stay.
func (l *listener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

// Addr implements net.Listener.
func (l *listener) Addr() net.Addr { return l.addr }

// conn is one end, with addresses as on a real network.
type conn struct {
	net.Conn
	at *net.TCPAddr // the listener's; all dial from one port of the same machine
}

func (c conn) LocalAddr() net.Addr  { return c.at }
func (c conn) RemoteAddr() net.Addr { return c.at }
