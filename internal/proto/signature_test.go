package proto

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"vision/internal/hotkey"
)

func example() Signed {
	return Signed{
		Network: "testnet/19", Validator: hotkey.ID(bytes.Repeat([]byte{1}, 32)), Miner: hotkey.ID(bytes.Repeat([]byte{2}, 32)),
		Path: "/v1/chat/completions", ID: "req-00000000000000000000000000", Body: sha256.Sum256([]byte(`{"model":"m"}`)), Expires: time.UnixMilli(1800000060000),
	}
}

// The worked example of docs/protocol.md.
func TestSignedExample(t *testing.T) {
	s := example()
	key := ed25519.NewKeyFromSeed([]byte(strings.Repeat("k", 32)))
	value, err := s.AppendSignature(nil, key, nil)
	if err != nil {
		t.Fatal(err)
	}
	const message = "766973696f6e2d726571756573742d7631000a746573746e65742f3139142f76312f636861742f636f6d706c6574696f6e73" +
		"1e7265712d303030303030303030303030303030303030303030303030303001010101010101010101010101010101010101010101010101010101010101010" +
		"2020202020202020202020202020202020202020202020202020202020202020000" +
		"01a3185d3a60548f58d1c36c715b44f0863472074a97c448d5b8d18164b92adf55592b127f86"
	if got := hex.EncodeToString(s.AppendMessage(nil)); got != message {
		t.Errorf("what is signed is\n%s\nwant\n%s", got, message)
	}
	const want = "v1 1800000060000 kheNee5Xv2S8CoX05q1GtHpOcpwQKwvYxIuAOx0yvg3_U0baUunmJb_pKiGOkaeXd4PQhVIdbW8_G_Ul44BJDQ"
	if string(value) != want {
		t.Errorf("the header is\n%s\nwant\n%s", value, want)
	}
}

// Whatever is not as it was signed is refused.
func TestSignatureBinds(t *testing.T) {
	_, ed, _ := ed25519.GenerateKey(rand.Reader)
	p256, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	_, other, _ := ed25519.GenerateKey(rand.Reader)
	for name, key := range map[string]crypto.Signer{"ed25519": ed, "p256": p256} {
		s := example()
		value, err := s.AppendSignature(nil, key, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		for what, change := range map[string]func(*Signed){
			"":          func(*Signed) {},
			"network":   func(s *Signed) { s.Network = "testnet/20" },
			"validator": func(s *Signed) { s.Validator[0]++ },
			"miner":     func(s *Signed) { s.Miner[31]++ },
			"path":      func(s *Signed) { s.Path = "/v1/completions" },
			"id":        func(s *Signed) { s.ID += "0" },
			"body":      func(s *Signed) { s.Body[5]++ },
			"end":       func(s *Signed) { s.Expires = s.Expires.Add(time.Millisecond) },
			"moved":     func(s *Signed) { s.Network, s.Path = s.Network+s.Path[:1], s.Path[1:] },
		} {
			got := example()
			signature, err := got.ParseSignature(string(value))
			if err != nil || !got.Expires.Equal(s.Expires) {
				t.Fatalf("%s: %v", name, err)
			}
			change(&got)
			if err := got.Verify(key.Public(), signature); (err == nil) != (what == "") || err != nil && !errors.Is(err, ErrSignature) {
				t.Errorf("%s, another %q: %v", name, what, err)
			}
		}
		signature, _ := s.ParseSignature(string(value))
		for _, wrong := range []crypto.PublicKey{other.Public(), nil, "key"} {
			if s.Verify(wrong, signature) == nil {
				t.Errorf("%s: another key verifies", name)
			}
		}
	}
}

func TestSignaturesEnd(t *testing.T) {
	now := time.UnixMilli(1800000000000)
	for at, ok := range map[time.Duration]bool{
		0: true, SignatureLife: true, SignatureLife + ClockTolerance: true, SignatureLife + ClockTolerance + time.Millisecond: false,
		-ClockTolerance: true, -ClockTolerance - time.Millisecond: false, 1000 * time.Hour: false,
	} {
		s := Signed{Expires: now.Add(at)}
		if err := s.Fresh(now); (err == nil) != ok || err != nil && !errors.Is(err, ErrStale) {
			t.Errorf("ends in %v: %v", at, err)
		}
	}
}

func FuzzParseSignature(f *testing.F) {
	for _, v := range []string{"v1 1800000060000 AAAA", "v1 1 ", "v2 1 AA", "v1 01 AA", "v1 -5 AA", "", "v1 99999999999999999999 AA", "v1 1 A=", "v1  1 AA", "v1 1 A\nA"} {
		f.Add(v)
	}
	f.Fuzz(func(t *testing.T, value string) {
		var s Signed
		signature, err := s.ParseSignature(value)
		if err == nil && (len(signature) == 0 || s.Expires.UnixMilli() < 0) {
			t.Fatalf("%q: %x until %v", value, signature, s.Expires)
		}
		if err == nil && value != fmt.Sprintf("v1 %d %s", s.Expires.UnixMilli(), base64.RawURLEncoding.EncodeToString(signature)) {
			t.Fatalf("%q is taken for %x until %v", value, signature, s.Expires)
		}
	})
}

func BenchmarkSignature(b *testing.B) {
	_, key, _ := ed25519.GenerateKey(rand.Reader)
	payload := make([]byte, 1024)
	b.Run("sign", func(b *testing.B) {
		out := make([]byte, 0, 256)
		for b.Loop() {
			s := example()
			s.Body = sha256.Sum256(payload)
			if _, err := s.AppendSignature(out, key, nil); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("verify", func(b *testing.B) {
		s := example()
		value, _ := s.AppendSignature(nil, key, nil)
		for b.Loop() {
			s.Body = sha256.Sum256(payload)
			signature, _ := s.ParseSignature(string(value))
			_ = s.Verify(key.Public(), signature)
		}
	})
}
