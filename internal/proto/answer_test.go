package proto

import (
	"crypto/sha256"
	"errors"
	"strings"
	"testing"
	"time"

	"vision/internal/hotkey"
)

// answered is the worked example of docs/protocol.md: the answer to that of requests.
func answered() (key *hotkey.Key, p Proof, request, answer []byte) {
	key = hotkey.FromSeed([32]byte([]byte(strings.Repeat("m", 32))))
	request, answer = []byte(`{"model":"m"}`), []byte("data: [DONE]\n\n")
	asked := example()
	asked.Miner, asked.Body = key.ID(), sha256.Sum256(request)
	s := SignedAnswer{
		Request: sha256.Sum256(asked.AppendMessage(nil)), Body: sha256.Sum256(answer),
		Since: time.UnixMilli(1_799_999_000_000), At: time.UnixMilli(1_800_000_000_500),
	}
	return key, Proof{Path: asked.Path, ID: asked.ID, Expires: asked.Expires, Answer: s.Value(key.Sign)}, request, answer
}

// The worked example of docs/protocol.md.
func TestAnswerExample(t *testing.T) {
	key, p, request, answer := answered()
	const want = "v1 1799999000000 1800000000500 vqdldY8PgCVdwucsCTaJD29SDpLPvMy4lqH4J0WD5XdrTTFp-37-yDkzJu5QFednCp6LXJDrIeemEwY8YwtAhQ"
	if p.Answer != want {
		t.Errorf("the header of %s is\n%s\nwant\n%s", key.ID(), p.Answer, want)
	}
	s, err := p.Verify("testnet/19", example().Validator, key.ID(), request, answer)
	if err != nil || s.Since.UnixMilli() != 1_799_999_000_000 || s.At.UnixMilli() != 1_800_000_000_500 {
		t.Errorf("verified: %+v, %v", s, err)
	}
}

// Whatever is not as the miner signed it is not the miner's answer.
func TestAnswerBinds(t *testing.T) {
	for what, change := range map[string]func(p *Proof, network *string, validator, miner *hotkey.ID, request, answer *[]byte){
		"network":   func(_ *Proof, n *string, _, _ *hotkey.ID, _, _ *[]byte) { *n = "testnet/20" },
		"long name": func(_ *Proof, n *string, _, _ *hotkey.ID, _, _ *[]byte) { *n = strings.Repeat("n", 256) },
		"validator": func(_ *Proof, _ *string, v, _ *hotkey.ID, _, _ *[]byte) { v[0]++ },
		"miner":     func(_ *Proof, _ *string, _, m *hotkey.ID, _, _ *[]byte) { *m = hotkey.FromSeed([32]byte{1}).ID() },
		"request":   func(_ *Proof, _ *string, _, _ *hotkey.ID, r, _ *[]byte) { *r = []byte(`{"model":"n"}`) },
		"answer":    func(_ *Proof, _ *string, _, _ *hotkey.ID, _, a *[]byte) { *a = []byte("data: [DONE]\n") },
		"path":      func(p *Proof, _ *string, _, _ *hotkey.ID, _, _ *[]byte) { p.Path = "/v1/completions" },
		"id":        func(p *Proof, _ *string, _, _ *hotkey.ID, _, _ *[]byte) { p.ID = "req-1" },
		"expires":   func(p *Proof, _ *string, _, _ *hotkey.ID, _, _ *[]byte) { p.Expires = p.Expires.Add(time.Millisecond) },
		"since": func(p *Proof, _ *string, _, _ *hotkey.ID, _, _ *[]byte) {
			p.Answer = strings.Replace(p.Answer, "1799999000000", "1799999000001", 1)
		},
		"at": func(p *Proof, _ *string, _, _ *hotkey.ID, _, _ *[]byte) {
			p.Answer = strings.Replace(p.Answer, "500 ", "501 ", 1)
		},
		"signature": func(p *Proof, _ *string, _, _ *hotkey.ID, _, _ *[]byte) {
			p.Answer = p.Answer[:30] + strings.Repeat("A", 86)
		},
		"no value": func(p *Proof, _ *string, _, _ *hotkey.ID, _, _ *[]byte) { p.Answer = "" },
		"end of a line": func(p *Proof, _ *string, _, _ *hotkey.ID, _, _ *[]byte) {
			p.Answer = p.Answer[:len(p.Answer)-9] + "\r\n" + p.Answer[len(p.Answer)-9:]
		},
		"empty words": func(p *Proof, _ *string, _, _ *hotkey.ID, _, _ *[]byte) { p.Answer = "v1   " },
		"version":     func(p *Proof, _ *string, _, _ *hotkey.ID, _, _ *[]byte) { p.Answer = "v2" + p.Answer[2:] },
	} {
		key, p, request, answer := answered()
		network, validator, miner := "testnet/19", example().Validator, key.ID()
		change(&p, &network, &validator, &miner, &request, &answer)
		if _, err := p.Verify(network, validator, miner, request, answer); !errors.Is(err, ErrAnswer) {
			t.Errorf("another %s: %v, want %v", what, err, ErrAnswer)
		}
	}
}

func FuzzAnswerHeader(f *testing.F) {
	key, p, request, answer := answered()
	f.Add(p.Answer)
	f.Add("v1 0 0 ")
	f.Add(p.Answer[:60] + "\r" + p.Answer[60:])
	f.Fuzz(func(t *testing.T, value string) {
		p := p
		p.Answer = value
		s, err := p.Verify("testnet/19", example().Validator, key.ID(), request, answer)
		if err == nil && s.Value(key.Sign) != value {
			t.Errorf("%q is taken for %q", value, s.Value(key.Sign))
		}
	})
}

// What a miner pays for signing an answer of 128 events, and a validator that
// looks at one for verifying it; hashing is that of an answer of 64 KiB.
func BenchmarkAnswer(b *testing.B) {
	key, p, request, answer := answered()
	s := SignedAnswer{Since: time.UnixMilli(1), At: time.UnixMilli(2)}
	b.Run("sign", func(b *testing.B) {
		for b.Loop() {
			s.Value(key.Sign)
		}
	})
	b.Run("verify", func(b *testing.B) {
		for b.Loop() {
			if _, err := p.Verify("testnet/19", example().Validator, key.ID(), request, answer); err != nil {
				b.Fatal(err)
			}
		}
	})
	body := make([]byte, 64<<10)
	b.Run("hash", func(b *testing.B) {
		b.SetBytes(int64(len(body)))
		for b.Loop() {
			sha256.Sum256(body)
		}
	})
}
