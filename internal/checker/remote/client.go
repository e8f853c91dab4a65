// Package remote asks a checking server over HTTP. It judges as a
// checker.Checker in the same process does, errors included: whatever kind of
// error the server had, the caller gets, and none of them is a verdict.
package remote

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"vision/internal/fault"
	"vision/internal/proto"
)

// Client is a checking server at a base URL. Who it is and who asks is the
// matter of HTTP's transport.
type Client struct {
	HTTP *http.Client
	Base string // "https://host:port"
}

// maxAnswer bounds a verdict, in bytes.
const maxAnswer = 64 << 10

// Judge judges one sample. Its errors are *fault.Error: Invalid if asking
// again is of no use, Unavailable, Timeout or Internal if later it may be.
func (c *Client) Judge(ctx context.Context, req proto.CheckRequest) (res proto.CheckResponse, err error) {
	body, err := json.Marshal(req)
	if err != nil {
		return res, fmt.Errorf("write the check request: %w", err)
	}
	if len(body) > proto.MaxCheck {
		return res, fault.New(fault.Invalid, "too_large", "The sample is too large to be checked: %d bytes, at most %d.", len(body), proto.MaxCheck)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSuffix(c.Base, "/")+proto.CheckPath, bytes.NewReader(body))
	if err != nil {
		return res, fmt.Errorf("address the checker: %w", err)
	}
	r.Header.Set("Content-Type", "application/json")
	answer, err := c.HTTP.Do(r)
	if err != nil {
		return res, c.down(ctx, err)
	}
	defer answer.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
	if err != nil {
		return res, c.down(ctx, err)
	}
	if answer.StatusCode != http.StatusOK {
		return res, refusal(answer, raw)
	}
	if err := json.Unmarshal(raw, &res); err != nil {
		return proto.CheckResponse{}, fault.Wrap(err, fault.Internal, "bad_verdict", "The checker's answer cannot be read")
	}
	if !(res.Quality >= 0 && res.Quality <= 1) || !(res.E >= 0) || math.IsInf(res.E, 0) || res.Work < 0 {
		return proto.CheckResponse{}, fault.New(fault.Internal, "bad_verdict",
			"The checker's answer is out of range: quality %v, evidence %v, work %d.", res.Quality, res.E, res.Work)
	}
	res.Work = min(res.Work, req.Sample.Outcome.Work)
	return res, nil
}

func (c *Client) down(ctx context.Context, err error) error {
	if ctx.Err() == context.Canceled {
		return fault.Wrap(err, fault.Canceled, "canceled", "The caller went away")
	}
	return fault.Wrap(err, fault.Unavailable, "checker_down", "The checker does not answer")
}

// refusal gives a status its kind again.
func refusal(answer *http.Response, raw []byte) error {
	kind := fault.Internal
	switch answer.StatusCode {
	case http.StatusBadRequest, http.StatusRequestEntityTooLarge:
		kind = fault.Invalid
	case http.StatusServiceUnavailable, http.StatusTooManyRequests, http.StatusBadGateway:
		kind = fault.Unavailable
	case http.StatusGatewayTimeout:
		kind = fault.Timeout
	}
	var body struct {
		Error struct {
			Code    string `json:"code"`
			Message string `json:"message"`
		} `json:"error"`
	}
	_ = json.Unmarshal(raw, &body) // without it the status says enough
	e := fault.New(kind, body.Error.Code, "The checker gave no verdict (status %d): %.300s", answer.StatusCode, body.Error.Message)
	if secs, err := strconv.Atoi(answer.Header.Get("Retry-After")); err == nil && secs > 0 {
		e.RetryAfter = time.Duration(min(secs, 3600)) * time.Second
	}
	return e
}
