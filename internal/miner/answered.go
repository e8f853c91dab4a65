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
//
// Invariant: of any two answers to one id that are signed, whatever the clock does, neither was
// taken in what the other says of itself, [Since, At]. For Since is later than what is
// forgotten was taken, and what was taken before Since is not signed.
type answered struct {
	mu      sync.Mutex // guards the rest
	since   time.Time  // all ids of requests taken from here on, in whole milliseconds, are remembered
	young   map[[16]byte]struct{}
	old     map[[16]byte]struct{}
	changed time.Time    // when young was begun
	last    [2]time.Time // when the newest request in young and old was taken
}

// mostAnswered is how many ids of all validators a generation remembers: some 900 a second.
const mostAnswered = 1 << 20

// answeredFrom remembers from a time on, in whole milliseconds, for so it is written.
func answeredFrom(start time.Time) *answered {
	return &answered{since: start.Round(0).Add(time.Millisecond - time.Nanosecond).Truncate(time.Millisecond)}
}

// signs says whether answers are signed at all.
func (a *answered) signs(how *Signatures) bool { return how != nil && how.Sign != nil }

// sign gives the value of proto.AnswerHeader for an answer with this hash, or "" if an
// answer to the request's id has been signed before. The answer ends now.
func (a *answered) sign(how *Signatures, r *http.Request, q *request, body [sha256.Size]byte, now time.Time) string {
	named := sha256.Sum256(append(q.caller[:len(q.caller):len(q.caller)], r.Header.Get(proto.RequestIDHeader)...))
	since, ok := a.first([16]byte(named[:]), q.at, now)
	if !ok {
		return ""
	}
	s := proto.SignedAnswer{Request: q.hash, Since: since, At: q.at, Body: body}
	return s.Value(how.Sign)
}

// first says whether an id's answer is signed for the first time, and is to be, and since
// when ids are remembered. The request was taken at a time and its answer ends now.
func (a *answered) first(id [16]byte, taken, now time.Time) (since time.Time, ok bool) {
	taken = taken.Round(0) // as it is written, also where the clock was set meanwhile
	a.mu.Lock()
	defer a.mu.Unlock()
	if age := now.Sub(a.changed); a.young == nil || age > proto.AnswerMemory || age < 0 {
		if len(a.old) > 0 {
			if next := a.last[1].Truncate(time.Millisecond).Add(time.Millisecond); next.After(a.since) {
				a.since = next
			}
		}
		a.old, a.young, a.changed = a.young, map[[16]byte]struct{}{}, now
		a.last = [2]time.Time{{}, a.last[0]}
	}
	if taken.Before(a.since) {
		return a.since, false
	}
	if _, again := a.young[id]; again {
		return a.since, false
	}
	if _, again := a.old[id]; again {
		return a.since, false
	}
	if len(a.young) >= mostAnswered {
		return a.since, false
	}
	a.young[id] = struct{}{}
	if taken.After(a.last[0]) {
		a.last[0] = taken
	}
	return a.since, true
}
