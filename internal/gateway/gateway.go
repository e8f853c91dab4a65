package gateway

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"runtime"
	"slices"
	"sync/atomic"
	"time"

	"vision/internal/apikey"
	"vision/internal/fault"
	"vision/internal/openai/responses"
	"vision/internal/period"
	"vision/internal/relay"
	"vision/internal/task"
)

// Gateway serves the API. Start it, serve it by NewServer and Listener, run
// Serve beside, and Stop it.
type Gateway struct {
	Config
	kinds   map[string]task.Kind // by path, the first of those that share one; the model says which it is
	keys    keyring
	guesses apikey.Guesses
	bodies  bodies
	lanes   lanes
	recent  *responses.Recent // nil: responses are not remembered
	turns   chan struct{}     // one for each body that is large, or may hold pictures, and may be parsed at once
	priced  *task.Catalogue   // whose prices are noted
	started int64             // Unix seconds, for what has to say when a model was made

	periodRead time.Time // when the Board was last set; of the goroutine of Start and then Serve

	active   atomic.Int64  // requests under way
	pages    atomic.Int64  // of them, those for Pages
	draining atomic.Bool   // new requests are refused
	idle     chan struct{} // gets one when active falls to 0 while draining

	base  context.Context // of all requests; its cause tells a stop from a hang-up
	abort context.CancelCauseFunc
}

// New makes a Gateway.
func New(c Config) (*Gateway, error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	g := &Gateway{Config: c.filled(), kinds: map[string]task.Kind{}, idle: make(chan struct{}, 1)}
	for _, k := range slices.Backward(task.Kinds()) {
		g.kinds[k.Path()] = k
	}
	g.kinds[responsesPath] = task.Chat{}
	g.guesses.PerMinute = g.Limits.Guesses
	g.bodies.most = g.Limits.BodyMemory
	g.turns = make(chan struct{}, max(2, runtime.GOMAXPROCS(0)))
	if m := g.Responses.Memory; m > 0 {
		g.recent = responses.NewRecent(m, g.Responses.Keep)
	}
	g.started = g.Now().Unix()
	g.base, g.abort = context.WithCancelCause(context.Background())
	return g, nil
}

// Start reads keys and contenders for the first time. That no period has begun
// yet is no error: until one has, customers are told to come back.
func (g *Gateway) Start(ctx context.Context) error {
	if err := g.readKeys(ctx); err != nil {
		return err
	}
	switch err := g.readPeriod(ctx); {
	case fault.KindOf(err) == fault.NotFound:
		g.Log.Info("no period has begun yet: until one has, customers are told to come back")
		return nil
	case err != nil:
		g.Log.Info("no contenders yet", "err", err)
		return nil
	}
	if g.Past == nil {
		return nil
	}
	if err := g.replay(ctx); err != nil {
		return fmt.Errorf("replay the period's outcomes: %w", err)
	}
	return nil
}

// replay teaches the Board what was seen this period before a restart.
func (g *Gateway) replay(ctx context.Context) error {
	const page = 4096
	p, err := g.Periods.LastPeriod(ctx)
	if err != nil {
		return err
	}
	after, err := g.Past.SeqBefore(ctx, p.Start)
	if err != nil {
		return err
	}
	for {
		list, err := g.Past.OutcomesAfter(ctx, after, page)
		if err != nil {
			return err
		}
		for _, n := range list {
			g.Board.Replay(n.Outcome)
			after = n.Seq
		}
		if len(list) < page {
			return nil
		}
	}
}

// Serve keeps keys and contenders up to date, and what is remembered of responses
// no longer than it is to be, until ctx ends.
func (g *Gateway) Serve(ctx context.Context) error {
	tick := time.NewTicker(g.Every)
	defer tick.Stop()
	keys, periods := reporter{g: g, what: "read API keys"}, reporter{g: g, what: "read contenders"}
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			keys.report(g.readKeys(ctx))
			err := g.readPeriod(ctx)
			if fault.KindOf(err) == fault.NotFound {
				err = nil // none has begun yet, which Start said
			}
			periods.report(err)
			if g.recent != nil {
				g.recent.Expire(g.Now())
			}
		}
	}
}

// reporter logs when something that is done again and again begins to fail,
// fails otherwise, and works again.
type reporter struct {
	g    *Gateway
	what string
	last string
}

func (r *reporter) report(err error) {
	text := ""
	if err != nil {
		text = err.Error()
	}
	switch {
	case text == r.last:
		return
	case text != "":
		r.g.Log.Warn("cannot "+r.what+"; going on with what is known", "err", err)
	default:
		r.g.Log.Info("can " + r.what + " again")
	}
	r.last = text
}

func (g *Gateway) readKeys(ctx context.Context) error {
	keys, err := g.Keys.Keys(ctx)
	if err != nil {
		return fmt.Errorf("read API keys: %w", err)
	}
	var projects []apikey.Project
	alive := 1
	if g.Books != nil {
		if projects, err = g.Books.Projects(ctx); err != nil {
			return fmt.Errorf("read projects: %w", err)
		}
		// What follows writes. Where it cannot, keys are revoked all the same.
		if alive, err = g.serving(ctx); err != nil {
			alive = int(g.keys.alive.Load())
		}
	}
	g.keys.set(keys, projects, alive, g.Purses)
	return err
}

// serving says that this gateway serves, notes its prices, and counts the
// gateways that share the limits.
func (g *Gateway) serving(ctx context.Context) (alive int, err error) {
	now := g.Now()
	if alive, err = g.Books.Beat(ctx, now, now.Add(-3*max(g.Every, time.Second))); err != nil {
		return 0, fmt.Errorf("count the gateways that share the limits: %w", err)
	}
	return alive, g.savePrices(ctx, now)
}

// savePrices notes the prices of a new catalogue.
func (g *Gateway) savePrices(ctx context.Context, now time.Time) error {
	c := g.Catalogue()
	if c == g.priced {
		return nil
	}
	prices := map[string]task.Price{}
	for _, t := range c.Tasks() {
		prices[t.Name] = t.Price
	}
	changes, err := g.Books.SavePrices(ctx, prices, now)
	if err != nil {
		return fmt.Errorf("note prices: %w", err)
	}
	for _, ch := range changes {
		g.Log.Info("a price", "task", ch.Task, "prompt", ch.Price.Prompt, "output", ch.Price.Output)
	}
	g.priced = c
	return nil
}

// readPeriod puts the newest period on the Board, if it is not there yet, and
// now and then again.
func (g *Gateway) readPeriod(ctx context.Context) error {
	p, err := g.Periods.LastPeriod(ctx)
	if err != nil {
		return fmt.Errorf("read the period: %w", err)
	}
	// Contenders join while a period runs, and move.
	if p.ID == g.Board.Period() && g.Now().Sub(g.periodRead) < min(30*time.Second, p.End.Sub(p.Start)/20) {
		return nil
	}
	var contenders []period.Contender
	if contenders, err = g.Periods.Contenders(ctx, p.ID); err != nil {
		return fmt.Errorf("read the contenders of period %d: %w", p.ID, err)
	}
	g.Board.Set(p, contenders)
	g.periodRead = g.Now()
	return nil
}

// enter admits a request, or says false: the gateway is stopping or full.
func (g *Gateway) enter() (stopping, ok bool) {
	n := g.active.Add(1)
	stopping = g.draining.Load()
	return stopping, !stopping && n <= int64(g.Limits.Requests)
}

func (g *Gateway) leave() {
	if g.active.Add(-1) == 0 && g.draining.Load() {
		select {
		case g.idle <- struct{}{}:
		default:
		}
	}
}

// Active is how many requests are under way.
func (g *Gateway) Active() int64 { return g.active.Load() }

// BaseContext is for http.Server: requests whose contexts descend from it are
// cancelled when Stop runs out of time.
func (g *Gateway) BaseContext(net.Listener) context.Context { return g.base }

// Stop refuses new requests and waits for those under way. What is not done
// shortly before ctx's deadline, or when it is cancelled, is cancelled and
// told so. Stop returns when no request is under way, or at ctx's deadline.
func (g *Gateway) Stop(ctx context.Context) error {
	g.draining.Store(true)
	early := ctx
	var late <-chan struct{} // the deadline, if there is one
	if deadline, ok := ctx.Deadline(); ok {
		left := time.Until(deadline)
		var cancel context.CancelFunc
		early, cancel = context.WithTimeout(ctx, left-min(left/5, time.Second))
		defer cancel()
		late = ctx.Done()
	}
	over := early.Done()
	for g.active.Load() > 0 {
		select {
		case <-g.idle:
		case <-over:
			g.abort(relay.ErrShutdown)
			over = nil
		case <-late: // somebody reads nothing; the process need not wait
			g.abort(relay.ErrShutdown)
			return fmt.Errorf("%d requests are still under way: %w", g.active.Load(), ctx.Err())
		}
	}
	g.abort(relay.ErrShutdown)
	return nil
}

const (
	// idleTimeout is how long a connection may wait for its next request.
	idleTimeout = 2 * time.Minute
	// headTimeout is how long a request's header may take.
	headTimeout = 10 * time.Second
)

// NewServer makes an HTTP server for a Gateway. The caller listens, and serves
// what Listener makes of the listener.
func NewServer(g *Gateway) *http.Server {
	return &http.Server{
		Handler:           g,
		BaseContext:       g.BaseContext,
		ConnContext:       connContext,
		ErrorLog:          slog.NewLogLogger(g.Log.Handler(), slog.LevelDebug), // strangers' mistakes
		ReadHeaderTimeout: headTimeout,
		// For bodies that nobody reads, which the server itself waits for before it answers, so that strangers could keep
		// connections for ever. Those that are read, and streams, have deadlines of their own, set by the handler.
		ReadTimeout: headTimeout + g.Limits.BodyRead,
		// For what the server writes itself; the handler extends it.
		WriteTimeout:   g.Limits.Write,
		IdleTimeout:    idleTimeout,
		MaxHeaderBytes: 64 << 10,
	}
}
