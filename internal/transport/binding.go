package transport

import (
	"bytes"
	"crypto/x509"
	"encoding/asn1"
	"encoding/binary"
	"fmt"
	"time"

	"vision/internal/hotkey"
)

// extensionID names the certificate extension. The project holds no enterprise
// number of its own, so it is under 32473, which is nobody's (RFC 5612).
var extensionID = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 32473, 19, 1}

// domain begins what a hotkey signs, and is used for nothing else. The version
// of the binding is in it.
const domain = "vision-tls-hotkey-v1"

// The extension's value is DER of
//
//	HotkeyBinding ::= SEQUENCE {
//	    hotkey     OCTET STRING (SIZE (32)),
//	    signature  OCTET STRING (SIZE (64)) }
//
// whose fixed sizes leave one encoding only: these headers around the two.
var (
	derHead = []byte{0x30, 0x64, 0x04, 0x20}
	derMid  = []byte{0x04, 0x40}
)

const extensionSize = 4 + 32 + 2 + hotkey.SignatureSize

// binding is the parsed extension: a claim until its signature is verified.
type binding struct {
	id        hotkey.ID
	signature [hotkey.SignatureSize]byte
}

func (b binding) marshal() []byte {
	return bytes.Join([][]byte{derHead, b.id[:], derMid, b.signature[:]}, nil)
}

func parseExtension(value []byte) (b binding, err error) {
	if len(value) != extensionSize || !bytes.HasPrefix(value, derHead) || !bytes.HasPrefix(value[36:], derMid) {
		return b, fmt.Errorf("%w: the extension's %d bytes are not the DER of a 32-byte hotkey and a 64-byte signature", ErrExtension, len(value))
	}
	copy(b.id[:], value[4:])
	copy(b.signature[:], value[38:])
	return b, nil
}

// findBinding reads the extension of cert, without verifying it. (x509 refuses
// a certificate that has an extension twice.)
func findBinding(cert *x509.Certificate) (binding, error) {
	for i := range cert.Extensions {
		if cert.Extensions[i].Id.Equal(extensionID) {
			return parseExtension(cert.Extensions[i].Value)
		}
	}
	return binding{}, fmt.Errorf("%w: it has no extension %s (is the peer a neuron of this network?)", ErrExtension, extensionID)
}

// signedMessage is what the hotkey signs. It holds all that is relied on in the
// certificate, and is longer than 64 bytes, so it is no hash of anything.
func signedMessage(network string, notBefore, notAfter time.Time, publicKeyInfo []byte) []byte {
	m := make([]byte, 0, len(domain)+2+len(network)+16+len(publicKeyInfo))
	m = append(m, domain...)
	m = append(m, 0, byte(len(network)))
	m = append(m, network...)
	m = binary.BigEndian.AppendUint64(m, uint64(notBefore.Unix()))
	m = binary.BigEndian.AppendUint64(m, uint64(notAfter.Unix()))
	return append(m, publicKeyInfo...)
}

// validNetwork reports whether name is 1 to 64 bytes of visible ASCII.
func validNetwork(name string) error {
	if len(name) < 1 || len(name) > 64 {
		return fmt.Errorf("network name %.80q is %d bytes long, want 1 to 64", name, len(name))
	}
	for i := range len(name) {
		if name[i] < 0x21 || name[i] > 0x7e {
			return fmt.Errorf("network name %q has a character that is not visible ASCII", name)
		}
	}
	return nil
}
