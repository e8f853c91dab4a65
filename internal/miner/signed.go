package miner

import (
	"crypto"
	"crypto/sha256"
	"net/http"
	"sync"
	"time"

	"vision/internal/fault"
	"vision/internal/hotkey"
	"vision/internal/proto"
)

// Signatures is how a miner tells that a request was meant for it, by this caller,
// now, and once: somebody who passes on what another miner was asked cannot
// sign it anew.
type Signatures struct {
	Network string
	Self    hotkey.ID
	// Key gives the TLS key that the caller has proved, which its hotkey has signed.
	Key func(*http.Request) (crypto.PublicKey, error)
	// Sign signs answers with the miner's hotkey; nil: they are not signed.
	Sign func([]byte) [hotkey.SignatureSize]byte
}

// signed says what is wrong with a request's signature. It gives the hash of what was
// signed, which the answer's signature names.
func (m *Miner) signed(r *http.Request, caller hotkey.ID, body []byte) (hash [sha256.Size]byte, err error) {
	how := m.deps.Signatures
	if how == nil {
		return hash, nil
	}
	refused := func(err error, code string) ([sha256.Size]byte, error) {
		return hash, fault.Wrap(err, fault.Forbidden, code, "the request is not signed as it must be")
	}
	key, err := how.Key(r)
	if err != nil {
		return refused(err, "bad_signature")
	}
	values := r.Header.Values(proto.SignatureHeader)
	if len(values) != 1 {
		return hash, fault.New(fault.Forbidden, "no_signature", "the request has %d %s headers, want 1", len(values), proto.SignatureHeader)
	}
	s := proto.Signed{Network: how.Network, Validator: caller, Miner: how.Self, Path: r.URL.Path, ID: r.Header.Get(proto.RequestIDHeader), Body: sha256.Sum256(body)}
	signature, err := s.ParseSignature(values[0])
	if err != nil {
		return refused(err, "bad_signature")
	}
	now := m.deps.Clock()
	if err := s.Fresh(now); err != nil { // before what costs more
		return refused(err, "stale_signature")
	}
	if err := s.Verify(key, signature); err != nil {
		return refused(err, "bad_signature")
	}
	hash = sha256.Sum256(s.AppendMessage(nil))
	return hash, m.once.first(signed{caller, hash}, s.Expires, now)
}

// signed names one signature: who made it, and the hash of what was signed.
type signed struct {
	by   hotkey.ID
	hash [sha256.Size]byte
}

// once remembers signatures for as long as they are of use: in two generations, of
// which the older is forgotten when all in it have ended. Only valid signatures of
// validators get in, and no more than most of one caller's in a generation: one that signs more is
// refused as at any other limit, for to forget one early would let it be sent again.
// Others are not touched by that.
//
// Invariant: no signature is accepted twice while the process lives, whatever the clock does.
// What ends no later than one that was forgotten is refused: by a clock that goes right such have ended.
// A restart forgets; then only the validator itself could send one again, on a connection of the same TLS
// key, and could as well sign anew.
type once struct {
	mu      sync.Mutex // guards the rest
	young   map[signed]struct{}
	old     map[signed]struct{}
	of      map[hotkey.ID]int // how many in young are a caller's
	changed time.Time         // when young was begun
	ends    [2]time.Time      // of the last to end in young and old
	ended   time.Time         // of the last to end of those forgotten
}

// most is how many requests of one validator's are served while a generation lasts: some
// 2,000 a second for as long as that, and 25 MB.
const most = 1 << 18

// useful is the longest time from a signature's first acceptance to its last, and how
// long a generation lasts.
const useful = proto.SignatureLife + 2*proto.ClockTolerance

// first takes note of a fresh signature and when it ends. The error says that it was used before, or, of kind
// RateLimited, that its signer has used as many as are remembered.
func (o *once) first(s signed, ends, now time.Time) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if age := now.Sub(o.changed); o.young == nil || age > useful || age < 0 {
		if o.ends[1].After(o.ended) {
			o.ended = o.ends[1]
		}
		o.old, o.young, o.of, o.changed = o.young, map[signed]struct{}{}, map[hotkey.ID]int{}, now
		o.ends = [2]time.Time{{}, o.ends[0]}
	}
	if !ends.After(o.ended) {
		return fault.New(fault.Forbidden, "stale_signature", "the request's signature is not of this time: later ones have ended by now, unless the clock was set back")
	}
	_, young := o.young[s]
	if _, old := o.old[s]; young || old {
		return fault.New(fault.Forbidden, "replayed", "the request was sent before, with the same signature")
	}
	if o.of[s.by] >= most {
		return busy("too_many_signatures", o.changed.Add(useful).Sub(now)+time.Second)
	}
	o.of[s.by]++
	o.young[s] = struct{}{}
	if ends.After(o.ends[0]) {
		o.ends[0] = ends
	}
	return nil
}
