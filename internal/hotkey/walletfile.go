package hotkey

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/oasisprotocol/curve25519-voi/primitives/sr25519"
)

// ErrWallet is wrapped by every error about a wallet file's content, and
// ErrEncrypted when the file needs [Decrypt] and its password first.
var (
	ErrWallet    = errors.New("not a usable wallet file")
	ErrEncrypted = errors.New("the wallet file is encrypted")
)

// walletFile is the JSON of an official wallet: hex fields with 0x before them.
type walletFile struct {
	AccountID    string `json:"accountId"`
	PublicKey    string `json:"publicKey"`
	PrivateKey   string `json:"privateKey,omitempty"`
	SecretPhrase string `json:"secretPhrase,omitempty"`
	SecretSeed   string `json:"secretSeed,omitempty"`
	SS58Address  string `json:"ss58Address"`
	CryptoType   *int   `json:"cryptoType,omitempty"` // 1 is sr25519; older files lack it
}

// Wallet returns k in the official tools' wallet format, unencrypted.
func Wallet(k *Key) []byte {
	sr := 1
	file := walletFile{
		AccountID:    hex0x(k.id[:]),
		PublicKey:    hex0x(k.id[:]),
		PrivateKey:   hex0x(k.secret[:]),
		SecretPhrase: k.phrase,
		SS58Address:  k.id.String(),
		CryptoType:   &sr,
	}
	if k.seed != nil {
		file.SecretSeed = hex0x(k.seed[:])
	}
	text, err := json.Marshal(file)
	if err != nil {
		panic("hotkey: encode wallet: " + err.Error()) // strings and one int cannot fail
	}
	return text
}

// ParseWallet reads an unencrypted wallet file. It tries the phrase, then the
// seed, then the private key, and returns the first that gives the file's
// public key; the official tools are known to write a garbled seed beside a
// good private key. A file without a public key or address is taken at its
// word. Errors wrap ErrEncrypted or ErrWallet and never quote a secret.
func ParseWallet(content []byte) (*Key, error) {
	if Encrypted(content) {
		return nil, fmt.Errorf("%w: decrypt it with its password, or write the hotkey again without one", ErrEncrypted)
	}
	var file walletFile
	if err := json.Unmarshal(content, &file); err != nil {
		return nil, fmt.Errorf("%w: it is not the JSON that the official tools write", ErrWallet)
	}
	if file.CryptoType != nil && *file.CryptoType != 1 {
		return nil, fmt.Errorf("%w: cryptoType is %d, want 1 (sr25519)", ErrWallet, *file.CryptoType)
	}
	want, known, err := file.public()
	if err != nil {
		return nil, err
	}
	sources := []struct {
		name, value string
		read        func(string) (*Key, error)
	}{
		{"secretPhrase", file.SecretPhrase, func(s string) (*Key, error) { return FromMnemonic(s, "") }},
		{"secretSeed", file.SecretSeed, keyFromSeedHex},
		{"privateKey", file.PrivateKey, func(s string) (*Key, error) { return keyFromPrivateHex(s, want, known) }},
	}
	var tried []string
	for _, source := range sources {
		if source.value == "" {
			continue
		}
		k, err := source.read(source.value)
		switch {
		case err != nil:
			tried = append(tried, source.name+": "+err.Error())
		case known && k.id != want:
			tried = append(tried, fmt.Sprintf("%s: gives %s, but the file says %s", source.name, k.id, want))
		default:
			return k, nil
		}
	}
	if tried == nil {
		return nil, fmt.Errorf("%w: it has no secretPhrase, secretSeed or privateKey (a public key file? use the hotkey file itself)", ErrWallet)
	}
	return nil, fmt.Errorf("%w: %s", ErrWallet, strings.Join(tried, "; "))
}

// public returns the ID the file claims, and whether it claims one.
func (f *walletFile) public() (id ID, known bool, err error) {
	fields := []struct{ name, value string }{
		{"publicKey", f.PublicKey}, {"accountId", f.AccountID}, {"ss58Address", f.SS58Address},
	}
	for _, field := range fields {
		if field.value == "" {
			continue
		}
		var claim ID
		if field.name == "ss58Address" {
			if claim, err = ParseID(field.value); err != nil {
				return id, false, fmt.Errorf("%w: ss58Address: %w", ErrWallet, err)
			}
		} else {
			raw, err := parseHex(field.value, 32)
			if err != nil {
				return id, false, fmt.Errorf("%w: %s: %w", ErrWallet, field.name, err)
			}
			claim = ID(raw)
		}
		if known && claim != id {
			return id, false, fmt.Errorf("%w: %s is %s, but another field says %s", ErrWallet, field.name, claim, id)
		}
		id, known = claim, true
	}
	return id, known, nil
}

func keyFromSeedHex(text string) (*Key, error) {
	raw, err := parseHex(text, 32)
	if err != nil {
		return nil, err
	}
	return FromSeed([32]byte(raw)), nil
}

// keyFromPrivateHex reads 64 bytes: a scalar, canonical or times the cofactor 8
// as polkadot-js writes it, and a nonce. The public key tells which; without
// one, the canonical reading wins if the scalar has it.
func keyFromPrivateHex(text string, want ID, known bool) (*Key, error) {
	raw, err := parseHex(text, sr25519.SecretKeySize)
	if err != nil {
		return nil, err
	}
	var found *Key
	for _, form := range [][]byte{raw, divideBy8(raw)} {
		secret, err := sr25519.NewSecretKeyFromBytes(form)
		if err != nil || isZero(form[:32]) {
			continue
		}
		k := fromSecret(secret)
		if !known || k.id == want {
			return k, nil
		}
		found = k
	}
	if found == nil {
		return nil, errors.New("the scalar is neither canonical nor canonical times 8")
	}
	return found, nil
}

// divideBy8 returns secret with its little-endian scalar divided by 8, or an
// empty secret if it does not divide.
func divideBy8(secret []byte) []byte {
	out := bytes.Clone(secret)
	if secret[0]&7 != 0 {
		return make([]byte, len(secret))
	}
	var high byte
	for i := 31; i >= 0; i-- {
		out[i] = secret[i]>>3 | high
		high = secret[i] << 5
	}
	return out
}

func isZero(b []byte) bool { return len(bytes.Trim(b, "\x00")) == 0 }

// parseHex never repeats its input in an error: it may be a secret.
func parseHex(text string, size int) ([]byte, error) {
	raw, err := hex.DecodeString(strings.TrimPrefix(text, "0x"))
	if err != nil {
		return nil, errors.New("not hexadecimal")
	}
	if len(raw) != size {
		return nil, fmt.Errorf("%d bytes long, want %d", len(raw), size)
	}
	return raw, nil
}

func hex0x(b []byte) string { return "0x" + hex.EncodeToString(b) }
