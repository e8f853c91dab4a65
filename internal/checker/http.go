package checker

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"time"

	"vision/internal/fault"
	"vision/internal/openai"
	"vision/internal/proto"
)

// ServeHTTP answers POST proto.CheckPath. A verdict is a 200; anything else is
// no verdict: 400 for a sample that cannot be judged at all, 413 for one too
// large, 503 with Retry-After for now, 500 and 504 for our own trouble. Who may
// ask is decided by the transport.
func (c *Checker) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.URL.Path != proto.CheckPath:
		refuse(w, fault.New(fault.NotFound, "not_found", "This is a checking server: use POST %s.", proto.CheckPath))
		return
	case r.Method != http.MethodPost:
		w.Header().Set("Allow", http.MethodPost)
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusMethodNotAllowed)
		_, _ = w.Write(openai.AppendError(nil, fault.New(fault.Invalid, "method_not_allowed", "Use POST.")))
		return
	}
	var req proto.CheckRequest
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, proto.MaxCheck))
	if err := d.Decode(&req); err != nil {
		var large *http.MaxBytesError
		if errors.As(err, &large) {
			refuse(w, fault.New(fault.TooLarge, "too_large", "A check may have at most %d bytes.", large.Limit))
			return
		}
		refuse(w, fault.Wrap(err, fault.Invalid, "invalid_json", "The body is not a check request"))
		return
	}
	res, err := c.Judge(r.Context(), req)
	if err != nil {
		refuse(w, err)
		return
	}
	body, err := json.Marshal(res)
	if err != nil {
		refuse(w, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(body) // a caller who has gone away asks again
}

// statuses are those of our kinds of error; others are 500.
var statuses = map[fault.Kind]int{
	fault.Invalid:     http.StatusBadRequest,
	fault.NotFound:    http.StatusNotFound,
	fault.TooLarge:    http.StatusRequestEntityTooLarge,
	fault.Unavailable: http.StatusServiceUnavailable,
	fault.Canceled:    http.StatusServiceUnavailable,
	fault.Timeout:     http.StatusGatewayTimeout,
}

func refuse(w http.ResponseWriter, err error) {
	status, ok := statuses[fault.KindOf(err)]
	if !ok {
		status = http.StatusInternalServerError
	}
	if status == http.StatusServiceUnavailable || status == http.StatusGatewayTimeout {
		wait := 5 * time.Second
		var e *fault.Error
		if errors.As(err, &e) && e.RetryAfter > 0 {
			wait = e.RetryAfter
		}
		w.Header().Set("Retry-After", strconv.Itoa(int((wait+time.Second-1)/time.Second)))
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(openai.AppendError(nil, err))
}
