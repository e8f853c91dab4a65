package hotkey

import (
	"bytes"
	"errors"
	"fmt"

	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/nacl/secretbox"
)

const naclMagic = "$NACL"

// naclSalt is fixed in the official tools: the password alone makes the key.
var naclSalt = []byte{0x13, 0x71, 0x83, 0xdf, 0xf1, 0x5a, 0x09, 0xbc, 0x9c, 0x90, 0xb5, 0x51, 0x87, 0x39, 0xe9, 0xb1}

// ErrPassword means that the password does not open the file, or that the file is damaged.
var ErrPassword = errors.New("wrong password, or a damaged file")

// Encrypted reports whether content is an encrypted wallet file of any of the
// official formats, of which [Decrypt] reads the current one (NaCl).
func Encrypted(content []byte) bool {
	return bytes.HasPrefix(content, []byte(naclMagic)) || legacy(content)
}

// legacy recognises the formats of before 2023: Ansible vault and Fernet.
func legacy(content []byte) bool {
	return bytes.HasPrefix(content, []byte("$ANSIBLE_VAULT")) || bytes.HasPrefix(content, []byte("gAAAAA"))
}

// Decrypt opens an encrypted wallet file and returns its JSON, for [ParseWallet].
// It takes some seconds of one core and 512 MiB of memory, by design of the
// format (Argon2i, 8 passes): tell the user before calling it.
func Decrypt(content []byte, password string) ([]byte, error) {
	if legacy(content) {
		return nil, fmt.Errorf("%w in a format of before 2023: open it once with the official wallet tool, which rewrites it", ErrEncrypted)
	}
	if !bytes.HasPrefix(content, []byte(naclMagic)) {
		return nil, fmt.Errorf("%w: it does not begin with %s, so it is not encrypted", ErrWallet, naclMagic)
	}
	return openBox(content, naclKey(password))
}

func naclKey(password string) [32]byte {
	return [32]byte(argon2.Key([]byte(password), naclSalt, 8, 512*1024, 1, 32))
}

func openBox(content []byte, key [32]byte) ([]byte, error) {
	body := content[len(naclMagic):]
	if len(body) < 24+secretbox.Overhead {
		return nil, fmt.Errorf("%w: it is cut off after %d bytes", ErrWallet, len(content))
	}
	plain, ok := secretbox.Open(nil, body[24:], (*[24]byte)(body[:24]), &key)
	if !ok {
		return nil, ErrPassword
	}
	return plain, nil
}
