package hotkey

import (
	"bytes"
	"crypto/pbkdf2"
	"crypto/sha512"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/oasisprotocol/curve25519-voi/primitives/sr25519"
	bip39 "github.com/tyler-smith/go-bip39"
)

// SignatureSize is the length in bytes of every signature.
const SignatureSize = sr25519.SignatureSize

// context is a Merlin transcript that is only ever cloned, so goroutines share it.
var context = sr25519.NewSigningContext([]byte("substrate"))

// Key is a hotkey that can sign. It is immutable and safe for concurrent use.
// The zero value is not usable.
type Key struct {
	id     ID
	pair   *sr25519.KeyPair
	secret [sr25519.SecretKeySize]byte // canonical Schnorrkel: scalar, then nonce
	seed   *[32]byte                   // nil when only the expanded key is known
	phrase string                      // empty when the key did not come from one
}

// ErrPhrase is wrapped by every error of FromMnemonic.
var ErrPhrase = errors.New("not a BIP-39 phrase")

// Generate makes a new key with a 12-word phrase from 16 bytes of rand, which
// must be a cryptographic source. It fails only when rand does.
func Generate(rand io.Reader) (*Key, error) {
	entropy := make([]byte, 16)
	if _, err := io.ReadFull(rand, entropy); err != nil {
		return nil, fmt.Errorf("generate hotkey: read entropy: %w", err)
	}
	phrase, err := bip39.NewMnemonic(entropy)
	if err != nil {
		return nil, fmt.Errorf("generate hotkey: %w", err)
	}
	return FromMnemonic(phrase, "")
}

// FromSeed returns the key of a 32-byte mini secret ("secretSeed"), expanded
// the Ed25519 way as Substrate does.
func FromSeed(seed [32]byte) *Key {
	mini := sr25519.MiniSecretKey(seed)
	k := fromSecret(mini.ExpandEd25519())
	k.seed = &seed
	return k
}

// FromMnemonic returns the key of a BIP-39 phrase of 12 to 24 English words.
// As on every Substrate chain, and unlike BIP-39 itself, the seed is stretched
// from the phrase's entropy and not from its words. The password is usually
// empty; a wrong one gives another key, not an error.
func FromMnemonic(phrase, password string) (*Key, error) {
	words := strings.Fields(strings.ToLower(phrase))
	if n := len(words); n < 12 || n > 24 || n%3 != 0 {
		return nil, fmt.Errorf("%w: it has %d words, want 12, 15, 18, 21 or 24", ErrPhrase, n)
	}
	phrase = strings.Join(words, " ")
	for i, word := range words {
		if _, known := bip39.GetWordIndex(word); !known {
			// The word itself is part of a secret: name its place only.
			return nil, fmt.Errorf("%w: word %d is not in the English list (a typing mistake?)", ErrPhrase, i+1)
		}
	}
	entropy, err := bip39.EntropyFromMnemonic(phrase)
	if err != nil {
		return nil, fmt.Errorf("%w: its checksum is wrong (a word mistyped or out of order?)", ErrPhrase)
	}
	stretched, err := pbkdf2.Key(sha512.New, string(entropy), []byte("mnemonic"+password), 2048, 64)
	if err != nil {
		return nil, fmt.Errorf("stretch phrase: %w", err)
	}
	k := FromSeed([32]byte(stretched[:32]))
	if password == "" { // a wallet file has no field for the password
		k.phrase = phrase
	}
	return k, nil
}

func fromSecret(secret *sr25519.SecretKey) *Key {
	k := &Key{pair: secret.KeyPair()}
	public, err := k.pair.PublicKey().MarshalBinary()
	if err != nil {
		panic("hotkey: encode public key: " + err.Error()) // cannot fail for a derived key
	}
	expanded, err := secret.MarshalBinary()
	if err != nil {
		panic("hotkey: encode secret key: " + err.Error())
	}
	copy(k.id[:], public)
	copy(k.secret[:], expanded)
	return k
}

// ID returns the public half.
func (k *Key) ID() ID { return k.id }

// Format prints the address whatever the verb, so that no log shows a secret.
func (k Key) Format(f fmt.State, _ rune) { io.WriteString(f, k.id.String()) }

// Sign signs msg. The nonce comes from the secret key and msg alone, so the
// same message always gets the same signature and no randomness can be too
// poor to be safe.
func (k *Key) Sign(msg []byte) [SignatureSize]byte {
	// Schnorrkel keys the nonce with the second half of the secret, which some
	// tools export as zeros. Feed it a hash of the whole secret as its entropy,
	// so that the scalar protects itself in any case.
	hedge := sha512.New()
	hedge.Write([]byte("vision/hotkey/nonce\x00"))
	hedge.Write(k.secret[:])
	hedge.Write(msg)
	entropy := bytes.NewReader(hedge.Sum(nil))

	sig, err := k.pair.Sign(entropy, context.NewTranscriptBytes(msg))
	if err != nil {
		panic("hotkey: sign: " + err.Error()) // only a failing entropy source can cause it
	}
	raw, err := sig.MarshalBinary()
	if err != nil {
		panic("hotkey: encode signature: " + err.Error())
	}
	return [SignatureSize]byte(raw)
}

// Verify reports whether sig is id's signature of msg. Whatever the input, it
// neither panics nor accepts the zero ID, for which anyone could sign.
func Verify(id ID, msg, sig []byte) bool {
	if id.IsZero() {
		return false
	}
	public, err := sr25519.NewPublicKeyFromBytes(id[:])
	if err != nil {
		return false
	}
	signature, err := sr25519.NewSignatureFromBytes(sig)
	if err != nil {
		return false
	}
	return public.Verify(context.NewTranscriptBytes(msg), signature)
}
