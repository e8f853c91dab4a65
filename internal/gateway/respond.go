package gateway

import (
	"errors"
	"net/http"
	"strconv"

	"vision/internal/fault"
	"vision/internal/openai"
)

// statusError is an error whose HTTP status is not the one of its kind.
type statusError struct {
	status int
	err    *fault.Error
}

func (e *statusError) Error() string { return e.err.Error() }

func (e *statusError) Unwrap() error { return e.err }

// fail answers with an error: as a response if none has begun, else as a
// stream's last event.
func (x *exchange) fail(err error) {
	var e *fault.Error
	if !errors.As(err, &e) {
		e = fault.Wrap(err, fault.Internal, "internal_error", "")
	}
	x.event.Code = e.Code
	x.event.Err = err
	x.event.Status = openai.StatusOf(e.Kind)
	var other *statusError
	if errors.As(err, &other) {
		x.event.Status = other.status
	}
	if e.Kind == fault.Canceled || x.broken {
		if !x.begun {
			x.w.Header()["Connection"] = []string{"close"}
			x.w.WriteHeader(http.StatusBadRequest) // to nobody, most probably
		}
		return
	}
	if x.begun {
		if x.dialect != nil {
			x.write(x.dialect.Fail(x.out[:0], e), true)
			return
		}
		x.write(openai.AppendErrorEvent(x.out[:0], e), true)
		return
	}
	h := x.w.Header()
	if after := openai.RetryAfter(e); after != "" {
		h["Retry-After"] = []string{after}
	}
	if e.Code == openai.QuotaCode {
		h["X-Should-Retry"] = []string{"false"} // what the official clients look for
	}
	if x.g.draining.Load() || e.Kind == fault.TooLarge || x.event.Status == http.StatusRequestTimeout {
		h["Connection"] = []string{"close"}
	}
	x.respond(x.event.Status, openai.AppendError(x.out[:0], e))
}

// Header values that many responses share; nobody changes them.
var (
	isJSON   = []string{"application/json"}
	isEvents = []string{"text/event-stream; charset=utf-8"}
	noCache  = []string{"no-cache"}
	noBuffer = []string{"no"}
)

// respond writes a whole response.
func (x *exchange) respond(status int, body []byte) {
	h := x.w.Header()
	x.tellTime()
	h["Content-Type"] = isJSON
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	x.begun = true
	x.extend()
	x.w.WriteHeader(status)
	x.write(body, false)
}

// Events passes a miner's events on. It implements relay.Sink.
func (x *exchange) Events(p []byte) error {
	if x.choice != nil {
		return x.choice.events(x, p)
	}
	x.stream()
	if x.dialect != nil {
		x.out = x.dialect.Events(x.out[:0], p)
		p = x.out
	}
	if x.claim != nil {
		x.claim.note(p)
		if !x.broken {
			x.write(p, true)
		}
		return nil // it goes on without its customer
	}
	return x.write(p, true)
}

// stream begins a stream, if it has not begun.
func (x *exchange) stream() {
	if x.begun {
		return
	}
	x.begun, x.streams = true, true
	if !x.call.Keep { // nobody else is asked any more: see the relay's
		x.call.Payload = nil
	}
	h := x.w.Header()
	x.tellTime()
	h["Content-Type"] = isEvents
	h["Cache-Control"] = noCache
	h["X-Accel-Buffering"] = noBuffer // for a proxy such as nginx
	x.extend()
	x.w.WriteHeader(http.StatusOK)
}

// piece is how much is written before the deadline is looked at again.
const piece = 256 << 10

func (x *exchange) write(p []byte, flush bool) error {
	for len(p) > 0 {
		n := min(len(p), piece)
		x.extend()
		if _, err := x.w.Write(p[:n]); err != nil {
			x.broken = true
			return err
		}
		x.event.BytesOut += int64(n)
		p = p[n:]
	}
	if flush {
		if err := x.rc.Flush(); err != nil {
			x.broken = true
			return err
		}
	}
	return nil
}

// extend moves the write deadline, at most a few times in its length.
func (x *exchange) extend() {
	now := x.g.Now()
	if now.Sub(x.extended) < x.g.Limits.Write/8 {
		return
	}
	x.extended = now
	x.rc.SetWriteDeadline(now.Add(x.g.Limits.Write))
}
