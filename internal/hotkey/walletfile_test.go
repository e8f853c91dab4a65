package hotkey

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func read(t testing.TB, name string) []byte {
	t.Helper()
	content, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// The files were written by the official wallet library, 4.1.1.
func TestParseOfficialWallets(t *testing.T) {
	for name, address := range map[string]string{
		"wallet_phrase.json":             devAddress,
		"wallet_alice_private_only.json": aliceAddress, // from a derivation path: no phrase, no seed
		"wallet_garbled_seed.json":       "5EsNLFaGe9XK5LzWH3i6eC2Wqv6YqZS1442N1C4yeSdP6uxy",
	} {
		k, err := ParseWallet(read(t, name))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := k.ID().String(); got != address {
			t.Errorf("%s gives %s, want %s", name, got, address)
		}
		sig := k.Sign([]byte("m"))
		if !Verify(k.ID(), []byte("m"), sig[:]) {
			t.Errorf("%s: the key does not sign", name)
		}
	}
}

// Wallet writes field for field what the official library wrote.
func TestWalletMatchesOfficial(t *testing.T) {
	official := read(t, "wallet_phrase.json")
	k, err := ParseWallet(official)
	if err != nil {
		t.Fatal(err)
	}
	var want, got map[string]any
	if err := errors.Join(json.Unmarshal(official, &want), json.Unmarshal(Wallet(k), &got)); err != nil {
		t.Fatal(err)
	}
	if len(got) != len(want) {
		t.Errorf("%d fields, want %d", len(got), len(want))
	}
	for field := range want {
		if got[field] != want[field] {
			t.Errorf("%s differs from the official file", field)
		}
	}
}

func edited(t testing.TB, name string, edit func(map[string]any)) []byte {
	t.Helper()
	var fields map[string]any
	if err := json.Unmarshal(read(t, name), &fields); err != nil {
		t.Fatal(err)
	}
	edit(fields)
	content, err := json.Marshal(fields)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// times8 is polkadot-js's form of a private key: the scalar times the cofactor.
func times8(t testing.TB, private string) string {
	raw, err := hex.DecodeString(private[2:])
	if err != nil {
		t.Fatal(err)
	}
	var low byte
	for i := range 32 {
		b := raw[i]
		raw[i] = b<<3 | low
		low = b >> 5
	}
	return "0x" + hex.EncodeToString(raw)
}

func TestParsePolkadotPrivateKey(t *testing.T) {
	for _, file := range []string{"wallet_phrase.json", "wallet_alice_private_only.json", "wallet_garbled_seed.json"} {
		var want ID
		content := edited(t, file, func(f map[string]any) {
			id, err := ParseID(f["ss58Address"].(string))
			if err != nil {
				t.Fatal(err)
			}
			want = id
			delete(f, "secretPhrase")
			delete(f, "secretSeed")
			f["privateKey"] = times8(t, f["privateKey"].(string))
		})
		k, err := ParseWallet(content)
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		if k.ID() != want {
			t.Errorf("%s: got %s, want %s", file, k.ID(), want)
		}
		// The nonce half came along: the signature is the canonical key's own.
		canonical, err := ParseWallet(read(t, file))
		if err != nil {
			t.Fatal(err)
		}
		if k.Sign([]byte("m")) != canonical.Sign([]byte("m")) {
			t.Errorf("%s: the two forms are different keys", file)
		}
	}
}

func TestParseWalletOrderAndChecks(t *testing.T) {
	alice := FromSeed(seedOf(t, aliceSeed))
	t.Run("a wrong phrase yields to a right seed", func(t *testing.T) {
		k, err := ParseWallet(edited(t, "wallet_phrase.json", func(f map[string]any) {
			f["secretPhrase"] = "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about"
			delete(f, "privateKey")
		}))
		if err != nil || k.ID().String() != devAddress {
			t.Fatalf("%v, %v", k, err)
		}
	})
	t.Run("seed alone", func(t *testing.T) {
		k, err := ParseWallet([]byte(`{"secretSeed":"0x` + aliceSeed + `"}`))
		if err != nil || k.ID() != alice.ID() {
			t.Fatalf("%v, %v", k, err)
		}
	})
	for _, c := range []struct {
		name, want string
		content    []byte
	}{
		{"key of someone else", "the file says", edited(t, "wallet_phrase.json", func(f map[string]any) {
			f["publicKey"], f["accountId"], f["ss58Address"] = hex0x(alice.id[:]), hex0x(alice.id[:]), aliceAddress
		})},
		{"fields disagree", "another field", edited(t, "wallet_phrase.json", func(f map[string]any) { f["ss58Address"] = aliceAddress })},
		{"public only", "no secretPhrase", edited(t, "wallet_alice_private_only.json", func(f map[string]any) { delete(f, "privateKey") })},
		{"ed25519", "cryptoType", edited(t, "wallet_phrase.json", func(f map[string]any) { f["cryptoType"] = 0 })},
		{"short private key", "32 bytes", []byte(`{"privateKey":"0x` + aliceSeed + `"}`)},
		{"zero private key", "neither canonical", []byte(`{"privateKey":"0x` + strings.Repeat("00", 64) + `"}`)},
		{"not JSON", "not the JSON", []byte("hello")},
		{"empty", "not the JSON", nil},
	} {
		k, err := ParseWallet(c.content)
		if !errors.Is(err, ErrWallet) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, %v; want an ErrWallet with %q", c.name, k, err, c.want)
		}
		if err != nil && (strings.Contains(err.Error(), "bottom") || strings.Contains(err.Error(), aliceSeed[:8])) {
			t.Errorf("%s: the error shows a secret: %v", c.name, err)
		}
	}
}

func TestWalletRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		entropy := rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "entropy")
		k, err := Generate(bytes.NewReader(entropy))
		if err != nil {
			t.Fatal(err)
		}
		back, err := ParseWallet(Wallet(k))
		if err != nil || back.ID() != k.ID() || back.phrase != k.phrase {
			t.Fatalf("%v, %v", back, err)
		}
	})
	// A phrase with a password has no field for it, so only the seed is written.
	k, err := FromMnemonic(devPhrase, "secret")
	if err != nil {
		t.Fatal(err)
	}
	if back, err := ParseWallet(Wallet(k)); err != nil || back.ID() != k.ID() {
		t.Fatalf("%v, %v", back, err)
	}
}

// Both files, one of libsodium and one of the official wallet, have the same
// password, so one slow derivation serves for both.
func TestDecrypt(t *testing.T) {
	var vector struct{ Password, Key, Plain, File_hex string }
	if err := json.Unmarshal(read(t, "nacl_keyfile.json"), &vector); err != nil {
		t.Fatal(err)
	}
	key := naclKey(vector.Password)
	if got := hex.EncodeToString(key[:]); got != vector.Key {
		t.Fatalf("derived key %s, want %s", got, vector.Key)
	}
	small, err := hex.DecodeString(vector.File_hex)
	if err != nil {
		t.Fatal(err)
	}
	plain, err := openBox(small, key)
	if err != nil || string(plain) != vector.Plain {
		t.Fatalf("%s, %v", plain, err)
	}

	official := read(t, "wallet_encrypted.nacl")
	if _, err := ParseWallet(official); !errors.Is(err, ErrEncrypted) {
		t.Fatalf("ParseWallet of an encrypted file: %v, want ErrEncrypted", err)
	}
	plain, err = openBox(official, key)
	if err != nil {
		t.Fatal(err)
	}
	k, err := ParseWallet(plain)
	if err != nil || k.ID().String() != "5EsNLFaGe9XK5LzWH3i6eC2Wqv6YqZS1442N1C4yeSdP6uxy" {
		t.Fatalf("%v, %v", k, err)
	}

	key[0]++
	if _, err := openBox(official, key); !errors.Is(err, ErrPassword) {
		t.Errorf("wrong key: %v, want ErrPassword", err)
	}
	if _, err := openBox(official[:20], key); !errors.Is(err, ErrWallet) {
		t.Errorf("cut file: %v, want ErrWallet", err)
	}
	if _, err := Decrypt([]byte("{}"), ""); !errors.Is(err, ErrWallet) {
		t.Errorf("plain file: %v, want ErrWallet", err)
	}
	if _, err := Decrypt([]byte("$ANSIBLE_VAULT;1.1;AES256"), ""); !errors.Is(err, ErrEncrypted) {
		t.Errorf("old format: %v, want ErrEncrypted", err)
	}
}

func FuzzParseWallet(f *testing.F) {
	for _, name := range []string{"wallet_phrase.json", "wallet_alice_private_only.json", "wallet_garbled_seed.json", "wallet_encrypted.nacl"} {
		f.Add(read(f, name))
	}
	f.Add([]byte(`{"privateKey":"0x08"}`))
	f.Fuzz(func(t *testing.T, content []byte) {
		k, err := ParseWallet(content)
		if err != nil {
			if !errors.Is(err, ErrWallet) && !errors.Is(err, ErrEncrypted) {
				t.Fatalf("an untyped error: %v", err)
			}
			return
		}
		back, err := ParseWallet(Wallet(k))
		if err != nil || back.ID() != k.ID() {
			t.Fatalf("does not survive a round trip: %v", err)
		}
	})
}
