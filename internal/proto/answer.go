package proto

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"vision/internal/hotkey"
)

// AnswerHeader carries the miner's signature of its answer, made with its hotkey: a
// header of an answer that comes at once, a trailer of one that is streamed.
const AnswerHeader = "Vision-Answer"

// AnswerMemory is how long a miner remembers at least which requests' answers it
// has signed. It signs no second answer to the same id meanwhile.
const AnswerMemory = 20 * time.Minute

// ErrAnswer is what is wrong with an answer's signature.
var ErrAnswer = errors.New("the answer's signature does not fit")

// SignedAnswer is what a miner's signature of an answer binds together: which
// request it answers, when, and with what. It also says since when
// the miner remembers whom it has answered: of the requests with this id of this validator
// that it took between Since and At it has signed no other's answer, and so nobody could pick one of several.
type SignedAnswer struct {
	Request [sha256.Size]byte // SHA-256 of the request's signed bytes, Signed.AppendMessage
	Since   time.Time         // in milliseconds, like At; what is finer is cut off
	At      time.Time         // when the request was taken
	Body    [sha256.Size]byte // SHA-256 of the answer's body as sent, without HTTP's framing
}

const answerDomain = "vision-answer-v1\x00"

// AppendMessage appends the bytes that are signed; see docs/protocol.md.
func (a *SignedAnswer) AppendMessage(b []byte) []byte {
	b = append(b, answerDomain...)
	b = append(b, a.Request[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(a.Since.UnixMilli()))
	b = binary.BigEndian.AppendUint64(b, uint64(a.At.UnixMilli()))
	return append(b, a.Body[:]...)
}

// Value signs and gives the header's value.
func (a *SignedAnswer) Value(sign func([]byte) [hotkey.SignatureSize]byte) string {
	var stack [128]byte
	signature := sign(a.AppendMessage(stack[:0]))
	b := append(make([]byte, 0, 128), "v1 "...)
	b = strconv.AppendInt(b, a.Since.UnixMilli(), 10)
	b = append(b, ' ')
	b = strconv.AppendInt(b, a.At.UnixMilli(), 10)
	b = append(b, ' ')
	return string(base64.RawURLEncoding.AppendEncode(b, signature[:]))
}

// Verify reads a header's value, fills in Since and At, and says whether the miner
// has signed a.
func (a *SignedAnswer) Verify(miner hotkey.ID, value string) error {
	parts := strings.Split(value, " ")
	if len(value) > 256 || len(parts) != 4 || parts[0] != "v1" {
		return fmt.Errorf("%w: want v1, two times in milliseconds and the signature in base64", ErrAnswer)
	}
	for i, into := range []*time.Time{&a.Since, &a.At} {
		text := parts[1+i]
		ms, err := strconv.ParseUint(text, 10, 62)
		if err != nil || len(text) > 1 && text[0] == '0' || text[0] == '+' {
			return fmt.Errorf("%w: %q is no time in milliseconds", ErrAnswer, text)
		}
		*into = time.UnixMilli(int64(ms)).UTC()
	}
	signature := decode(parts[3])
	if len(signature) != hotkey.SignatureSize {
		return fmt.Errorf("%w: it is no base64 of %d bytes", ErrAnswer, hotkey.SignatureSize)
	}
	var stack [128]byte
	if !hotkey.Verify(miner, a.AppendMessage(stack[:0]), signature) {
		return fmt.Errorf("%w: it is of another request, answer or time, or by another hotkey", ErrAnswer)
	}
	return nil
}

// Proof is what a validator keeps of an exchange so that others can be shown that
// the answer is the miner's: with the request, the answer, and the
// names of network, validator and miner it can be verified by anybody.
type Proof struct {
	Path    string    `json:"path"`
	ID      string    `json:"id"` // X-Request-Id
	Expires time.Time `json:"expires"`
	Answer  string    `json:"answer"` // the value of AnswerHeader
	// Public: the request was the validator's own and holds nothing that a customer
	// said, so that other validators may see it.
	Public bool `json:"public,omitempty"`
}

// MaxProof is how many bytes a proof has at most, as JSON.
const MaxProof = 1 << 10

// Verify says whether the miner has signed that it answered this request of the
// validator's with this answer. It gives what the miner said of the time.
func (p *Proof) Verify(network string, validator, miner hotkey.ID, request, answer []byte) (SignedAnswer, error) {
	if max(len(network), len(p.Path), len(p.ID)) > MaxSigned {
		return SignedAnswer{}, fmt.Errorf("%w: a name is longer than %d bytes", ErrAnswer, MaxSigned)
	}
	asked := Signed{Network: network, Validator: validator, Miner: miner, Path: p.Path, ID: p.ID, Body: sha256.Sum256(request), Expires: p.Expires}
	a := SignedAnswer{Request: sha256.Sum256(asked.AppendMessage(nil)), Body: sha256.Sum256(answer)}
	return a, a.Verify(miner, p.Answer)
}
