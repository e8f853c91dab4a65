package gateway

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// A server that does not let go of the connection serves the stream itself.
func TestServerKeepsTheConnection(t *testing.T) {
	f := newFixture(t, nil, ok(3))
	w := httptest.NewRecorder()
	r := request(streamed)
	f.ServeHTTP(w, r.WithContext(connContext(r.Context(), &conn{})))
	if !strings.HasSuffix(w.Body.String(), done) || f.Active() != 0 || len(f.store.recorded()) != 1 {
		t.Errorf("%d under way, %d recorded: %d %s", f.Active(), len(f.store.recorded()), w.Code, w.Body)
	}
}

// A connection that waits for its next request does not keep the server.
func TestWaitingConnectionsAreClosed(t *testing.T) {
	f := newFixture(t, nil, ok(2))
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := f.Listener(inner).(*listener)
	f.url = "http://" + inner.Addr().String()
	s := NewServer(f.Gateway)
	ended := make(chan error)
	go func() { ended <- s.Serve(l) }()
	stays := dial(t, f)
	stays.say(raw("HTTP/1.1", streamed))
	stays.hears(200, done)
	stop(t, f)
	if n := l.count(); n != 1 {
		t.Errorf("%d connections wait, want 1", n)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := s.Shutdown(ctx); err != nil {
		t.Error(err)
	}
	if err := <-ended; err != http.ErrServerClosed {
		t.Error(err)
	}
	if _, err := stays.in.ReadByte(); err != io.EOF {
		t.Errorf("a waiting connection after the end: %v", err)
	}
	if err := l.Close(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("closed again: %v", err)
	}
	if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("accepting from what is closed: %v", err)
	}
}

// count is how many connections wait.
func (l *listener) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.waiting)
}

// Who leaves while waiting is forgotten.
func TestWaitingLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, nil, ok(1))
		l := f.Listener(&silent{done: make(chan struct{})}).(*listener)
		var theirs [2]net.Conn
		for i := range theirs {
			c := &conn{from: l}
			c.Conn, theirs[i] = net.Pipe()
			c.detached(nil, func() { t.Error("a customer that waits is said to have left") })
			c.giveBack(time.Hour)
		}
		if n := l.count(); n != 2 {
			t.Errorf("%d connections wait, want 2", n)
		}
		theirs[0].Close()
		synctest.Wait()
		if n := l.count(); n != 1 {
			t.Errorf("%d connections wait after one has left, want 1", n)
		}
		l.Close()
		if _, err := theirs[1].Read(make([]byte, 1)); err != io.EOF {
			t.Errorf("a waiting connection after the end: %v", err)
		}
	})
}

// A waiting connection ends when its time is over; then it is not accepted.
func TestWaitingEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, nil, ok(1))
		l := f.Listener(&silent{done: make(chan struct{})}).(*listener)
		ours, theirs := net.Pipe()
		c := &conn{Conn: ours, from: l}
		c.detached(nil, func() { t.Error("a customer that waits is said to have left") })
		c.giveBack(10 * time.Millisecond)
		theirs.SetReadDeadline(time.Now().Add(patience))
		if _, err := theirs.Read(make([]byte, 1)); err != io.EOF {
			t.Error(err)
		}
		l.Close() // waits for the one who watched
	})
}

// silent is a listener to which nobody comes.
type silent struct {
	net.Listener
	done chan struct{}
}

func (s *silent) Accept() (net.Conn, error) { <-s.done; return nil, net.ErrClosed }

func (s *silent) Close() error { close(s.done); return nil }
