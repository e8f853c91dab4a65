package miner

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"vision/internal/hotkey"
	"vision/internal/proto"
)

// BenchmarkServe is a miner's whole work for a streamed answer of 100 tokens, its model
// server's on loopback included, with its answers signed and not.
func BenchmarkServe(b *testing.B) {
	var body strings.Builder
	for i := range 100 {
		body.WriteString(chunk(i+5, "word ", map[bool]string{true: "stop"}[i == 99]))
	}
	body.WriteString("data: [DONE]\n\n")
	for _, signs := range []bool{false, true} {
		b.Run(map[bool]string{true: "signed", false: "plain"}[signs], func(b *testing.B) {
			public, private, err := ed25519.GenerateKey(rand.Reader)
			if err != nil {
				b.Fatal(err)
			}
			r := newRig(b, func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				w.Header().Set("Content-Type", "text/event-stream")
				_, _ = io.WriteString(w, body.String())
			}, func(c *Config) { c.Tasks[0].Units = 1 << 50 })
			key := hotkey.FromSeed([32]byte{50})
			r.deps.Signatures = &Signatures{Network: "test/19", Self: key.ID(), Key: func(*http.Request) (crypto.PublicKey, error) { return public, nil }}
			if signs {
				r.deps.Signatures.Sign = key.Sign
			}
			request := fmt.Sprintf(chatBody, true)
			n := 0
			b.ReportAllocs()
			for b.Loop() {
				n++
				id := fmt.Sprint("req-", n)
				s := proto.Signed{Network: "test/19", Validator: alice, Miner: key.ID(), Path: chatPath, ID: id, Body: sha256.Sum256([]byte(request)), Expires: r.now.Add(proto.SignatureLife)}
				value, err := s.AppendSignature(nil, private, nil)
				if err != nil {
					b.Fatal(err)
				}
				w := httptest.NewRecorder()
				req := httptest.NewRequest("POST", chatPath, strings.NewReader(request))
				req.Header.Set("Test-Caller", alice.String())
				req.Header.Set(proto.RequestIDHeader, id)
				req.Header.Set(proto.SignatureHeader, string(value))
				r.ServeHTTP(w, req)
				if got := w.Result(); got.StatusCode != 200 || (got.Trailer.Get(proto.AnswerHeader) != "") != signs {
					b.Fatalf("%s, trailers %v: %s", got.Status, got.Trailer, w.Body)
				}
			}
		})
	}
}
