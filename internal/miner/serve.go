package miner

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"io"
	"math"
	"net/http"
	"time"

	"vision/internal/fault"
	"vision/internal/hotkey"
	"vision/internal/openai"
	"vision/internal/proto"
	"vision/internal/task"
)

// request is one validator's request on its way through.
type request struct {
	caller  hotkey.ID
	kind    task.Kind
	task    *task.Task
	parsed  task.Request
	payload []byte
	offer   *offer
	hash    [sha256.Size]byte // of what the validator signed
	at      time.Time         // when the request was taken
}

func (m *Miner) capacities(w http.ResponseWriter, r *http.Request) {
	if _, _, err := m.admit(r); err != nil {
		refuse(w, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(m.Declared()) // the caller's connection is all that can fail
}

// admit asks again what the handshake asked: a connection may outlive a registration.
func (m *Miner) admit(r *http.Request) (hotkey.ID, float64, error) {
	caller, err := m.deps.Caller(r)
	if err != nil {
		return caller, 0, fault.Wrap(err, fault.Unauthenticated, "unknown_caller", "the connection names no hotkey")
	}
	share, ok := m.deps.Validators.Share(caller)
	if !ok {
		return caller, 0, fault.New(fault.Forbidden, "not_a_validator", "%s is no validator with enough stake on this network", caller)
	}
	return caller, share, nil
}

// serve answers one request for a task.
func (m *Miner) serve(w http.ResponseWriter, r *http.Request) {
	begun := m.deps.Clock()
	q, units, err := m.handle(w, r)
	result, code := resultOf(err)
	name := ""
	if q.task != nil {
		name = q.task.Name
	}
	m.deps.Log.Info("request", "id", r.Header.Get(proto.RequestIDHeader), "validator", q.caller.Short(), "task", name,
		"result", result, "code", code, "units", units, "bytes", len(q.payload), "took", m.deps.Clock().Sub(begun), "err", logged(err))
	if m.deps.Served != nil {
		if fault.KindOf(err) == fault.RateLimited { // which limit it was is what an operator can change
			result = code
		}
		m.deps.Served(name, result, units)
	}
}

// resultOf is how a request ended: "ok", or the error's kind and, if it has
// one, its code.
func resultOf(err error) (result, code string) {
	if err == nil {
		return "ok", ""
	}
	var e *fault.Error
	if errors.As(err, &e) {
		code = e.Code
	}
	return fault.KindOf(err).String(), code
}

// logged keeps refusals of everyday load out of the error field.
func logged(err error) any {
	if err == nil || fault.KindOf(err) == fault.RateLimited {
		return nil
	}
	return err.Error()
}

func (m *Miner) handle(w http.ResponseWriter, r *http.Request) (q request, units int64, err error) {
	var share float64
	if q.caller, share, err = m.admit(r); err != nil {
		refuse(w, err)
		return q, 0, err
	}
	if err = m.read(w, r, &q); err != nil {
		refuse(w, err)
		return q, 0, err
	}
	o := q.offer
	if o.group != nil && !o.group.tryAcquire() {
		err = busy("gpu_busy", time.Second)
		refuse(w, err)
		return q, 0, err
	}
	if o.group != nil {
		defer o.group.release()
	}
	if !o.slots.tryAcquire() {
		err = busy("task_busy", time.Second)
		refuse(w, err)
		return q, 0, err
	}
	defer o.slots.release()

	// Few answers are as long as they may be: what is usual is reserved, and
	// what was served is settled at the end.
	who, share := account{q.caller, q.task.Name}, math.Floor(float64(o.Units)*share)
	usual := min(q.parsed.Work(), q.task.Typical)
	wait, ok := m.volumes.take(who, usual, share, o.perTime, m.deps.Clock())
	if !ok {
		err = busy("volume_used_up", wait)
		refuse(w, err)
		return q, 0, err
	}
	defer func() { m.volumes.settle(who, usual, units, share) }()
	m.forgetIdle(o.perTime)
	units, err = m.forward(w, r, q)
	return q, units, err
}

// read fills in what is asked.
func (m *Miner) read(w http.ResponseWriter, r *http.Request, q *request) error {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, proto.MaxRequest))
	if err != nil {
		var large *http.MaxBytesError
		if errors.As(err, &large) {
			return fault.New(fault.TooLarge, "body_too_large", "the body is larger than %d bytes", proto.MaxRequest)
		}
		return fault.Wrap(err, fault.Invalid, "unreadable_body", "the body could not be read")
	}
	if q.hash, err = m.signed(r, q.caller, body); err != nil {
		return err
	}
	q.payload, q.at = body, m.deps.Clock()
	var head struct {
		Model string `json:"model"`
	}
	if err := json.Unmarshal(body, &head); err != nil {
		return fault.New(fault.Invalid, "invalid_json", "the body is not a JSON object")
	}
	q.offer = m.offer(head.Model)
	t, known := m.deps.Catalogue.Catalogue().Lookup(head.Model)
	if known {
		q.kind, known = task.KindNamed(t.Kind)
	}
	if q.offer == nil || !known || q.kind.Path() != r.URL.Path {
		return fault.New(fault.NotFound, "model_not_found", "this miner does not serve %q at %s", head.Model, r.URL.Path)
	}
	q.task = t
	if q.parsed, err = q.kind.Parse(body, t); err != nil {
		return err
	}
	if l, ok := q.parsed.(task.Linked); ok && l.Links() != nil {
		return fault.BadParam(l.Links()[0].Param, "miners follow no links: validators send the pictures themselves")
	}
	return nil
}

// forgetIdle drops meters of validators long gone, once a period.
func (m *Miner) forgetIdle(period time.Duration) {
	now := m.deps.Clock()
	m.mu.Lock()
	due := now.Sub(m.pruned) > period
	if due {
		m.pruned = now
	}
	m.mu.Unlock()
	if due {
		m.volumes.prune(now.Add(-2 * period))
	}
}

func busy(code string, wait time.Duration) *fault.Error {
	e := fault.New(fault.RateLimited, code, "this miner is at its limit")
	e.RetryAfter = wait
	return e
}

// refuse answers with an error before any of an answer was sent.
func refuse(w http.ResponseWriter, err error) {
	if after := openai.RetryAfter(err); after != "" {
		w.Header().Set("Retry-After", after)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(openai.StatusOf(fault.KindOf(err)))
	_, _ = w.Write(openai.AppendError(nil, err))
}
