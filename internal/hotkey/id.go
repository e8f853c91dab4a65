package hotkey

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/mr-tron/base58"
	"golang.org/x/crypto/blake2b"
)

// Prefix is the SS58 address type of every key on Bittensor (42, "generic Substrate").
const Prefix = 42

// ID is a neuron's public key: the 32 bytes of an sr25519 point. It is
// comparable, so it serves as a map key. Its text form is an SS58 address.
type ID [32]byte

// ErrAddress is wrapped by every error of ParseID.
var ErrAddress = errors.New("not an SS58 address")

// String returns the SS58 address (48 characters for prefix 42).
func (id ID) String() string {
	body := append([]byte{Prefix}, id[:]...)
	sum := checksum(body)
	return base58.Encode(append(body, sum[:2]...))
}

// Short returns the head of the address, for tables and logs.
func (id ID) Short() string { return id.String()[:8] }

// IsZero reports whether id is the zero value, which names nobody.
func (id ID) IsZero() bool { return id == ID{} }

// Compare orders IDs by their bytes; ties between miners break by it.
func (id ID) Compare(other ID) int { return bytes.Compare(id[:], other[:]) }

// MarshalText implements encoding.TextMarshaler.
func (id ID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (id *ID) UnmarshalText(text []byte) error {
	parsed, err := ParseID(string(text))
	if err != nil {
		return err
	}
	*id = parsed
	return nil
}

// ParseID reads an SS58 address of prefix 42.
func ParseID(address string) (ID, error) {
	var id ID
	if len(address) > 64 {
		return id, fmt.Errorf("%w: %d characters long, want 48", ErrAddress, len(address))
	}
	raw, err := base58.Decode(address)
	if err != nil {
		return id, fmt.Errorf("%w: %q has a character outside base 58", ErrAddress, address)
	}
	if len(raw) != 1+len(id)+2 {
		return id, fmt.Errorf("%w: %q has %d characters, want the whole address, usually 48", ErrAddress, address, len(address))
	}
	if raw[0] != Prefix {
		return id, fmt.Errorf("%w: %q has prefix %d, want %d", ErrAddress, address, raw[0], Prefix)
	}
	sum := checksum(raw[:33])
	if !bytes.Equal(sum[:2], raw[33:]) {
		return id, fmt.Errorf("%w: %q has a wrong checksum (a typing mistake?)", ErrAddress, address)
	}
	copy(id[:], raw[1:33])
	return id, nil
}

func checksum(body []byte) [64]byte {
	return blake2b.Sum512(append([]byte("SS58PRE"), body...))
}
