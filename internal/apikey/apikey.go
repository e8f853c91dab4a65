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

// HashOf gives the hash that a key is stored and looked up by.
func HashOf(text string) Hash { return sha256.Sum256([]byte(text)) }

// Plausible reports whether text has a key's shape, before it is hashed.
func Plausible(text string) bool {
	return strings.HasPrefix(text, Prefix) && len(text) <= 128
}
