// Package apikey is a customer's credential: how a key looks, how it is
// hashed, what it may do, and the project that pays for it. The key itself is
// shown once and never stored.
//
// Invariants: nothing that is kept can be turned back into a key. Limits follow
// from the instants that they are given alone, and in any m minutes allow at
// most m+1 times what they say of one.
package apikey

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"vision/internal/ledger"
)

// Prefix starts every key, as OpenAI clients expect.
const Prefix = "sk-"

// Hash is what is stored of a key. A key holds 256 random bits, so a plain
// hash cannot be searched and needs no salt.
type Hash [sha256.Size]byte

// Key is what is known of a key. Two with equal fields are equal.
type Key struct {
	ID        int64 // given by the store, > 0
	Project   int64 // that pays; 0 when a key is created is DefaultProject
	Name      string
	Hash      Hash
	Hint      string // last four characters, to tell keys apart in a table
	Tasks     Scope  // tasks that it may use
	PerMinute int    // requests a minute; 0 is no limit

	TokensPerMinute int64         // prompt and output; 0 is no limit
	Concurrent      int           // requests under way at once; 0 is no limit
	SpendLimit      ledger.Amount // what may be charged to it in all, shared by the keys of one Root; 0 is no limit

	Created     time.Time
	Expires     time.Time // zero: never
	Revoked     time.Time // zero while valid; in the future during the grace after a rotation
	RotatedFrom int64     // the key in whose place this one was made, 0 if none
	Root        int64     // the first of the keys made in one another's place: its own ID, if there was none before; given by the store
}

// Scope is a set of tasks, their names separated by commas, sorted. The empty
// scope holds all tasks.
type Scope string

// ScopeOf makes a scope of names. Empty names are left out.
func ScopeOf(names ...string) Scope {
	list := make([]string, 0, len(names))
	for _, name := range names {
		if name != "" {
			list = append(list, name)
		}
	}
	slices.Sort(list)
	return Scope(strings.Join(slices.Compact(list), ","))
}

// Allows says whether the scope holds a task.
func (s Scope) Allows(task string) bool {
	if s == "" {
		return true
	}
	for rest, more := string(s), true; more; {
		var name string
		if name, rest, more = strings.Cut(rest, ","); name == task {
			return true
		}
	}
	return false
}

// Tasks lists the scope's tasks; nil is all.
func (s Scope) Tasks() []string {
	if s == "" {
		return nil
	}
	return strings.Split(string(s), ",")
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
	return (k.Revoked.IsZero() || k.Revoked.After(now)) && (k.Expires.IsZero() || k.Expires.After(now))
}

// Check says what is wrong with a key's limits and texts.
func (k *Key) Check() error {
	switch {
	case k.PerMinute < 0 || k.PerMinute > MaxPerMinute:
		return fmt.Errorf("a key's limit is %d requests a minute, want 0 (none) to %d", k.PerMinute, MaxPerMinute)
	case k.TokensPerMinute < 0:
		return fmt.Errorf("a key's limit is %d tokens a minute, want 0 (none) or more", k.TokensPerMinute)
	case k.Concurrent < 0:
		return fmt.Errorf("a key's limit is %d requests at once, want 0 (none) or more", k.Concurrent)
	case k.SpendLimit < 0:
		return fmt.Errorf("a key's spend limit is %v, want 0 (none) or more", k.SpendLimit)
	case len(k.Name) > ledger.MaxText:
		return fmt.Errorf("a key's name has %d bytes, want at most %d", len(k.Name), ledger.MaxText)
	}
	return nil
}

// Next is the key to make in k's place: it may do the same, at the same cost.
// It has no ID and no revocation.
func (k *Key) Next(random io.Reader, now time.Time) (Key, string, error) {
	text, err := Generate(random)
	if err != nil {
		return Key{}, "", err
	}
	next := *k
	next.ID, next.RotatedFrom, next.Revoked, next.Created = 0, k.ID, time.Time{}, now
	next.Hash, next.Hint = HashOf(text), Hint(text)
	return next, text, nil
}

// Hint is the end of a key, which tells keys apart and gives nothing away.
func Hint(text string) string { return text[max(len(text)-4, 0):] }

// HashOf gives the hash that a key is stored and looked up by.
func HashOf(text string) Hash { return sha256.Sum256([]byte(text)) }

// Plausible reports whether text has a key's shape, before it is hashed.
func Plausible(text string) bool {
	return strings.HasPrefix(text, Prefix) && len(text) <= 128
}
