package gateway

import (
	"context"
	"net"
	"sync"
	"time"
)

// Listener wraps the listener that NewServer's server is to serve, so that
// streams can be detached from the server (see detach.go): what it accepts are
// fresh connections of l, and those that carried a stream and whose customer
// now asks for something else. A server that serves l itself works as well; its
// streams take more memory.
//
// Close closes l and the connections that wait for a request. Streams under
// way go on; they are the Gateway's to stop.
func (g *Gateway) Listener(l net.Listener) net.Listener {
	return &listener{Listener: l, ready: make(chan accepted), done: make(chan struct{}), waiting: map[*conn]struct{}{}}
}

type listener struct {
	net.Listener
	ready chan accepted  // never closed, not buffered
	done  chan struct{}  // closed by Close
	begin sync.Once      // for the goroutine that accepts fresh connections
	ours  sync.WaitGroup // that goroutine, and those of the connections waiting

	mu      sync.Mutex // guards the rest
	waiting map[*conn]struct{}
	closed  bool
}

type accepted struct {
	conn *conn
	err  error
}

// Accept implements net.Listener.
func (l *listener) Accept() (net.Conn, error) {
	l.begin.Do(l.start)
	select {
	case a := <-l.ready:
		if a.err != nil {
			return nil, a.err
		}
		return a.conn, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

// start begins to accept, unless the listener was closed before.
func (l *listener) start() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return
	}
	l.ours.Go(func() {
		for {
			c, err := l.Listener.Accept()
			if !l.offer(accepted{&conn{Conn: c, from: l}, err}) {
				if err == nil {
					c.Close()
				}
				return
			}
		}
	})
}

// offer waits until Accept takes a; false: the listener is closed.
func (l *listener) offer(a accepted) bool {
	select {
	case l.ready <- a:
		return true
	case <-l.done:
		return false
	}
}

// Close implements net.Listener. It returns when nothing waits any more.
func (l *listener) Close() error {
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return net.ErrClosed
	}
	l.closed = true
	close(l.done)
	for c := range l.waiting {
		c.Conn.Close()
	}
	l.mu.Unlock()
	err := l.Listener.Close()
	l.ours.Wait()
	return err
}

// wait takes note of a connection that begins to wait; false: it may not.
func (l *listener) wait(c *conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return false
	}
	l.ours.Add(1)
	l.waiting[c] = struct{}{}
	return true
}

// waited undoes wait.
func (l *listener) waited(c *conn) {
	l.mu.Lock()
	delete(l.waiting, c)
	l.mu.Unlock()
	l.ours.Done()
}

// conn is a customer's connection. The server owns it, or a detached stream, or
// nobody while it waits for a request:
//
//	server ──detach──► watched ──end──► waiting ──a byte──► server
//	   ▲                  │
//	   │                a byte
//	   │                  ▼
//	   └──────end────── ahead
//
// An error while watched ends the stream, and while waiting the connection.
type conn struct {
	net.Conn
	from  *listener
	front []byte // was read already; comes before what Conn has

	mu    sync.Mutex // guards the rest
	state state
	one   [1]byte // what watch reads into; front's memory afterwards

	blanks uint8 // characters of empty lines left out since the last request; the reader's own
}

// mostBlanks is how many characters of empty lines may come after a request's
// body: as many as net/http takes after a POST. Some clients end a body with one
// (RFC 9112, 2.2).
const mostBlanks = 4

// blank says whether b belongs to an empty line before a request, which is left out.
func (c *conn) blank(b byte) bool {
	if b != '\r' && b != '\n' || c.blanks >= mostBlanks {
		return false
	}
	c.blanks++
	return true
}

type state uint8

const (
	watched state = iota // a goroutine reads, to notice that the customer leaves
	ahead                // the next request has begun, in front
	waiting              // as watched, and no stream is under way
	broken               // the customer left
)

// Read implements net.Conn.
func (c *conn) Read(p []byte) (int, error) {
	if len(c.front) == 0 {
		return c.Conn.Read(p)
	}
	n := copy(p, c.front)
	if c.front = c.front[n:]; len(c.front) == 0 {
		c.front = nil
	}
	return n, nil
}

// detached begins a stream's use of a connection that was the server's. unread
// is what the server had read beyond the request. gone is called if the
// customer leaves; like the server, we do not notice it of one whose next
// request has come.
func (c *conn) detached(unread []byte, gone func()) {
	if len(unread) > 0 {
		c.front = append(append(make([]byte, 0, len(unread)+len(c.front)), unread...), c.front...)
	}
	c.blanks = 0
	for len(c.front) > 0 && c.blank(c.front[0]) {
		c.front = c.front[1:]
	}
	if len(c.front) > 0 {
		c.state = ahead
		return
	}
	c.state = watched
	go c.watch(gone)
}

// watch reads a byte: of the next request, which may come long after the stream.
func (c *conn) watch(gone func()) {
	n, _ := c.Conn.Read(c.one[:])
	for n > 0 && c.blank(c.one[0]) { // no request begins with that
		n, _ = c.Conn.Read(c.one[:])
	}
	c.mu.Lock()
	was := c.state
	c.state = broken
	if n > 0 {
		c.state, c.front = ahead, c.one[:]
	}
	c.mu.Unlock()
	switch {
	case was == waiting:
		if n == 0 || !c.from.offer(accepted{conn: c}) {
			c.Conn.Close()
		}
		c.from.waited(c)
	case n == 0:
		gone()
	}
}

// giveBack ends a stream's use: the server gets the connection when its
// customer asks for something else, which it may take a time to do.
func (c *conn) giveBack(idle time.Duration) {
	c.mu.Lock()
	was := c.state
	if was == watched && c.from.wait(c) {
		c.state = waiting
		c.Conn.SetReadDeadline(time.Now().Add(idle)) // under mu: before the server sets its own
		c.mu.Unlock()
		return
	}
	c.mu.Unlock()
	if was != ahead || !c.from.offer(accepted{conn: c}) {
		c.Conn.Close()
	}
}

type connKey struct{}

// connContext is for http.Server: it marks requests on connections that streams
// can be detached from.
func connContext(ctx context.Context, c net.Conn) context.Context {
	if own, ok := c.(*conn); ok {
		return context.WithValue(ctx, connKey{}, own)
	}
	return ctx
}
