package transport

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"sync"
	"time"

	"vision/internal/hotkey"
)

// backdate is how much before its making a certificate begins to be valid, so
// that peers whose clocks are behind accept it. There is no other leeway.
const backdate = time.Hour

// Options of an Identity.
type Options struct {
	// Network is the name that both sides must agree on, such as "finney/19" or
	// "devnet": 1 to 64 bytes of visible ASCII. A certificate for one network
	// means nothing on another. Required.
	Network string
	// Lifetime is how long a certificate is valid from its making, from one
	// minute to MaxLifetime less an hour; 24 hours if zero. A new one is made
	// when half of it has passed.
	Lifetime time.Duration
	// Clock is time.Now if nil.
	Clock func() time.Time
}

// Identity is a hotkey with its present TLS certificate, for both directions.
// It is safe for concurrent use and owns no goroutine: the certificate is
// renewed by the first handshake that finds it half spent.
type Identity struct {
	key     *hotkey.Key
	options Options
	newKey  func() (crypto.Signer, error) // the TLS key; replaced in benchmarks only

	mu      sync.Mutex // guards current and renewAt
	current *tls.Certificate
	renewAt time.Time
}

// NewIdentity checks the options and makes the first certificate.
func NewIdentity(key *hotkey.Key, options Options) (*Identity, error) {
	if err := validNetwork(options.Network); err != nil {
		return nil, fmt.Errorf("transport identity: %w", err)
	}
	if options.Lifetime == 0 {
		options.Lifetime = 24 * time.Hour
	}
	if longest := MaxLifetime - backdate; options.Lifetime < time.Minute || options.Lifetime > longest {
		return nil, fmt.Errorf("transport identity: certificate lifetime %v, want 1m to %v", options.Lifetime, longest)
	}
	if options.Clock == nil {
		options.Clock = time.Now
	}
	i := &Identity{key: key, options: options, newKey: newEd25519}
	if _, err := i.certificate(); err != nil {
		return nil, err
	}
	return i, nil
}

// ID returns this side's hotkey.
func (i *Identity) ID() hotkey.ID { return i.key.ID() }

// Network returns the network's name.
func (i *Identity) Network() string { return i.options.Network }

// ServerTLS returns the configuration of a server. A handshake succeeds only
// for a caller that proves a hotkey and for which admit returns nil; admit runs
// once per connection, so it must be quick, and for callers that did not yet
// prove their TLS key, so it must have no effect worth forging. It is required.
// The caller may replace NextProtos, which is HTTP/1.1.
func (i *Identity) ServerTLS(admit func(hotkey.ID) error) *tls.Config {
	if admit == nil {
		panic("transport: ServerTLS needs an admit function")
	}
	config := i.config(func(id hotkey.ID) error {
		if err := admit(id); err != nil {
			return fmt.Errorf("%w: %s: %w", ErrNotAdmitted, id, err)
		}
		return nil
	})
	config.ClientAuth = tls.RequireAnyClientCert
	config.GetCertificate = func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return i.certificate() }
	return config
}

// ClientTLS returns the configuration of a client that accepts no server but
// want. The caller may replace NextProtos, which is HTTP/1.1.
func (i *Identity) ClientTLS(want hotkey.ID) *tls.Config {
	config := i.config(func(id hotkey.ID) error {
		if id != want {
			return fmt.Errorf("%w: %s answers where the ledger says %s (a stale or hijacked address?)", ErrWrongHotkey, id, want)
		}
		return nil
	})
	// Names and authorities mean nothing here; VerifyConnection checks instead.
	config.InsecureSkipVerify = true
	config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return i.certificate() }
	return config
}

func (i *Identity) config(judge func(hotkey.ID) error) *tls.Config {
	return &tls.Config{
		MinVersion:             tls.VersionTLS13,
		NextProtos:             []string{"http/1.1"},
		SessionTicketsDisabled: true, // and no ClientSessionCache: nothing to resume
		Time:                   i.options.Clock,
		VerifyConnection: func(state tls.ConnectionState) error {
			cert, err := onlyCertificate(state)
			if err != nil {
				return err
			}
			id, err := verify(cert, i.options.Network, i.options.Clock())
			if err != nil {
				return err
			}
			return judge(id)
		},
	}
}

// certificate returns the current certificate, made anew if half spent, or if
// the clock went back before its validity.
func (i *Identity) certificate() (*tls.Certificate, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	now := i.options.Clock()
	if i.current != nil && now.Before(i.renewAt) && !now.Before(i.current.Leaf.NotBefore) {
		return i.current, nil
	}
	fresh, err := i.issue(now)
	if err != nil {
		return nil, fmt.Errorf("make a TLS certificate for %s: %w", i.key.ID(), err)
	}
	i.current, i.renewAt = fresh, now.Add(i.options.Lifetime/2)
	return fresh, nil
}

func (i *Identity) issue(now time.Time) (*tls.Certificate, error) {
	tlsKey, err := i.newKey()
	if err != nil {
		return nil, err
	}
	return issue(i.key, i.options.Network, tlsKey, now.Add(-backdate), now.Add(i.options.Lifetime))
}

// issue makes the certificate of docs/protocol.md.
func issue(key *hotkey.Key, network string, tlsKey crypto.Signer, notBefore, notAfter time.Time) (*tls.Certificate, error) {
	notBefore, notAfter = notBefore.Truncate(time.Second), notAfter.Truncate(time.Second)
	publicKeyInfo, err := x509.MarshalPKIXPublicKey(tlsKey.Public())
	if err != nil {
		return nil, err
	}
	b := binding{
		id:        key.ID(),
		signature: key.Sign(signedMessage(network, notBefore, notAfter, publicKeyInfo)),
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber:    serial.Add(serial, big.NewInt(1)),
		Subject:         pkix.Name{CommonName: "vision"},
		NotBefore:       notBefore,
		NotAfter:        notAfter,
		KeyUsage:        x509.KeyUsageDigitalSignature,
		ExtraExtensions: []pkix.Extension{{Id: extensionID, Value: b.marshal()}},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, tlsKey.Public(), tlsKey)
	if err != nil {
		return nil, err
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: tlsKey, Leaf: leaf}, nil
}

// newEd25519 makes the TLS key. A handshake costs 5 to 15% less than with P-256,
// measured, and its certificate is smaller; peers may use either.
func newEd25519() (crypto.Signer, error) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	return key, err
}
