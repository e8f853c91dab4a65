package hotkey

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// The well-known development keys of Substrate, by their mini secrets.
const (
	aliceSeed    = "e5be9a5092b81bca64be81d212e7f2f9eba183bb7a90954f7b76361f6edb5c0a"
	aliceAddress = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY"
	bobSeed      = "398f0c28f98885e046333d4a41c19cee4c37368a9832c6502f6cfd182e2aef89"
	bobAddress   = "5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty"
	devPhrase    = "bottom drive obey lake curtain smoke basket hold race lonely fit walk"
	devAddress   = "5DfhGyQdFobKM8NsWvEeAKk5EQQgYe9AydgJ7rMB6E1EqRzV"
)

func seedOf(t testing.TB, text string) [32]byte {
	t.Helper()
	raw, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return [32]byte(raw)
}

func TestKnownKeys(t *testing.T) {
	for _, c := range []struct{ seed, address string }{{aliceSeed, aliceAddress}, {bobSeed, bobAddress}} {
		if got := FromSeed(seedOf(t, c.seed)).ID().String(); got != c.address {
			t.Errorf("seed %s gives %s, want %s", c.seed, got, c.address)
		}
	}
	k, err := FromMnemonic(devPhrase, "")
	if err != nil {
		t.Fatal(err)
	}
	if got := k.ID().String(); got != devAddress {
		t.Errorf("phrase gives %s, want %s", got, devAddress)
	}
	spaced, err := FromMnemonic("  Bottom drive\nobey lake curtain smoke basket hold race lonely fit walk ", "")
	if err != nil || spaced.ID() != k.ID() {
		t.Errorf("case and spaces matter: %v, %v", spaced, err)
	}
	other, err := FromMnemonic(devPhrase, "password")
	if err != nil || other.ID() == k.ID() {
		t.Errorf("the password does not matter: %v", err)
	}
}

// Seeds of the reference substrate-bip39 implementation, password "Substrate".
func TestMnemonicReferenceSeeds(t *testing.T) {
	for phrase, seed := range map[string]string{
		"abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about": "44e9d125f037ac1d51f0a7d3649689d422c2af8b1ec8e00d71db4d7bf6d127e3",
		"legal winner thank year wave sausage worth useful legal winner thank yellow":                   "4313249608fe8ac10fd5886c92c4579007272cb77c21551ee5b8d60b78041685",
		"letter advice cage absurd amount doctor acoustic avoid letter advice cage above":               "27f3eb595928c60d5bc91a4d747da40ed236328183046892ed6cd5aa9ae38122",
	} {
		k, err := FromMnemonic(phrase, "Substrate")
		if err != nil {
			t.Fatal(err)
		}
		if got := hex.EncodeToString(k.seed[:]); got != seed {
			t.Errorf("%.20s...: seed %s, want %s", phrase, got, seed)
		}
	}
}

func TestMnemonicErrorsSayWhatIsWrongWithoutTheWords(t *testing.T) {
	for phrase, want := range map[string]string{
		"":             "0 words",
		"bottom drive": "2 words",
		strings.Replace(devPhrase, "obey", "obbey", 1):            "word 3",
		strings.Replace(devPhrase, "drive obey", "obey drive", 1): "checksum",
	} {
		_, err := FromMnemonic(phrase, "")
		if !errors.Is(err, ErrPhrase) || !strings.Contains(err.Error(), want) {
			t.Errorf("FromMnemonic(%q) = %v, want an ErrPhrase with %q", phrase, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "obbey") {
			t.Errorf("the error repeats a word: %v", err)
		}
	}
}

// Signatures made by the official Python wallet over "vision interoperability".
func TestVerifiesOfficialSignatures(t *testing.T) {
	msg := []byte("vision interoperability")
	for address, sigHex := range map[string]string{
		aliceAddress: "0e68b392840d23d81b0cc8dcf551e52f5194d5fd1c7136b0cee6849848ce6416af001eccc213f51fa7188fda695d4a568430be987d25aa9399c5b6096da21d87",
		devAddress:   "2e8e9447b69016fd450e07f5edfafc35812332642cc374a729ff487409038556600e0b26ed73f65afcc402d5f5b2decc96daef58ff2126b2e7b1ec0dc203e38f",
	} {
		id, err := ParseID(address)
		if err != nil {
			t.Fatal(err)
		}
		sig, _ := hex.DecodeString(sigHex)
		if !Verify(id, msg, sig) {
			t.Errorf("signature by %s does not verify", address)
		}
		sig[63] &^= 0x80 // an Ed25519-looking signature
		if Verify(id, msg, sig) {
			t.Error("accepted a signature without Schnorrkel's mark")
		}
	}
}

func TestSignVerifyProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		seed := [32]byte(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "seed"))
		msg := rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, "msg")
		k := FromSeed(seed)
		sig := k.Sign(msg)
		if again := k.Sign(msg); again != sig {
			t.Fatal("signing is not deterministic")
		}
		if !Verify(k.ID(), msg, sig[:]) {
			t.Fatal("own signature does not verify")
		}
		if Verify(k.ID(), append(msg, 0), sig[:]) {
			t.Fatal("signature covers another message")
		}
		bit := rapid.IntRange(0, 64*8-1).Draw(t, "bit")
		sig[bit/8] ^= 1 << (bit % 8)
		if Verify(k.ID(), msg, sig[:]) {
			t.Fatalf("signature verifies with bit %d flipped", bit)
		}
	})
}

func TestNoncesDiffer(t *testing.T) {
	k := FromSeed(seedOf(t, aliceSeed))
	a, b := k.Sign([]byte("a")), k.Sign([]byte("b"))
	if bytes.Equal(a[:32], b[:32]) {
		t.Fatal("two messages share a nonce: the secret key leaks")
	}
}

func TestVerifyRefusesHostileInput(t *testing.T) {
	k := FromSeed(seedOf(t, aliceSeed))
	sig := k.Sign([]byte("m"))
	if Verify(k.ID(), []byte("m"), sig[:63]) || Verify(k.ID(), []byte("m"), nil) {
		t.Error("accepted a short signature")
	}
	// For the zero ID (the identity point), R = s*B verifies for every message.
	forged := make([]byte, 64)
	forged[63] = 0x80
	if Verify(ID{}, []byte("m"), forged) {
		t.Error("accepted a forged signature of the zero ID")
	}
	var off ID
	for i := range off {
		off[i] = 0xff
	}
	if Verify(off, []byte("m"), sig[:]) {
		t.Error("accepted an ID that is not a point")
	}
}

func TestGenerate(t *testing.T) {
	a, err := Generate(bytes.NewReader(bytes.Repeat([]byte{1}, 16)))
	if err != nil {
		t.Fatal(err)
	}
	b, err := Generate(bytes.NewReader(bytes.Repeat([]byte{2}, 16)))
	if err != nil {
		t.Fatal(err)
	}
	if a.ID() == b.ID() {
		t.Error("different entropy, same key")
	}
	if _, err := Generate(bytes.NewReader(make([]byte, 15))); err == nil {
		t.Error("made a key from too little entropy")
	}
}

func TestPrintingAKeyShowsItsAddressOnly(t *testing.T) {
	k, err := FromMnemonic(devPhrase, "")
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "key", k)
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "key", k)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%d", "%x"} {
		fmt.Fprintf(&log, verb, k)
		fmt.Fprintf(&log, verb, *k)
		fmt.Fprintf(&log, verb, struct{ K *Key }{k})
	}
	out := log.String()
	if strings.Contains(out, "bottom") || strings.Contains(out, hex.EncodeToString(k.seed[:4])) || strings.Contains(out, fmt.Sprintf("%d %d %d", k.secret[0], k.secret[1], k.secret[2])) {
		t.Errorf("a secret is printed: %s", out)
	}
	if !strings.Contains(out, devAddress) {
		t.Errorf("no address is printed: %s", out)
	}
}

func TestIDText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		id := ID(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "id"))
		back, err := ParseID(id.String())
		if err != nil || back != id {
			t.Fatalf("%v -> %v, %v", id, back, err)
		}
	})
	bad := []byte(aliceAddress)
	bad[10]++
	for _, text := range []string{"", "5", string(bad), aliceAddress + "1", strings.Repeat("1", 1000), "15oF4uVJwmo4TdGW7VfQxNLavjCXviqxT9S1MgbjMNHr6Sp5"} {
		if _, err := ParseID(text); !errors.Is(err, ErrAddress) {
			t.Errorf("ParseID(%.60q) = %v, want ErrAddress", text, err)
		}
	}
}

func BenchmarkSign(b *testing.B) {
	k := FromSeed(seedOf(b, aliceSeed))
	msg := make([]byte, 150)
	for b.Loop() {
		k.Sign(msg)
	}
}

func BenchmarkVerify(b *testing.B) {
	k := FromSeed(seedOf(b, aliceSeed))
	msg := make([]byte, 150)
	sig := k.Sign(msg)
	for b.Loop() {
		if !Verify(k.ID(), msg, sig[:]) {
			b.Fatal("does not verify")
		}
	}
}
