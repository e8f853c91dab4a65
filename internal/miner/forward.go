package miner

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"vision/internal/fault"
	"vision/internal/openai"
	"vision/internal/proto"
)

// forward asks the model server and passes its answer on. It gives the units
// served and why it failed, if it did.
func (m *Miner) forward(w http.ResponseWriter, r *http.Request, q request) (int64, error) {
	body, contentType, err := translate(q.offer.engine, q.kind, q.payload, q.offer.Model)
	if err != nil {
		err = fault.Wrap(err, fault.Internal, "", "write the request for the model server")
		refuse(w, err)
		return 0, err
	}
	ctx, cancel := context.WithTimeout(r.Context(), q.task.Timeouts.Total)
	defer cancel()
	target := strings.TrimSuffix(q.offer.server.URL, "/") + q.kind.Path()
	out, err := http.NewRequestWithContext(ctx, http.MethodPost, target, bytes.NewReader(body))
	if err != nil {
		err = fault.Wrap(err, fault.Internal, "", "address the model server")
		refuse(w, err)
		return 0, err
	}
	out.Header.Set("Content-Type", contentType)
	// Asked anew if the server closes an idle connection meanwhile, as llama-server
	// soon does. The header itself is not sent.
	out.Header["Idempotency-Key"] = nil
	if q.offer.key != "" {
		out.Header.Set("Authorization", "Bearer "+q.offer.key)
	}
	answer, err := m.client.Do(out)
	if err != nil {
		err = serverFault(r.Context(), err)
		refuse(w, err)
		return 0, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		err = statusFault(answer)
		refuse(w, err)
		return 0, err
	}
	if q.parsed.Stream() {
		return m.stream(w, r, q, answer.Body)
	}
	return m.whole(w, r, q, answer.Body)
}

// whole passes on an answer that comes at once.
func (m *Miner) whole(w http.ResponseWriter, r *http.Request, q request, body io.Reader) (int64, error) {
	answer, err := io.ReadAll(io.LimitReader(body, proto.MaxResponse+1))
	switch {
	case err != nil:
		err = serverFault(r.Context(), err)
	case len(answer) > proto.MaxResponse:
		err = fault.New(fault.Upstream, "answer_too_large", "the model server's answer is larger than %d bytes", proto.MaxResponse)
	}
	if err != nil {
		refuse(w, err)
		return 0, err
	}
	work, err := q.kind.Count(answer, q.parsed)
	if err != nil {
		refuse(w, err)
		return 0, err
	}
	if m.answers.signs(m.deps.Signatures) {
		if value := m.answers.sign(m.deps.Signatures, r, &q, sha256.Sum256(answer), m.deps.Clock()); value != "" {
			w.Header().Set(proto.AnswerHeader, value)
		}
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(answer)))
	if _, err := w.Write(answer); err != nil {
		return work.Units, fault.Wrap(err, fault.Canceled, "caller_gone", "the validator went away")
	}
	return work.Units, nil
}

// readSize is how much is read from a model server at once, in bytes.
const readSize = 16 << 10

// stream passes events on as they come. An answer that breaks off or is
// malformed ends in a broken connection, which the validator sees for what it is.
func (m *Miner) stream(w http.ResponseWriter, r *http.Request, q request, body io.Reader) (int64, error) {
	events := openai.NewStream(openai.Options{
		Limit: proto.MaxEvent, Model: q.task.Name, TokenIDs: true,
		Max: openai.Bounds{Completion: q.parsed.Work()},
	})
	control := http.NewResponseController(w)
	w.Header().Set("Content-Type", "text/event-stream")
	in, out := make([]byte, readSize), make([]byte, 0, readSize)
	var sum hash.Hash // of what is sent
	if m.answers.signs(m.deps.Signatures) {
		sum = sha256.New()
	}
	for {
		n, readErr := body.Read(in)
		var feedErr error
		out, feedErr = events.Feed(out[:0], in[:n])
		ended := readErr != nil || feedErr != nil
		var broken error
		if ended {
			if broken = brokenStream(r.Context(), events, readErr, feedErr); broken == nil {
				out = openai.AppendDone(out)
			}
		}
		if broken != nil && !events.Started() {
			w.Header().Del("Content-Type")
			refuse(w, broken)
			return 0, broken
		}
		if len(out) > 0 {
			if _, err := w.Write(out); err != nil {
				return events.Tally().Completion, fault.Wrap(err, fault.Canceled, "caller_gone", "the validator went away")
			}
			if err := control.Flush(); err != nil {
				return events.Tally().Completion, fault.Wrap(err, fault.Canceled, "caller_gone", "the validator went away")
			}
		}
		if broken != nil {
			_, _ = w.Write(openai.AppendErrorEvent(nil, broken))
		}
		if sum != nil {
			sum.Write(out)
		}
		if ended && broken == nil && sum != nil { // after the last event, which does not wait for it
			if value := m.answers.sign(m.deps.Signatures, r, &q, [sha256.Size]byte(sum.Sum(nil)), m.deps.Clock()); value != "" {
				w.Header().Set(http.TrailerPrefix+proto.AnswerHeader, value)
			}
		}
		if ended {
			return events.Tally().Completion, broken
		}
	}
}

// brokenStream says what was wrong with a stream that has ended, if anything was.
func brokenStream(ctx context.Context, events *openai.Stream, readErr, feedErr error) error {
	switch {
	case feedErr != nil:
		return feedErr
	case readErr != io.EOF:
		return serverFault(ctx, readErr)
	}
	return events.End()
}

// serverFault gives a failure to talk with the model server its kind.
func serverFault(caller context.Context, err error) error {
	switch {
	case caller.Err() != nil:
		return fault.Wrap(err, fault.Canceled, "caller_gone", "the validator went away")
	case errors.Is(err, context.DeadlineExceeded):
		return fault.Wrap(err, fault.Timeout, "model_server_slow", "the model server did not answer in time")
	}
	return fault.Wrap(err, fault.Unavailable, "model_server_down", "the model server cannot be reached")
}

// statusFault gives a model server's refusal its kind. Its text is for our log.
func statusFault(answer *http.Response) error {
	text, _ := io.ReadAll(io.LimitReader(answer.Body, 512))
	cause := fmt.Errorf("model server answered %s, %d bytes", answer.Status, len(text))
	switch answer.StatusCode {
	case http.StatusTooManyRequests:
		e := fault.Wrap(cause, fault.RateLimited, "model_server_busy", "this miner is at its limit")
		e.RetryAfter = time.Second
		if s, err := strconv.Atoi(answer.Header.Get("Retry-After")); err == nil && s > 0 && s < 3600 {
			e.RetryAfter = time.Duration(s) * time.Second
		}
		return e
	case http.StatusBadRequest, http.StatusUnprocessableEntity: // passed on: the caller's request is at fault, not this miner
		return fault.Wrap(cause, fault.Invalid, "model_server_refused", "the model server refused the request")
	case http.StatusRequestEntityTooLarge:
		return fault.Wrap(cause, fault.TooLarge, "model_server_refused", "the request is too large for the model server")
	}
	return fault.Wrap(cause, fault.Upstream, "model_server_failed", "the model server failed")
}
