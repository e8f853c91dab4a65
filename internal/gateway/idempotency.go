package gateway

import (
	"context"
	"crypto/sha256"
	"net/http"
	"strconv"
	"time"

	"vision/internal/fault"
	"vision/internal/outcome"
	"vision/internal/store"
)

// A request with the header Idempotency-Key is served once, however often it is
// sent: who sends it again within a day gets the first answer again, and pays
// once. So it is served to its end though its customer goes away, who may be
// about to ask for it again. What came to nothing may be tried anew.

// Claims keep the answers to requests with idempotency keys.
type Claims interface {
	// Claim begins a request, or says what is known of the one before it that
	// had the same key.
	Claim(ctx context.Context, c store.Claim) (earlier store.Claim, known bool, err error)
	// Unclaim drops a claim whose request came to nothing.
	Unclaim(ctx context.Context, key int64, name, request string) error
}

const (
	idempotencyHeader = "Idempotency-Key"
	rememberedFor     = 24 * time.Hour
)

// claim is a request's hold on its idempotency key.
type claim struct {
	name    string
	body    []byte // of the response, as far as it was written; nil once it is too long
	long    bool   // it is
	settled bool   // an answer was recorded, or may have been
	unlink  func() bool
}

// once claims the request's idempotency key, if it has one. If the request was
// made before it answers, and says so. Keys made in one another's place share
// theirs: a customer may have changed to the next one meanwhile.
func (x *exchange) once(body []byte) (answered bool, err error) {
	given := x.r.Header[idempotencyHeader]
	if len(given) == 0 || x.g.Claims == nil || x.holder == nil {
		return false, nil
	}
	name := given[0]
	if len(given) > 1 || name == "" || len(name) > 255 {
		return false, fault.New(fault.Invalid, "invalid_idempotency_key", "Send one %s header of 1 to 255 bytes.", idempotencyHeader)
	}
	ctx, cancel := context.WithTimeout(x.r.Context(), x.g.Limits.Record)
	defer cancel()
	earlier, known, err := x.g.Claims.Claim(ctx, store.Claim{Key: rootOf(&x.holder.key), Name: name, Hash: hashOf(x.event.Path, body), Request: x.id,
		At: x.arrived, Expires: x.arrived.Add(rememberedFor)})
	switch {
	case err != nil:
		return false, notNow(err, "idempotency_unavailable", "The idempotency key cannot be looked up now. Try again soon.")
	case !known:
		x.claimed(name)
		return false, nil
	case earlier.Hash != hashOf(x.event.Path, body):
		return false, &statusError{http.StatusUnprocessableEntity, fault.New(fault.Invalid, "idempotency_key_reused",
			"This idempotency key was used for another request. Use a new one for each request.")}
	case !earlier.Answered:
		e := fault.New(fault.Unavailable, "idempotency_in_progress", "The request with this idempotency key is still under way. Try again soon.")
		e.RetryAfter = time.Second
		return false, &statusError{http.StatusConflict, e}
	case earlier.Dropped:
		return false, &statusError{http.StatusConflict, fault.New(fault.Invalid, "idempotency_answer_dropped",
			"The request with this idempotency key was answered, and the answer was too long to be kept. Use a new key to ask again.")}
	}
	return true, x.replay(&earlier)
}

// replay answers with an earlier answer, which counts as a large body does: its
// customer may take a while to read it, and ask for it many times at once.
func (x *exchange) replay(earlier *store.Claim) error {
	if n := int64(len(earlier.Body)); n > keptBody {
		held := &x.g.bodies.held
		defer held.Add(-n)
		if held.Add(n) > x.g.bodies.most {
			return tooManyLarge()
		}
	}
	h := x.w.Header()
	h["Content-Type"] = []string{earlier.ContentType}
	h["Content-Length"] = []string{strconv.Itoa(len(earlier.Body))}
	h["X-Idempotent-Replay"] = []string{"true"}
	x.begun, x.event.Status = true, earlier.Status
	x.extend()
	x.w.WriteHeader(earlier.Status)
	x.write(earlier.Body, true)
	return nil
}

func hashOf(path string, body []byte) [sha256.Size]byte {
	h := sha256.New()
	h.Write([]byte(path + "\n"))
	h.Write(body)
	return [sha256.Size]byte(h.Sum(nil))
}

// claimed makes the request one that goes on without its customer. Only the
// gateway's stopping ends it early.
func (x *exchange) claimed(name string) {
	ctx, cancel := context.WithCancelCause(context.WithoutCancel(x.r.Context()))
	x.claim = &claim{name: name, body: []byte{}}
	x.claim.unlink = context.AfterFunc(x.g.base, func() { cancel(context.Cause(x.g.base)) })
	x.r = x.r.WithContext(ctx)
}

// note keeps what is written to the customer.
func (c *claim) note(p []byte) {
	switch {
	case c.long:
	case len(c.body)+len(p) > store.MaxAnswer:
		c.body, c.long = nil, true
	default:
		c.body = append(c.body, p...)
	}
}

// remember is what is recorded for whoever asks again: what was written so far,
// and what will be.
func (x *exchange) remember(rest []byte) *outcome.Answer {
	c, contentType := x.claim, isJSON[0]
	if x.streams {
		contentType = isEvents[0]
	}
	c.note(rest)
	a := &outcome.Answer{Key: rootOf(&x.holder.key), Name: c.name, Request: x.id, Status: http.StatusOK, ContentType: contentType,
		Body: c.body, Dropped: c.long}
	c.body, c.long = nil, true // it is all there
	return a
}

// unclaim lets a request be tried anew that came to nothing.
func (x *exchange) unclaim() {
	c := x.claim
	if c == nil {
		return
	}
	c.unlink()
	if c.settled {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(x.r.Context()), x.g.Limits.Record)
	defer cancel()
	if err := x.g.Claims.Unclaim(ctx, rootOf(&x.holder.key), c.name, x.id); err != nil {
		x.g.Log.Warn("cannot give an idempotency key back; it is of no use until it expires", "id", x.id, "err", err)
	}
}
