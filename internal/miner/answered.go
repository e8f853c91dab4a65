package miner

import (
	"crypto/sha256"
	"net/http"
	"sync"
	"time"

	"vision/internal/proto"
)

// answered signs answers, one to each id of a validator's: so a validator that
// shows one around cannot have picked it from several. What is signed says since
// when that holds. A validator's probe and a customer's request are signed alike.
//
// It remembers ids in two generations, of which the older is forgotten when all
// in it are AnswerMemory old; 16 bytes each. Beyond mostAnswered in one, answers are
// not signed: who signs none loses nothing.
type answered struct {
	since time.Time // when the remembering began

	mu      sync.Mutex // guards the rest
	young   map[[16]byte]struct{}
	old     map[[16]byte]struct{}
	changed time.Time // when young was begun
}

// mostAnswered is how many ids of all validators a generation remembers: some 900 a second.
const mostAnswered = 1 << 20

// signs says whether answers are signed at all.
func (a *answered) signs(how *Signatures) bool { return how != nil && how.Sign != nil }

// sign gives the value of proto.AnswerHeader for an answer with this hash, or "" if an
// answer to the request's id has been signed before.
func (a *answered) sign(how *Signatures, r *http.Request, q *request, body [sha256.Size]byte) string {
	named := sha256.Sum256(append(q.caller[:len(q.caller):len(q.caller)], r.Header.Get(proto.RequestIDHeader)...))
	if !a.first([16]byte(named[:]), q.at) {
		return ""
	}
	s := proto.SignedAnswer{Request: q.hash, Since: a.since, At: q.at, Body: body}
	return s.Value(how.Sign)
}

// first says whether an id's answer is signed for the first time, and is to be.
func (a *answered) first(id [16]byte, now time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.young == nil || now.Sub(a.changed) > proto.AnswerMemory {
		a.old, a.young, a.changed = a.young, map[[16]byte]struct{}{}, now
	}
	if _, again := a.young[id]; again {
		return false
	}
	if _, again := a.old[id]; again {
		return false
	}
	if len(a.young) >= mostAnswered {
		return false
	}
	a.young[id] = struct{}{}
	return true
}
