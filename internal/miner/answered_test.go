package miner

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"vision/internal/hotkey"
	"vision/internal/proto"
)

// Every good answer is signed, streamed or not, so that anybody can see that it is
// this miner's, to this request of this validator's; and only one answer to an id
// is, so that a validator cannot show the one of several that it likes best.
func TestAnswersAreSignedOnceForAnID(t *testing.T) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	key := hotkey.FromSeed([32]byte{50})
	streamed := speak(3, true)
	broken := false
	r := newRig(t, func(w http.ResponseWriter, req *http.Request) {
		body := make([]byte, 4096)
		n, _ := req.Body.Read(body)
		switch {
		case broken:
			speak(1, false)(w, req)
		case strings.Contains(string(body[:n]), `"stream":true`):
			streamed(w, req)
		default:
			fmt.Fprint(w, `{"choices":[{"message":{"content":"hello"},"finish_reason":"stop","token_ids":[1]}],"prompt_token_ids":[1]}`)
		}
	}, func(c *Config) { c.Tasks[0].Units = 1_000_000 })
	r.deps.Signatures = &Signatures{
		Network: "test/19", Self: key.ID(), Sign: key.Sign,
		Key: func(*http.Request) (crypto.PublicKey, error) { return public, nil },
	}
	ask := func(id string, stream bool) (answer []byte, p proto.Proof, request []byte) {
		t.Helper()
		request = fmt.Appendf(nil, chatBody, stream)
		s := proto.Signed{Network: "test/19", Validator: alice, Miner: key.ID(), Path: chatPath, ID: id, Body: sha256.Sum256(request), Expires: r.now.Add(proto.SignatureLife)}
		value, err := s.AppendSignature(nil, private, nil)
		if err != nil {
			t.Fatal(err)
		}
		w := httptest.NewRecorder()
		req := httptest.NewRequest("POST", chatPath, strings.NewReader(string(request)))
		req.Header.Set("Test-Caller", alice.String())
		req.Header.Set(proto.RequestIDHeader, id)
		req.Header.Set(proto.SignatureHeader, string(value))
		r.ServeHTTP(w, req)
		got := w.Result()
		p = proto.Proof{Path: chatPath, ID: id, Expires: s.Expires, Answer: got.Header.Get(proto.AnswerHeader) + got.Trailer.Get(proto.AnswerHeader)}
		return w.Body.Bytes(), p, request
	}
	start := r.now
	for i, stream := range []bool{true, false} {
		r.now = r.now.Add(1500 * time.Millisecond)
		id := fmt.Sprint("req-", i)
		answer, p, request := ask(id, stream)
		signed, err := p.Verify("test/19", alice, key.ID(), request, answer)
		if err != nil {
			t.Fatalf("stream %t: %v, value %q, answer %q", stream, err, p.Answer, answer)
		}
		if !signed.Since.Equal(start) || !signed.At.Equal(r.now) {
			t.Errorf("stream %t: signed at %v since %v, want %v and %v", stream, signed.At, signed.Since, r.now, start)
		}
		r.now = r.now.Add(proto.AnswerMemory)
		if _, p, _ := ask(id, stream); p.Answer != "" {
			t.Errorf("stream %t: a second answer to the same id is signed", stream)
		}
	}
	broken = true
	if _, p, _ := ask("req-9", true); p.Answer != "" {
		t.Error("an answer that broke off is signed")
	}
}

// Ids are remembered for as long as promised, and not much longer.
func TestAnsweredIDsAreForgotten(t *testing.T) {
	var a answered
	now := time.Unix(1_700_000_000, 0)
	if !a.first([16]byte{1}, now) || a.first([16]byte{1}, now.Add(proto.AnswerMemory)) {
		t.Error("an id is new twice within the memory")
	}
	for i := range 100 {
		a.first([16]byte{2, byte(i)}, now.Add(time.Duration(i)*proto.AnswerMemory/10))
	}
	if n := len(a.young) + len(a.old); n > 25 {
		t.Errorf("%d ids are remembered", n)
	}
}
