package transport

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"net/http"

	"vision/internal/hotkey"
	"vision/internal/proto"
)

// Signing is a connection whose requests we can sign, with the key that we proved
// in its handshake: a certificate that was replaced meanwhile changes nothing.
type Signing struct {
	*tls.Conn
	key       crypto.Signer
	network   string
	validator hotkey.ID
	miner     hotkey.ID
}

// DialSigning is Dial, for a connection whose requests are signed.
func (d *Dialer) DialSigning(ctx context.Context, address string, want hotkey.ID) (*Signing, error) {
	conn, key, err := d.dial(ctx, address, want)
	if err != nil {
		return nil, err
	}
	if key == nil {
		conn.NetConn().Close()
		return nil, errors.New("the peer asked for no certificate, so that requests to it cannot be signed")
	}
	return &Signing{conn, key, d.Identity.Network(), d.Identity.ID(), want}, nil
}

// AppendSignature appends the signature of a request for work: who asks whom is
// filled in.
func (c *Signing) AppendSignature(b []byte, s proto.Signed) ([]byte, error) {
	s.Network, s.Validator, s.Miner = c.network, c.validator, c.miner
	return s.AppendSignature(b, c.key, rand.Reader)
}

// CallerKey returns the TLS key that a request's caller proved in its handshake,
// and that its hotkey has signed.
func CallerKey(r *http.Request) (crypto.PublicKey, error) {
	if r.TLS == nil {
		return nil, errors.New("the request came over plain HTTP, so its caller's key is unknown")
	}
	cert, err := onlyCertificate(*r.TLS)
	if err != nil {
		return nil, err
	}
	return cert.PublicKey, nil
}
