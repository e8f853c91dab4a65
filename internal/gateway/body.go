package gateway

import (
	"errors"
	"io"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"vision/internal/fault"
)

const (
	smallBody = 16 << 10 // what a body's buffer begins with
	keptBody  = 64 << 10 // larger buffers are not kept for the next request
)

// bodies lends the memory that requests are read into.
type bodies struct {
	most int64        // bytes of all large buffers together
	held atomic.Int64 // of them, in use
	pool sync.Pool    // *[]byte of at most keptBody
}

// body is a request's bytes, in borrowed memory.
type body struct {
	from  *bodies
	bytes []byte
	loan  *[]byte // where bytes go back to
	large int64   // charged to bodies.held
}

func (b *bodies) borrow() body {
	p, ok := b.pool.Get().(*[]byte)
	if !ok {
		p = new([]byte)
		*p = make([]byte, 0, smallBody)
	}
	return body{from: b, bytes: (*p)[:0], loan: p}
}

// giveBack ends the loan. What was read must not be used any more.
func (b *body) giveBack() {
	if b.from == nil {
		return
	}
	b.from.held.Add(-b.large)
	if cap(b.bytes) <= keptBody {
		*b.loan = b.bytes[:0]
		b.from.pool.Put(b.loan)
	}
	*b = body{}
}

// giveBackBytes ends the loan, and leaves what is charged for it to the caller to
// give back.
func (b *body) giveBackBytes() (charged int64) {
	charged, b.large = b.large, 0
	b.giveBack()
	return charged
}

// grow makes room for more, up to a byte over most; false if all requests'
// bodies together have no memory left.
func (b *body) grow(most int) bool {
	size := min(2*cap(b.bytes), most+1)
	if size > keptBody && !b.charge(int64(size)-b.large) {
		return false
	}
	next := make([]byte, len(b.bytes), size)
	copy(next, b.bytes)
	b.bytes = next
	return true
}

// charge counts memory that is given back with the body; false if there is none
// left for it.
func (b *body) charge(bytes int64) bool {
	if b.from.held.Add(bytes) > b.from.most {
		b.from.held.Add(-bytes)
		return false
	}
	b.large += bytes
	return true
}

// read takes in a request's body, in time. Memory grows with what has come,
// not with what was announced.
func (b *body) read(r *http.Request, rc *http.ResponseController, now time.Time, l *Limits) error {
	if r.ContentLength > int64(l.Body) {
		return tooLarge(l.Body)
	}
	if r.ContentLength == 0 || r.Body == nil {
		return fault.New(fault.Invalid, "empty_body", "The request has no body; send a JSON object.")
	}
	timed := rc.SetReadDeadline(now.Add(l.BodyRead)) == nil
	for {
		if len(b.bytes) == cap(b.bytes) && !b.grow(l.Body) {
			return tooManyLarge()
		}
		n, err := r.Body.Read(b.bytes[len(b.bytes):cap(b.bytes)])
		b.bytes = b.bytes[:len(b.bytes)+n]
		switch {
		case len(b.bytes) > l.Body:
			return tooLarge(l.Body)
		case err == nil:
			continue
		case errors.Is(err, os.ErrDeadlineExceeded):
			return &statusError{http.StatusRequestTimeout, fault.New(fault.Timeout, "request_timeout",
				"The request's body did not arrive within %v.", l.BodyRead)}
		case !errors.Is(err, io.EOF):
			return fault.Wrap(err, fault.Canceled, "body_broken", "The request's body broke off.")
		}
		if timed { // the stream that may follow outlasts this deadline
			rc.SetReadDeadline(time.Time{})
		}
		return nil
	}
}

func tooLarge(most int) error {
	return fault.New(fault.TooLarge, "request_too_large", "The request's body has more than %d bytes.", most)
}
