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

	"pgregory.net/rapid"

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

// Ids are remembered for as long as promised, and not much longer, and what is signed does
// not promise more.
func TestAnsweredIDsAreForgotten(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	a := answeredFrom(now)
	first := func(id [16]byte, at time.Time) bool {
		_, ok := a.first(id, at, at)
		return ok
	}
	if !first([16]byte{1}, now) || first([16]byte{1}, now.Add(proto.AnswerMemory)) {
		t.Error("an id is new twice within the memory")
	}
	for i := range 100 {
		first([16]byte{2, byte(i)}, now.Add(time.Duration(i)*proto.AnswerMemory/10))
	}
	if n := len(a.young) + len(a.old); n > 25 {
		t.Errorf("%d ids are remembered", n)
	}
	at := now.Add(10 * proto.AnswerMemory)
	since, ok := a.first([16]byte{1}, at, at)
	if !ok || !since.After(now) || at.Sub(since) < proto.AnswerMemory || at.Sub(since) > 3*proto.AnswerMemory {
		t.Errorf("signed %t, and said to remember %v", ok, at.Sub(since))
	}
	if _, ok := a.first([16]byte{3}, since.Add(-time.Millisecond), at); ok {
		t.Error("the answer to a request of before what is remembered is signed")
	}
}

// Of two signed answers to one id neither lies in the time for which the other says that it is
// the only one: whatever comes when, however long answers take and the clock is set, and
// with a restart in between. So nobody can show the one of several that it likes best.
func TestSignedAnswersDoNotContradict(t *testing.T) {
	type said struct{ since, at int64 } // as written, in milliseconds
	rapid.Check(t, func(t *rapid.T) {
		now := time.Unix(1_700_000_000, 0).Add(time.Duration(rapid.IntRange(0, 5_000_000).Draw(t, "ns")))
		a := answeredFrom(now)
		signed := map[byte][]said{}
		back := rapid.Bool().Draw(t, "the clock may be set back")
		ids := rapid.ByteRange(0, 4)
		for range rapid.IntRange(1, 60).Draw(t, "answers") {
			now = now.Add(rapid.SampledFrom([]time.Duration{0, 400 * time.Microsecond, time.Second, 7 * time.Minute, 19 * time.Minute, proto.AnswerMemory, 25 * time.Minute, time.Hour}).Draw(t, "later"))
			switch rapid.IntRange(0, 9).Draw(t, "also") {
			case 0:
				if back {
					now = now.Add(-time.Duration(rapid.IntRange(0, 90).Draw(t, "by")) * time.Minute)
				}
			case 1:
				if !back { // else what was signed before the clock was set is not known after a restart
					now = now.Add(time.Nanosecond)
					a = answeredFrom(now)
				}
			}
			taken := now.Add(-rapid.SampledFrom([]time.Duration{0, time.Millisecond, time.Minute, 22 * time.Minute}).Draw(t, "took"))
			id := ids.Draw(t, "id")
			since, ok := a.first([16]byte{id}, taken, now)
			if !ok {
				continue
			}
			one := said{since.UnixMilli(), taken.UnixMilli()}
			for _, other := range signed[id] {
				if one.since <= other.at && other.at <= one.at || other.since <= one.at && one.at <= other.at {
					t.Fatalf("signed are %+v and %+v of one id", other, one)
				}
			}
			signed[id] = append(signed[id], one)
		}
	})
}
