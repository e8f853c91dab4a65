package gateway

import (
	"net/http"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"vision/internal/fault"
	"vision/internal/hotkey"
	"vision/internal/openai"
	"vision/internal/outcome"
	"vision/internal/relay"
	"vision/internal/task"
)

// exchange is one request and its response. One goroutine owns it, the handler's
// or after detach another; it is the relay's Sink as well.
type exchange struct {
	g  *Gateway
	w  http.ResponseWriter
	r  *http.Request
	rc *http.ResponseController

	id      string
	arrived time.Time
	holder  *holder // once authenticated
	bill    bill
	large   int64   // bytes of the request that count against all bodies' memory until it ends
	claim   *claim  // nil: it has no idempotency key
	dialect dialect // nil: the kind's own API
	event   Event
	later   bool // what is left to do is postponed; see detach

	begun    bool      // the response's header is written
	streams  bool      // as a stream of events
	extended time.Time // when the write deadline was last set; zero: never
	broken   bool      // a write failed: the customer is gone
	out      []byte    // room for what we write ourselves

	// The attempt under way. These are large, and are here rather than on the
	// stack, which idle streams hold on to.
	call   relay.Call
	answer relay.Answer
	tried  [maxTries]hotkey.ID
	asked  []hotkey.ID   // of tried, those that have been asked
	asking time.Time     // since when a miner is waited for; zero: none is
	waited time.Duration // for miners, before that
	told   told

	choice   *choice         // nil: it is a request of its own
	entries  []outcome.Entry // of the attempts so far
	refusals int             // of them, those that found fault with the request
}

// ServeHTTP serves every path of the API.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	now := g.Now()
	x := &exchange{g: g, w: w, r: r, rc: http.NewResponseController(w), arrived: now,
		id: outcome.NewID(now, g.Random(), g.Random())}
	x.event.ID = x.id
	w.Header()["X-Request-Id"] = []string{x.id}
	x.attached()
	if x.later {
		x.detach()
	}
}

// attached serves a request in its handler, unless it postpones the rest.
func (x *exchange) attached() {
	stopping, ok := x.g.enter()
	defer func() {
		if !x.later {
			x.g.leave()
		}
	}()
	defer x.end()
	if !ok {
		x.fail(unavailable(stopping))
		return
	}
	if err := x.serve(); err != nil {
		x.fail(err)
	}
}

func unavailable(stopping bool) error {
	e := fault.New(fault.Unavailable, "overloaded", "The server has as many requests under way as it takes. Try again soon.")
	e.RetryAfter = time.Second
	if stopping {
		e.Code, e.Message = "stopping", "The server is being restarted. Try again soon."
	}
	return e
}

// notNow is what a request gets for which our database does not answer in time: nothing is lost by asking again.
func notNow(cause error, code, message string) error {
	e := fault.Wrap(cause, fault.Unavailable, code, "%s", message)
	e.RetryAfter = time.Second
	return e
}

const modelsPath = "/v1/models"

func (x *exchange) serve() error {
	path := x.r.URL.Path
	x.event.Path = path
	if strings.HasPrefix(path, responsesPath+"/") {
		return x.response(strings.TrimPrefix(path, responsesPath+"/"))
	}
	kind, generates := x.g.kinds[path]
	models := path == modelsPath || strings.HasPrefix(path, modelsPath+"/")
	reads := models || path == usagePath && x.g.Books != nil
	switch {
	case !generates && !reads && x.g.Pages != nil && x.g.Pages.Has(path):
		return x.page()
	case !generates && !reads:
		x.event.Path = "" // a stranger's text; not for logs and metrics
		return fault.New(fault.NotFound, "unknown_url", "There is nothing at this path. The API is at %s and %s.",
			modelsPath, strings.Join(x.g.paths(), ", "))
	case generates && x.r.Method != http.MethodPost:
		return x.wrongMethod(http.MethodPost)
	case reads && x.r.Method != http.MethodGet:
		return x.wrongMethod(http.MethodGet)
	}
	if err := x.admit(); err != nil {
		return err
	}
	if path == usagePath {
		return x.usage()
	}
	if models {
		x.event.Path = modelsPath
		return x.models(strings.TrimPrefix(strings.TrimPrefix(path, modelsPath), "/"))
	}
	return x.generate(kind)
}

// paths lists the kinds' paths in the kinds' order.
func (g *Gateway) paths() []string { return append(task.Paths(), responsesPath) }

func (x *exchange) wrongMethod(allowed string) error {
	x.w.Header().Set("Allow", allowed)
	return &statusError{http.StatusMethodNotAllowed, fault.New(fault.Invalid, "method_not_allowed", "Use %s for this path.", allowed)}
}

// admit authenticates the customer and counts the request against its limit.
func (x *exchange) admit() error {
	h, err := x.g.authenticate(x.r, x.arrived)
	if err != nil {
		return err
	}
	x.event.Key = h.key.ID
	x.holder = h
	if h.requests == nil {
		return nil
	}
	s := h.requests.Take(x.arrived)
	header := x.w.Header()
	header["X-Ratelimit-Limit-Requests"] = []string{strconv.FormatInt(s.Limit, 10)}
	header["X-Ratelimit-Remaining-Requests"] = []string{strconv.FormatInt(s.Remaining, 10)}
	header["X-Ratelimit-Reset-Requests"] = []string{span(s.Reset)}
	if s.OK {
		return nil
	}
	e := fault.New(fault.RateLimited, "rate_limit_exceeded", "This API key may send %d requests a minute. Try again in %s.", s.Limit, span(s.Retry))
	e.RetryAfter = s.Retry
	return e
}

// span writes a duration as OpenAI's headers do: "1s", "6m0s", "20ms".
func span(d time.Duration) string {
	if d >= time.Second {
		return d.Round(time.Second / 10).String()
	}
	return max(d, 0).Round(time.Millisecond).String()
}

// generate serves a request for a miner's work.
func (x *exchange) generate(kind task.Kind) error {
	b := x.g.bodies.borrow()
	defer func() { b.giveBack() }()
	if err := b.read(x.r, x.rc, x.arrived, &x.g.Limits); err != nil {
		return err
	}
	x.event.BytesIn = len(b.bytes)
	if err := x.unfold(&b, kind); err != nil {
		return err
	}
	t, kind, err := x.find(b.bytes, kind)
	if err != nil {
		return err
	}
	x.event.Task = t.Name
	if err := x.may(t); err != nil { // before anything is decoded or fetched for it
		return err
	}
	asked, err := x.translate(&b, t)
	if err != nil {
		return x.forgotten(b.bytes, err)
	}
	req, err := x.request(kind, &b, asked, t)
	if err != nil {
		return x.named(err)
	}
	if answered, err := x.once(b.bytes); answered || err != nil {
		return err
	}
	x.large = b.giveBackBytes() // a Request holds nothing of the body it was read from, but is as large
	x.event.Stream = req.Stream()
	if err := x.reserve(t, req); err != nil {
		return err
	}
	if req.Stream() && x.detachable() {
		x.postpone(t, kind, req)
		return nil
	}
	return x.attempts(t, kind, req)
}

// find finds the task that a request names, and its kind, which may be another
// at the same path.
func (x *exchange) find(body []byte, kind task.Kind) (*task.Task, task.Kind, error) {
	name, ok := openai.FindText(body, "model")
	if !ok {
		if _, err := openai.Members(body); err != nil {
			return nil, nil, err
		}
		return nil, nil, fault.BadParam("model", "model is required: a string, the name of a model that %s lists.", modelsPath)
	}
	c := x.g.Catalogue()
	t, ok := c.Lookup(name)
	if !ok {
		return nil, nil, unknownModel(c, name, kind.Name())
	}
	if t.Kind != kind.Name() {
		of, _ := task.KindNamed(t.Kind)
		if of.Path() != kind.Path() {
			return nil, nil, fault.BadParam("model", "The model %q is of the kind %s; send requests for it to %s.", t.Name, t.Kind, of.Path())
		}
		kind = of
	}
	return t, kind, nil
}

// end closes the books of a request, unless the rest is postponed.
func (x *exchange) end() {
	if p := recover(); p != nil {
		x.g.Log.Error("a bug: a request's handler panicked", "id", x.id, "panic", p, "stack", string(debug.Stack()))
		x.later = false
		x.fail(fault.New(fault.Internal, "panic", "%v", p))
	}
	if x.later {
		return
	}
	x.release()
	x.unclaim()
	x.g.bodies.held.Add(-x.large)
	x.large = 0
	x.report()
	if _, detached := x.w.(*wire); detached { // a wire does the rest itself
		return
	}
	if x.event.BytesIn > 0 { // all of the body has come: Stop waits until this is sent, and for no stranger
		x.rc.Flush()
	}
	// For what the server has kept until now; it may wait for the rest of the request's body first.
	x.rc.SetWriteDeadline(time.Now().Add(headTimeout + x.g.Limits.BodyRead + x.g.Limits.Write))
}
