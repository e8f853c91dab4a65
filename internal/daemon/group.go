package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// Component is one part of a process.
type Component struct {
	Name string
	// Start binds and prepares; it returns once others may rely on the
	// component. It may be nil.
	Start func(ctx context.Context) error
	// Serve runs until its context ends; returning earlier, even with nil, ends
	// the whole group. It may be nil.
	Serve func(ctx context.Context) error
	// Stop refuses new work, waits for what is under way until ctx ends, and
	// frees what Start took. Serve's context is cancelled after it. It may be nil.
	Stop func(ctx context.Context) error
}

// Group runs components together.
type Group struct {
	Log       *slog.Logger
	StopAfter time.Duration // the deadline for stopping all, together; default 5 s

	components []Component
}

// Add appends a component, which may rely on those before it.
func (g *Group) Add(c Component) { g.components = append(g.components, c) }

// errEnded marks a component that ended without being asked to.
var errEnded = errors.New("ended by itself")

// Run starts the components, calls ready (if not nil) when all have started,
// and blocks until ctx ends or a component fails. It returns the first failure,
// or nil after an orderly stop.
func (g *Group) Run(ctx context.Context, ready func()) error {
	serving, failed := context.WithCancelCause(context.WithoutCancel(ctx))
	defer failed(nil)
	var running []running
	var failure error
	for _, c := range g.components {
		if ctx.Err() != nil {
			break
		}
		r, err := g.start(ctx, serving, c, failed)
		if err != nil {
			failure = fmt.Errorf("start %s: %w", c.Name, err)
			break
		}
		running = append(running, r)
	}
	if failure == nil && ctx.Err() == nil {
		if ready != nil {
			ready()
		}
		select {
		case <-ctx.Done():
		case <-serving.Done():
			failure = context.Cause(serving)
		}
	}
	return errors.Join(failure, g.stop(ctx, running))
}

// running is a component that was started.
type running struct {
	Component
	cancel context.CancelFunc
	served *sync.WaitGroup
}

func (g *Group) start(ctx, serving context.Context, c Component, failed context.CancelCauseFunc) (running, error) {
	r := running{Component: c, cancel: func() {}, served: &sync.WaitGroup{}}
	if c.Start != nil {
		if err := c.Start(ctx); err != nil {
			return r, err
		}
	}
	if c.Serve != nil {
		var own context.Context
		own, r.cancel = context.WithCancel(serving)
		r.served.Go(func() {
			err := c.Serve(own)
			if own.Err() != nil {
				return // it was asked to end
			}
			if err == nil {
				err = errEnded
			}
			failed(fmt.Errorf("%s: %w", c.Name, err))
		})
	}
	return r, nil
}

// lastMoment is how long a component that is only asked to end once the deadline
// has passed may take without being called stuck.
const lastMoment = 50 * time.Millisecond

// overdue is closed a moment after ctx ends.
func overdue(ctx context.Context) <-chan struct{} {
	over := make(chan struct{})
	context.AfterFunc(ctx, func() { time.AfterFunc(lastMoment, func() { close(over) }) })
	return over
}

// stop ends components in the reverse order of their start.
func (g *Group) stop(ctx context.Context, started []running) error {
	limit := g.StopAfter
	if limit == 0 {
		limit = 5 * time.Second
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), limit)
	defer cancel()
	var errs []error
	for i := len(started) - 1; i >= 0; i-- {
		c := started[i]
		begun := time.Now()
		if c.Stop != nil {
			if err := c.Stop(ctx); err != nil {
				errs = append(errs, fmt.Errorf("stop %s: %w", c.Name, err))
			}
		}
		c.cancel()
		ended := make(chan struct{})
		go func() { c.served.Wait(); close(ended) }()
		select {
		case <-ended:
		case <-overdue(ctx):
			errs = append(errs, fmt.Errorf("stop %s: still running after %v", c.Name, limit))
		}
		if g.Log != nil {
			g.Log.Debug("stopped", "component", c.Name, "took", time.Since(begun))
		}
	}
	return errors.Join(errs...)
}
