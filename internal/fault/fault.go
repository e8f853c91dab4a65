// Package fault gives errors a kind. A kind is decided where the cause is
// known, crosses packages and wires unchanged, and becomes an HTTP status only
// at an edge. An error without a kind is Internal: its text is for our log, and
// a user is shown nothing of it.
package fault

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Kind is the class of an error.
type Kind uint8

// The kinds. Whose fault it is decides what it may cost: only Upstream,
// Timeout and RateLimited can ever count against a miner, and only when the
// miner caused them.
const (
	Internal        Kind = iota // ours; nothing internal is shown
	Invalid                     // the request is wrong; the message says how to mend it
	Unauthenticated             // no credential, or a wrong one
	Forbidden                   // a good credential that may not do this
	NotFound                    // no such model, key, path
	TooLarge                    // past a size limit that the message names
	RateLimited                 // asked too often; RetryAfter says when to come back
	Unavailable                 // nobody can serve this now; RetryAfter may help
	Upstream                    // a miner or model server answered wrongly
	Timeout                     // a deadline passed
	Canceled                    // the caller went away
)

var names = [...]string{"internal", "invalid", "unauthenticated", "forbidden", "not_found", "too_large",
	"rate_limited", "unavailable", "upstream", "timeout", "canceled"}

func (k Kind) String() string {
	if int(k) < len(names) {
		return names[k]
	}
	return fmt.Sprintf("kind(%d)", uint8(k))
}

// Error is an error with a kind. Message is meant for the user and never
// holds prompts, keys or secrets.
type Error struct {
	Kind       Kind
	Code       string        // short, stable, snake_case: "model_not_found"; may be empty
	Param      string        // the request's field that is wrong; may be empty
	Message    string        // what was wrong and what to do
	RetryAfter time.Duration // for RateLimited and Unavailable; 0 is unknown
	Cause      error         // for our log; may be nil
}

func (e *Error) Error() string {
	if e.Cause != nil {
		return strings.TrimSuffix(e.Message, ".") + ": " + e.Cause.Error()
	}
	return e.Message
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Cause }

// New makes an error of a kind.
func New(kind Kind, code, format string, args ...any) *Error {
	return &Error{Kind: kind, Code: code, Message: fmt.Sprintf(format, args...)}
}

// Wrap makes an error of a kind with a cause that only our log sees.
func Wrap(cause error, kind Kind, code, format string, args ...any) *Error {
	e := New(kind, code, format, args...)
	e.Cause = cause
	return e
}

// BadParam makes an Invalid error that names the field.
func BadParam(param, format string, args ...any) *Error {
	e := New(Invalid, "invalid_value", format, args...)
	e.Param = param
	return e
}

// KindOf gives the kind of the first *Error in the chain, or Internal.
func KindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return Internal
}
