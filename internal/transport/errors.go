package transport

import (
	"errors"
	"net"
	"strings"
)

// Kinds of failed handshake, for errors.Is. All but ErrRefused say what this
// side found wrong with the peer.
var (
	// ErrCertificate: the peer's certificate is not of the allowed form
	// (exactly one, with a P-256 or Ed25519 key, valid for at most MaxLifetime).
	ErrCertificate = errors.New("the peer's certificate is not of the agreed form")
	// ErrExtension: the certificate lacks the hotkey extension, or it is malformed.
	ErrExtension = errors.New("the peer's certificate does not name a hotkey")
	// ErrBinding: the extension's signature does not cover this certificate.
	ErrBinding = errors.New("the peer's hotkey did not sign its certificate")
	// ErrExpired: the certificate is past its validity or before it.
	ErrExpired = errors.New("the peer's certificate is not valid now")
	// ErrWrongHotkey: the server is another neuron than the one expected.
	ErrWrongHotkey = errors.New("the peer is another hotkey")
	// ErrNotAdmitted: the caller's hotkey is proven, and not welcome.
	ErrNotAdmitted = errors.New("the caller is not admitted")
	// ErrRefused: the peer refused us. See Refused.
	ErrRefused = errors.New("the peer refused our certificate: check that our hotkey is registered there with enough stake, that both sides name the same network, and that our clock is right")
)

// Refused reports whether err, met on the first read or write of a connection
// from [Dialer.Dial], is the server's refusal of our certificate. In TLS 1.3 the
// client's handshake ends before the server has judged the client, so a refusal
// shows only there.
func Refused(err error) bool {
	if errors.Is(err, ErrRefused) {
		return true
	}
	var op *net.OpError
	if !errors.As(err, &op) || op.Op != "remote error" || op.Err == nil {
		return false
	}
	// The alert's type is not exported by crypto/tls, its text is stable.
	switch strings.TrimPrefix(op.Err.Error(), "tls: ") {
	case "bad certificate", "unsupported certificate", "revoked certificate", "expired certificate",
		"unknown certificate", "unknown certificate authority", "access denied", "certificate required":
		return true
	}
	return false
}
