package sibling

import (
	"context"
	"encoding/gob"
	"fmt"
	"log/slog"
	"net"
	"sync/atomic"
	"time"

	"vision/internal/dispatch"
)

// Source tells what changes; *dispatch.Board is one.
type Source interface {
	Follow() (wake <-chan struct{}, stop func())
	Changed(list []dispatch.Under) []dispatch.Under
}

// Spoke is a gateway's end. Make it with NewSpoke and Serve it once.
type Spoke struct {
	path   string
	board  Source
	called func(Call) (over func())
	log    *slog.Logger

	linked atomic.Bool
}

// NewSpoke makes one that dials a path. called is told that a beacon is called, and what it gives that it is over.
func NewSpoke(path string, board Source, called func(Call) (over func()), log *slog.Logger) *Spoke {
	return &Spoke{path: path, board: board, called: called, log: log.With("component", "siblings")}
}

// Linked says whether the scorer hears of this process's customers.
func (s *Spoke) Linked() bool { return s.linked.Load() }

const (
	// redial is how often a hub is looked for, but after links that ended at once, as where the two do not understand one another:
	// then ever more rarely, down to every rarely.
	redial = 250 * time.Millisecond
	rarely = 30 * time.Second
	atOnce = 10 * time.Second
	// patience is how long a message may take to be taken.
	patience = time.Second
)

// Serve links to the hub, again and again, until ctx ends.
func (s *Spoke) Serve(ctx context.Context) error {
	said := false
	for wait := redial; ; {
		began := time.Now()
		linked, err := s.link(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if linked || !said {
			s.log.Info("no scorer hears of customers' requests here for now: its beacons do not give way to them", "err", err)
			said = true
		}
		wait = after(wait, linked, time.Since(began))
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return nil
		}
	}
}

// after is how long to wait before a hub is looked for again, if before it was wait, after a link that lasted for so long, or none.
func after(wait time.Duration, linked bool, lasted time.Duration) time.Duration {
	if linked && lasted < atOnce {
		return min(2*wait, rarely)
	}
	return redial
}

// link holds one connection, and says whether there was any and why it ended.
func (s *Spoke) link(ctx context.Context) (linked bool, err error) {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "unix", s.path)
	if err != nil {
		return false, fmt.Errorf("reach the scorer: %w", err)
	}
	within, cancel := context.WithCancelCause(ctx)
	heard := make(chan struct{})
	go func() {
		defer close(heard)
		cancel(s.hear(conn))
	}()
	defer func() {
		conn.Close()
		<-heard
		cancel(nil)
	}()
	wake, stop := s.board.Follow()
	defer stop()
	to := gob.NewEncoder(conn)
	s.linked.Store(true)
	defer s.linked.Store(false)
	s.log.Info("the scorer hears of customers' requests here")
	var list []dispatch.Under
	for {
		select {
		case <-wake:
		case <-within.Done():
			return true, context.Cause(within)
		}
		if list = s.board.Changed(list[:0]); len(list) == 0 {
			continue
		}
		conn.SetWriteDeadline(time.Now().Add(patience))
		if err := to.Encode(loadsOf(list)); err != nil {
			return true, fmt.Errorf("tell the scorer: %w", err)
		}
	}
}

// hear takes what the hub tells until the connection ends.
func (s *Spoke) hear(conn net.Conn) error {
	over := func() {}
	defer func() { over() }()
	from := gob.NewDecoder(conn)
	for {
		var m called
		if err := from.Decode(&m); err != nil {
			return fmt.Errorf("hear the scorer: %w", err)
		}
		before := over
		over = func() {}
		if m.On {
			over = s.called(m.Call)
		}
		before()
	}
}
