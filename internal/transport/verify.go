package transport

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"time"

	"vision/internal/hotkey"
)

// MaxLifetime is the longest validity that a peer's certificate may have. It
// bounds how long a stolen TLS key is of use.
const MaxLifetime = 7 * 24 * time.Hour

// verify returns the hotkey that signed cert for network, valid at now. It does
// not check the certificate's signature by itself: TLS proves the key, the
// hotkey's signature covers everything used here, and nothing else is used.
func verify(cert *x509.Certificate, network string, now time.Time) (hotkey.ID, error) {
	switch key := cert.PublicKey.(type) {
	case ed25519.PublicKey:
	case *ecdsa.PublicKey:
		if key.Curve != elliptic.P256() {
			return hotkey.ID{}, fmt.Errorf("%w: its key is on curve %s, want P-256 or Ed25519", ErrCertificate, key.Params().Name)
		}
	default:
		return hotkey.ID{}, fmt.Errorf("%w: its key is %s, want ECDSA P-256 or Ed25519", ErrCertificate, cert.PublicKeyAlgorithm)
	}
	b, err := findBinding(cert)
	if err != nil {
		return hotkey.ID{}, err
	}
	if life := cert.NotAfter.Sub(cert.NotBefore); life > MaxLifetime {
		return hotkey.ID{}, fmt.Errorf("%w: it is valid for %v, want at most %v", ErrCertificate, life, MaxLifetime)
	}
	if now.Before(cert.NotBefore) || now.After(cert.NotAfter) {
		return hotkey.ID{}, fmt.Errorf("%w: hotkey %s has one for %s to %s, and here it is %s (check both clocks)", ErrExpired, b.id,
			cert.NotBefore.UTC().Format(time.RFC3339), cert.NotAfter.UTC().Format(time.RFC3339), now.UTC().Format(time.RFC3339))
	}
	message := signedMessage(network, cert.NotBefore, cert.NotAfter, cert.RawSubjectPublicKeyInfo)
	if !hotkey.Verify(b.id, message, b.signature[:]) {
		return hotkey.ID{}, fmt.Errorf("%w: the signature of %s is copied, altered, or for another network than %q", ErrBinding, b.id, network)
	}
	return b.id, nil
}

// onlyCertificate returns the peer's certificate, if it sent exactly one in a
// full handshake.
func onlyCertificate(state tls.ConnectionState) (*x509.Certificate, error) {
	if state.DidResume {
		return nil, fmt.Errorf("%w: it resumed a session, which is not allowed", ErrCertificate)
	}
	if n := len(state.PeerCertificates); n != 1 {
		return nil, fmt.Errorf("%w: it sent %d certificates, want 1", ErrCertificate, n)
	}
	return state.PeerCertificates[0], nil
}

// PeerHotkey returns the hotkey at the other end of a connection made by a
// [Dialer] or [Listener], or with an [Identity]'s TLS configuration: the
// handshake has verified it. Of any other connection it returns a mere claim.
// It is cheap enough to call for each request.
func PeerHotkey(state tls.ConnectionState) (hotkey.ID, error) {
	if !state.HandshakeComplete {
		return hotkey.ID{}, errors.New("the TLS handshake is not complete, so the peer is unknown")
	}
	cert, err := onlyCertificate(state)
	if err != nil {
		return hotkey.ID{}, err
	}
	b, err := findBinding(cert)
	return b.id, err
}

// Caller returns the hotkey that made a request to a server behind a [Listener].
func Caller(r *http.Request) (hotkey.ID, error) {
	if r.TLS == nil {
		return hotkey.ID{}, errors.New("the request came over plain HTTP, so its caller is unknown")
	}
	return PeerHotkey(*r.TLS)
}
