package transport

import (
	"context"
	"crypto"
	"crypto/tls"
	"fmt"
	"net"
	"time"

	"vision/internal/hotkey"
)

// Dialer makes authenticated connections. Its fields are not changed after use.
type Dialer struct {
	// Identity is our side. Required.
	Identity *Identity
	// Timeout bounds connecting and the handshake together; 5 s if zero. The
	// context may end it sooner.
	Timeout time.Duration
	// NextProtos are the application protocols offered; HTTP/1.1 if nil.
	NextProtos []string
	// Connect opens the TCP connection; a net.Dialer's DialContext if nil.
	Connect func(ctx context.Context, network, address string) (net.Conn, error)
}

// Dial connects to want at address ("host:port") and returns once it has proven
// its hotkey. It has not yet judged ours: see [Refused]. The connection is the
// caller's to close. Errors wrap the kinds of this package, or the network's.
func (d *Dialer) Dial(ctx context.Context, address string, want hotkey.ID) (*tls.Conn, error) {
	conn, _, err := d.dial(ctx, address, want)
	return conn, err
}

// dial is Dial, and gives the key of our certificate on the connection.
func (d *Dialer) dial(ctx context.Context, address string, want hotkey.ID) (*tls.Conn, crypto.Signer, error) {
	timeout := d.Timeout
	if timeout == 0 {
		timeout = 5 * time.Second
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()

	connect := d.Connect
	if connect == nil {
		connect = new(net.Dialer).DialContext
	}
	raw, err := connect(ctx, "tcp", address)
	if err != nil {
		return nil, nil, fmt.Errorf("connect to %s at %s: %w", want, address, err)
	}
	config := d.Identity.ClientTLS(want)
	ours, own := config.GetClientCertificate, (*tls.Certificate)(nil)
	config.GetClientCertificate = func(info *tls.CertificateRequestInfo) (_ *tls.Certificate, err error) {
		own, err = ours(info)
		return own, err
	}
	if d.NextProtos != nil {
		config.NextProtos = d.NextProtos
	}
	conn := tls.Client(byRecord(raw), config)
	if err := conn.HandshakeContext(ctx); err != nil {
		raw.Close()
		return nil, nil, fmt.Errorf("handshake with %s at %s: %w", want, address, err)
	}
	if own != nil {
		if key, ok := own.PrivateKey.(crypto.Signer); ok {
			return conn, key, nil
		}
	}
	return conn, nil, nil
}
