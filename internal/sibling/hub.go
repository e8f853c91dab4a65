package sibling

import (
	"context"
	"encoding/gob"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"vision/internal/hotkey"
)

// Counter is told of customers' requests that other processes have under way; *dispatch.Board is one.
type Counter interface {
	Elsewhere(task string, miner hotkey.ID, more int64, now time.Time)
}

// Hub is the scorer's end. Make it with NewHub, Start it, Serve it once, and Stop it.
type Hub struct {
	path  string
	board Counter
	log   *slog.Logger

	listener net.Listener // nil: it could not listen
	spokes   sync.WaitGroup

	mu      sync.Mutex // guards the rest
	links   map[*link]bool
	stopped bool
	now     called // what was told last
	calls   int    // beacons called so far
}

// link is one spoke's connection.
type link struct {
	conn net.Conn
	tell chan called // to be told next; one that does not keep up is dropped
}

// NewHub makes one that listens at a path.
func NewHub(path string, board Counter, log *slog.Logger) *Hub {
	return &Hub{path: path, board: board, log: log.With("component", "siblings"), links: map[*link]bool{}}
}

// Start begins to listen. Where it cannot, it says so, and there is no link: the scorer does without.
func (h *Hub) Start(context.Context) error {
	l, err := h.listen()
	if err != nil {
		h.log.Warn("gateways in processes of their own cannot be heard: beacons do not give way to their customers", "err", err)
		return nil
	}
	h.listener = l
	return nil
}

// longestPath is how long the name of a socket may be on every system.
const longestPath = 103

func (h *Hub) listen() (net.Listener, error) {
	if len(h.path) > longestPath {
		return nil, fmt.Errorf("the name %s has %d bytes, more than the %d of a socket: choose a shorter data folder", h.path, len(h.path), longestPath)
	}
	folder := filepath.Dir(h.path)
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, err
	}
	if err := os.Chmod(folder, 0o700); err != nil { // nobody else gets as far as the socket
		return nil, err
	}
	if other, err := net.Dial("unix", h.path); err == nil {
		other.Close()
		return nil, fmt.Errorf("another scorer listens at %s", h.path)
	}
	if err := os.Remove(h.path); err != nil && !errors.Is(err, os.ErrNotExist) { // of a process that was killed
		return nil, err
	}
	return net.Listen("unix", h.path)
}

// Serve takes connections until Stop.
func (h *Hub) Serve(ctx context.Context) error {
	if h.listener == nil {
		<-ctx.Done()
		return nil
	}
	for {
		conn, err := h.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return nil
		}
		if err != nil {
			h.log.Warn("cannot take a gateway's connection", "err", err)
			select {
			case <-time.After(time.Second):
				continue
			case <-ctx.Done():
				return nil
			}
		}
		l := &link{conn: conn, tell: make(chan called, 16)}
		if !h.add(l) {
			conn.Close()
			return nil
		}
	}
}

// add takes a link in, serves it, and has it told of a beacon that is called just now; false means that the hub has stopped.
func (h *Hub) add(l *link) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.stopped {
		return false
	}
	h.links[l] = true
	if h.now.On {
		l.tell <- h.now
	}
	h.spokes.Go(func() { h.hear(l) }) // with mu held: Stop waits for what began before it
	h.spokes.Go(l.say)
	h.log.Info("a gateway in a process of its own is linked", "gateways", len(h.links))
	return true
}

// drop ends a link, once.
func (h *Hub) drop(l *link) {
	l.conn.Close()
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.links[l] {
		delete(h.links, l)
		close(l.tell)
		h.log.Info("a gateway's link has ended", "gateways", len(h.links))
	}
}

// hear counts what a spoke tells until its connection ends, and then takes off all that it told.
func (h *Hub) hear(l *link) {
	defer h.drop(l)
	type pair struct {
		task  string
		miner hotkey.ID
	}
	under := map[pair]int64{}
	defer func() {
		now := time.Now()
		for p, n := range under {
			h.board.Elsewhere(p.task, p.miner, -n, now)
		}
	}()
	from := gob.NewDecoder(l.conn)
	var m loads
	for {
		if err := m.read(from); err != nil {
			return
		}
		now := time.Now()
		for i := range m.List {
			p := pair{m.List[i].Task, hotkey.ID(m.List[i].Miner)}
			n := m.List[i].N
			if more := n - under[p]; more != 0 {
				h.board.Elsewhere(p.task, p.miner, more, now)
			}
			if under[p] = n; n == 0 {
				delete(under, p)
			}
		}
	}
}

// say tells a spoke what there is to tell until the link ends.
func (l *link) say() {
	to := gob.NewEncoder(l.conn)
	for m := range l.tell {
		l.conn.SetWriteDeadline(time.Now().Add(time.Second))
		if err := to.Encode(m); err != nil {
			l.conn.Close() // so hear ends
		}
	}
}

// Called tells all spokes that a beacon is called, until over is called. Of several at a time the newest counts.
func (h *Hub) Called(c Call) (over func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.calls++
	call := h.calls
	h.tell(called{On: true, Call: c})
	return func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		if h.calls == call {
			h.tell(called{})
		}
	}
}

// tell is called with mu held.
func (h *Hub) tell(m called) {
	h.now = m
	for l := range h.links {
		select {
		case l.tell <- m:
		default: // it has not read for several beacons: it may dial again
			l.conn.Close()
		}
	}
}

// Linked is how many gateways in processes of their own are heard.
func (h *Hub) Linked() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.links)
}

// Stop ends listening and all links.
func (h *Hub) Stop(context.Context) error {
	h.mu.Lock()
	h.stopped = true
	links := make([]*link, 0, len(h.links))
	for l := range h.links {
		links = append(links, l)
	}
	h.mu.Unlock()
	var err error
	if h.listener != nil {
		if err = h.listener.Close(); errors.Is(err, net.ErrClosed) {
			err = nil
		}
	}
	for _, l := range links {
		l.conn.Close()
	}
	h.spokes.Wait()
	return err
}
