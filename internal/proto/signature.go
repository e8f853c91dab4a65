package proto

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"vision/internal/hotkey"
)

// SignatureHeader carries the caller's signature of a request for work, made with
// the TLS key of its connection's certificate, which its hotkey has signed.
const SignatureHeader = "Vision-Signature"

const (
	// SignatureLife is how long after its making a signature is of use.
	SignatureLife = time.Minute
	// ClockTolerance is how far apart the two sides' clocks may be.
	ClockTolerance = 30 * time.Second
	// MaxSigned is how many bytes a network's name, a path and an id may have each.
	MaxSigned = 255
)

// Errors of Verify and Fresh. A caller that tells them apart uses errors.Is.
var (
	ErrSignature = errors.New("the request's signature does not fit")
	ErrStale     = errors.New("the request's signature is not of this time")
)

// Signed is what a signature binds together: who asks, who is asked, what, and until when.
type Signed struct {
	Network   string // as in certificates
	Validator hotkey.ID
	Miner     hotkey.ID
	Path      string            // of the POST, "/v1/chat/completions"
	ID        string            // X-Request-Id
	Body      [sha256.Size]byte // SHA-256
	Expires   time.Time         // in milliseconds; what is finer is cut off
}

const signedDomain = "vision-request-v1\x00"

// AppendMessage appends the bytes that are signed; see docs/protocol.md. Texts
// longer than MaxSigned are cut, for no valid request has such.
func (s *Signed) AppendMessage(b []byte) []byte {
	b = append(b, signedDomain...)
	for _, text := range []string{s.Network, s.Path, s.ID} {
		text = text[:min(len(text), MaxSigned)]
		b = append(b, byte(len(text)))
		b = append(b, text...)
	}
	b = append(b, s.Validator[:]...)
	b = append(b, s.Miner[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(s.Expires.UnixMilli()))
	return append(b, s.Body[:]...)
}

// AppendSignature signs and appends the header's value. Only keys other than
// Ed25519 take entropy.
func (s *Signed) AppendSignature(b []byte, key crypto.Signer, entropy io.Reader) ([]byte, error) {
	var stack [512]byte
	message := s.AppendMessage(stack[:0])
	var signature []byte
	var err error
	switch key := key.(type) {
	case ed25519.PrivateKey:
		signature = ed25519.Sign(key, message)
	default:
		digest := sha256.Sum256(message)
		signature, err = key.Sign(entropy, digest[:], crypto.SHA256)
	}
	if err != nil {
		return b, fmt.Errorf("sign a request: %w", err)
	}
	b = append(b, "v1 "...)
	b = strconv.AppendInt(b, s.Expires.UnixMilli(), 10)
	b = append(b, ' ')
	return base64.RawURLEncoding.AppendEncode(b, signature), nil
}

// ParseSignature reads a header's value, filling in Expires.
func (s *Signed) ParseSignature(value string) (signature []byte, err error) {
	parts := strings.Split(value, " ")
	if len(value) > 256 || len(parts) != 3 || parts[0] != "v1" {
		return nil, fmt.Errorf("%w: want v1, the time of its end in milliseconds and the signature in base64", ErrSignature)
	}
	ms, err := strconv.ParseUint(parts[1], 10, 62)
	if err != nil || len(parts[1]) > 1 && parts[1][0] == '0' {
		return nil, fmt.Errorf("%w: its end %q is no time in milliseconds", ErrSignature, parts[1])
	}
	if signature = decode(parts[2]); len(signature) == 0 {
		return nil, fmt.Errorf("%w: it is no base64", ErrSignature)
	}
	s.Expires = time.UnixMilli(int64(ms))
	return signature, nil
}

// decode reads base64 for URLs, without padding, and nothing that is written in any other way than
// it would be again: package base64 passes over the ends of lines. It gives nil for what it does not take.
func decode(text string) []byte {
	b, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || base64.RawURLEncoding.EncodedLen(len(b)) != len(text) {
		return nil
	}
	return b
}

// Verify says whether the key that the caller proved has signed s.
func (s *Signed) Verify(key crypto.PublicKey, signature []byte) error {
	var stack [512]byte
	message := s.AppendMessage(stack[:0])
	fits := false
	switch key := key.(type) {
	case ed25519.PublicKey:
		fits = len(signature) == ed25519.SignatureSize && ed25519.Verify(key, message, signature)
	case *ecdsa.PublicKey:
		digest := sha256.Sum256(message)
		fits = ecdsa.VerifyASN1(key, digest[:], signature)
	}
	if !fits {
		return fmt.Errorf("%w: it is for another miner, body, path, id or time, or by another key", ErrSignature)
	}
	return nil
}

// Fresh says whether s is of this time.
func (s *Signed) Fresh(now time.Time) error {
	switch {
	case now.After(s.Expires.Add(ClockTolerance)):
		return fmt.Errorf("%w: it ended %v ago", ErrStale, now.Sub(s.Expires).Round(time.Second))
	case s.Expires.After(now.Add(SignatureLife + ClockTolerance)):
		return fmt.Errorf("%w: it ends in %v, want at most %v", ErrStale, s.Expires.Sub(now).Round(time.Second), SignatureLife)
	}
	return nil
}
