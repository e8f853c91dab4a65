package checker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"vision/internal/checker/calibration"
	"vision/internal/checker/evidence"
	"vision/internal/checker/likeness"
	"vision/internal/fault"
	"vision/internal/outcome"
	"vision/internal/proto"
	"vision/internal/task"
)

// Deps is what a checker needs of others.
type Deps struct {
	// Client reaches reference servers; a plain one if nil.
	Client *http.Client
	// Secret reads the secret that a file holds. Needed if a key_file is configured.
	Secret func(file string) (string, error)
	// Calibration reads the calibration that a file holds, and makes sure of who
	// signed it. Needed if one is configured.
	Calibration func(file string) (*calibration.File, error)
	// Salt picks, in a way that miners cannot foresee, which vectors of a long
	// answer are made again. It should be random and kept secret.
	Salt []byte
	// Log is told of our own failures; nil is allowed.
	Log *slog.Logger
}

// Checker is the role. Its methods may be called at once from anywhere.
type Checker struct {
	config     Config
	deps       Deps
	references []*slotted
	eyes       *eyes
	turns      chan struct{} // one for each check that runs
	queue      chan struct{} // one for each check that runs or waits

	copies *copies // what miners wrote before

	mu   sync.Mutex
	told map[string]bool // guarded by mu: what people have been told of, by task
}

// slotted is a reference with a bound on what is asked of it at once.
type slotted struct {
	Reference
	config ReferenceConfig
	name   string // for people: engine and model, numbered if several are alike
	slots  chan struct{}
	others []Reference     // what a cheat may run
	bounds evidence.Bounds // conservative
	alike  likeness.Bounds // the same of pictures and vectors

	calibration   *calibration.File // nil without one
	measured      evidence.Bounds   // its bounds
	measuredAlike likeness.Bounds
}

// New makes a checker. It talks to nobody yet.
func New(config Config, deps Deps) (*Checker, error) {
	var mistakes []string
	config.Check(func(field, format string, args ...any) {
		mistakes = append(mistakes, field+" "+fmt.Sprintf(format, args...))
	})
	if len(mistakes) > 0 {
		return nil, fmt.Errorf("checker configuration: %s", strings.Join(mistakes, "; "))
	}
	if deps.Client == nil {
		deps.Client = &http.Client{}
	}
	if deps.Log == nil {
		deps.Log = slog.New(slog.DiscardHandler)
	}
	c := &Checker{
		copies: newCopies(),
		told:   map[string]bool{},
		config: config,
		deps:   deps,
		turns:  make(chan struct{}, config.Concurrency),
		queue:  make(chan struct{}, config.Concurrency+config.Queue),
	}
	var err error
	if c.eyes, err = openEyes(config, deps); err != nil {
		return nil, err
	}
	for i, rc := range config.References {
		e, _ := engineNamed(rc.Engine)
		if rc.Model == "" {
			rc.Model = rc.Serves
		}
		ref, err := e.open(rc, deps)
		if err != nil {
			return nil, fmt.Errorf("open references[%d]: %w", i, err)
		}
		one := &slotted{Reference: ref, config: rc, name: c.name(rc), slots: make(chan struct{}, rc.Slots), bounds: evidence.Bounds{Noise: ref.Proves().Noise}}
		if rc.Calibration != "" {
			if err := one.calibrate(rc, deps); err != nil {
				return nil, fmt.Errorf("references[%d].calibration: %w", i, err)
			}
		}
		if one.others, err = openAlternatives(e, rc, deps); err != nil {
			return nil, fmt.Errorf("references[%d].alternatives: %w", i, err)
		}
		c.references = append(c.references, one)
	}
	return c, nil
}

// name is what the next reference is called.
func (c *Checker) name(r ReferenceConfig) string {
	name, alike := r.Engine+" "+r.Model, 1
	for _, other := range c.references {
		if other.config.Engine == r.Engine && other.config.Model == r.Model {
			alike++
		}
	}
	if alike > 1 {
		name += fmt.Sprintf(" #%d", alike)
	}
	return name
}

var errUnable = errors.New("checker: the reference cannot prove this")

// notCheckable is the error for a sample that no reference here can judge, now
// or later.
func notCheckable(format string, args ...any) error {
	return fault.New(fault.Invalid, "not_checkable", "This answer cannot be checked: "+format+".", args...)
}

// Judge judges one sample. Its errors are of kind Invalid (this sample cannot
// be judged, or nothing here judges its task: asking again is of no use), Unavailable (later it may), Canceled,
// Timeout or Internal; none of them says anything about the miner.
//
// Where one reference cannot judge a sample, the next that matches its task is asked.
func (c *Checker) Judge(ctx context.Context, req proto.CheckRequest) (res proto.CheckResponse, err error) {
	for range max(1, len(c.able(&req.Task))) {
		res, err = c.judge(ctx, req)
		var f *fault.Error
		if !errors.As(err, &f) || f.Code != "not_checkable" {
			break
		}
		req.Turn++
	}
	return res, err
}

// judge has the reference judge whose turn it is.
func (c *Checker) judge(ctx context.Context, req proto.CheckRequest) (res proto.CheckResponse, err error) {
	err = c.turn(ctx, &req, func(ctx context.Context, ref *slotted, s *sample) error {
		v, err := judges[s.kind.Evidence()](ctx, ref.Reference, s)
		if err == nil {
			res, err = v.response(s.outcome)
			p := ref.Proves()
			res.Reference, res.Weak = ref.name, s.kind.Evidence() == task.Tokens && (p.Redraw || p.Replay) && p.Engine != "" && !sameSampler(p, s)
		}
		return err
	})
	return res, err
}

// Measure tells what the reference thinks of an answer, unweighed: for
// calibrations and evaluations. It is for answers of tokens; errors are as Judge's.
func (c *Checker) Measure(ctx context.Context, req proto.CheckRequest) (r *evidence.Response, err error) {
	err = c.turn(ctx, &req, func(ctx context.Context, ref *slotted, s *sample) error {
		if s.kind.Evidence() != task.Tokens {
			return notCheckable("it is not made of tokens")
		}
		a, err := assess(ctx, ref.Reference, s)
		if err == nil {
			r = &a.Response
		}
		return err
	})
	return r, err
}

// Bounds are what Judge weighs answers of a task by.
func (c *Checker) Bounds(t *task.Task) (evidence.Bounds, error) {
	ref, _, err := c.find(t, 0)
	if err != nil {
		return evidence.Bounds{}, err
	}
	return *c.boundsOf(ref, t), nil
}

// MeasureLikeness is Measure for answers of pictures and vectors. An answer that no
// honest server gives is an error.
func (c *Checker) MeasureLikeness(ctx context.Context, req proto.CheckRequest) (r *likeness.Response, err error) {
	err = c.turn(ctx, &req, func(ctx context.Context, ref *slotted, s *sample) error {
		var guilt *verdict
		var err error
		switch s.kind.Evidence() {
		case task.Image:
			var v *view
			if v, guilt, err = compareImages(ctx, ref.Reference, s); v != nil {
				r = &v.found
			}
		case task.Vector:
			var v *vectorView
			if v, guilt, err = compareVectors(ctx, ref.Reference, s); v != nil {
				r = &v.found
			}
		default:
			return notCheckable("it is made of tokens")
		}
		if guilt != nil {
			return fault.New(fault.Invalid, "guilty", "No honest server gives this answer (%s): %s.", guilt.test, guilt.detail)
		}
		return err
	})
	return r, err
}

// Alike are what Judge weighs pictures and vectors of a task by.
func (c *Checker) Alike(t *task.Task) (likeness.Bounds, error) {
	ref, _, err := c.find(t, 0)
	if err != nil {
		return likeness.Bounds{}, err
	}
	return *c.alikeOf(ref, t), nil
}

// turn does something with a sample and the reference for it when it is its
// turn, and gives errors their kind.
func (c *Checker) turn(ctx context.Context, req *proto.CheckRequest, do func(context.Context, *slotted, *sample) error) (err error) {
	select {
	case c.queue <- struct{}{}:
		defer func() { <-c.queue }()
	default:
		busy := fault.New(fault.Unavailable, "busy", "The checker is busy: try again in a moment.")
		busy.RetryAfter = time.Second
		return busy
	}
	caller := ctx
	ctx, cancel := context.WithTimeout(ctx, c.config.Timeout)
	defer cancel()
	defer func() {
		if err != nil {
			err = c.explain(caller, err)
		}
	}()
	ref, kind, err := c.find(&req.Task, req.Turn)
	if err != nil {
		return err
	}
	// The reference first: waiting for a slow one must take no turn from others.
	if err := acquire(ctx, ref.slots); err != nil {
		return err
	}
	defer func() { <-ref.slots }()
	if err := acquire(ctx, c.turns); err != nil {
		return err
	}
	defer func() { <-c.turns }()
	defer func() {
		if p := recover(); p != nil {
			c.deps.Log.Error("panic while checking", "sample", req.Sample.ID, "task", req.Task.Name,
				"panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			err = fault.New(fault.Internal, "panic", "The checker failed")
		}
	}()
	var others []Reference
	if req.Turn > 0 { // the miner is watched, or its answer failed
		others = ref.others
	}
	return do(ctx, ref, &sample{kind: kind, others: others, copies: c.copies, task: &req.Task, spec: req.Spec, salt: c.deps.Salt, bounds: c.boundsOf(ref, &req.Task), alike: c.alikeOf(ref, &req.Task), eyes: c.eyes,
		outcome: &req.Sample.Outcome, id: req.Sample.ID, request: req.Sample.Request, response: req.Sample.Response})
}

func acquire(ctx context.Context, slots chan struct{}) error {
	select {
	case slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// find gives the reference that judges a task: of those that do, in the order of
// the configuration, the one whose turn it is.
func (c *Checker) find(t *task.Task, turn int) (*slotted, task.Kind, error) {
	kind, ok := task.KindNamed(t.Kind)
	if !ok || judges[kind.Evidence()] == nil {
		return nil, nil, c.unserved(t, "unknown_kind", "This checker does not know the kind %q: it may be older than the validator", t.Kind)
	}
	if able := c.able(t); len(able) > 0 {
		return able[max(turn, 0)%len(able)], kind, nil
	}
	return nil, nil, c.unserved(t, "no_reference", "No reference judges the task %q (model %q): add one to references", t.Name, t.Model.Name)
}

// able are the references that match a task, in their order.
func (c *Checker) able(t *task.Task) (list []*slotted) {
	for _, r := range c.references {
		if r.config.Judges(t.Name, t.Model.Name) {
			list = append(list, r)
		}
	}
	return list
}

// unserved is the error for a task that nothing here judges. Its samples are
// dropped at once: kept, they would only crowd out those that can be judged.
// People are told once a task.
func (c *Checker) unserved(t *task.Task, code, format string, args ...any) error {
	err := fault.New(fault.Invalid, code, format+".", args...)
	if c.first(t.Name) {
		c.deps.Log.Warn("answers of a task cannot be checked and are dropped", "task", t.Name, "err", err)
	}
	return err
}

// first says whether people have not been told of something yet.
func (c *Checker) first(what string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	told := c.told[what]
	if len(c.told) < 1024 { // as many tasks as a catalogue may hope to have
		c.told[what] = true
	}
	return !told
}

// explain gives an error its kind, so that a caller can tell what to do.
func (c *Checker) explain(caller context.Context, err error) error {
	var e *fault.Error
	switch {
	case errors.Is(caller.Err(), context.Canceled):
		return fault.Wrap(err, fault.Canceled, "canceled", "The caller went away")
	case errors.As(err, &e):
	case errors.Is(err, context.DeadlineExceeded):
		err = fault.Wrap(err, fault.Timeout, "timeout", "The check took longer than %v", c.config.Timeout)
	default:
		err = fault.Wrap(err, fault.Internal, "internal", "The check failed")
	}
	if k := fault.KindOf(err); k != fault.Invalid {
		c.deps.Log.Warn("no verdict", "kind", k.String(), "err", err)
	}
	return err
}

// sample is what a judge is given. Request and response are a stranger's bytes.
type sample struct {
	kind     task.Kind
	task     *task.Task
	spec     proto.Spec
	outcome  *outcome.Outcome
	id       int64
	request  []byte
	response []byte
	salt     []byte
	bounds   *evidence.Bounds
	others   []Reference // what a cheat may run; to be asked if there are any
	copies   *copies
	alike    *likeness.Bounds
	eyes     *eyes
}

// response makes a verdict fit to be sent. A number that is none is our own
// mistake, not the miner's.
func (v verdict) response(o *outcome.Outcome) (proto.CheckResponse, error) {
	if math.IsNaN(v.quality) || math.IsNaN(v.e) || v.e < 0 {
		return proto.CheckResponse{}, fmt.Errorf("test %s gave quality %v and evidence %v", v.test, v.quality, v.e)
	}
	return proto.CheckResponse{
		Quality: min(1, max(0, v.quality)),
		Work:    max(0, min(v.work, o.Work)),
		Test:    v.test,
		Detail:  v.detail,
		E:       min(v.e, 1e300),
		Copy:    v.copy,
	}, nil
}

// guilty is the verdict on an answer that is wrong in a way no honest server is.
func guilty(test, format string, args ...any) verdict {
	return verdict{test: test, detail: fmt.Sprintf(format, args...), e: 1e300}
}
