// Package apikey is a customer's credential: how a key looks, how it is
// hashed, what it may do. The key itself is shown once and never stored.
package apikey

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"strings"
	"time"
)

// Prefix starts every key, as OpenAI clients expect.
const Prefix = "sk-"

// Hash is what is stored of a key. A key holds 256 random bits, so a plain
// hash cannot be searched and needs no salt.
type Hash [sha256.Size]byte

// Key is what is known of a key.
type Key struct {
	ID        int64 // given by the store, > 0
	Name      string
	Hash      Hash
	Hint      string // last four characters, to tell keys apart in a table
	PerMinute int    // requests a minute; 0 is no limit
	Created   time.Time
	Revoked   time.Time // zero while valid
}

// Generate draws a key from random and gives the text to show once.
func Generate(random io.Reader) (text string, err error) {
	var secret [32]byte
	if _, err := io.ReadFull(random, secret[:]); err != nil {
		return "", fmt.Errorf("draw an API key: %w", err)
	}
	return Prefix + base64.RawURLEncoding.EncodeToString(secret[:]), nil
}

// New draws a key and gives it with the text to show once. It has no ID yet.
// perMinute is the most requests a minute, 0 for no limit.
func New(random io.Reader, name string, perMinute int, now time.Time) (Key, string, error) {
	if perMinute < 0 || perMinute > MaxPerMinute {
		return Key{}, "", fmt.Errorf("a key's limit is %d requests a minute, want 0 (none) to %d", perMinute, MaxPerMinute)
	}
	text, err := Generate(random)
	if err != nil {
		return Key{}, "", err
	}
	return Key{Name: name, Hash: HashOf(text), Hint: Hint(text), PerMinute: perMinute, Created: now}, text, nil
}

// MaxPerMinute bounds a key's limit.
const MaxPerMinute = 1_000_000_000

// Valid reports whether the key may be used at now.
func (k *Key) Valid(now time.Time) bool {
	return k.Revoked.IsZero() || k.Revoked.After(now)
}

// Hint is the end of a key, which tells keys apart and gives nothing away.
func Hint(text string) string { return text[max(len(text)-4, 0):] }

// HashOf gives the hash that a key is stored and looked up by.
func HashOf(text string) Hash { return sha256.Sum256([]byte(text)) }

// Plausible reports whether text has a key's shape, before it is hashed.
func Plausible(text string) bool {
	return strings.HasPrefix(text, Prefix) && len(text) <= 128
}
