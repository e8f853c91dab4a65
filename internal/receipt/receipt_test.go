package receipt

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"vision/internal/hotkey"
	"vision/internal/outcome"
	"vision/internal/proto"
	"vision/internal/task"
)

var (
	asker  = hotkey.FromSeed([32]byte{1})
	miner  = hotkey.FromSeed([32]byte{2})
	other  = hotkey.FromSeed([32]byte{3})
	chat   = &task.Task{Name: "chat", Kind: "chat", Limits: task.Limits{Output: 512}}
	at     = time.UnixMilli(1_800_000_000_000).UTC()
	asked  = []byte(`{"model":"chat","messages":[{"role":"user","content":"hi"}],"max_tokens":7,"stream":true}`)
	answer = []byte("data: {}\n\ndata: [DONE]\n\n")
)

// proved is the proof that signer answered request of asker's with response.
func proved(signer *hotkey.Key, request, response []byte) proto.Proof {
	p := proto.Proof{Path: "/v1/chat/completions", ID: "req-1", Expires: at.Add(time.Minute), Public: true}
	s := proto.Signed{Network: "net/1", Validator: asker.ID(), Miner: signer.ID(), Path: p.Path, ID: p.ID, Body: sha256.Sum256(request), Expires: p.Expires}
	a := proto.SignedAnswer{Request: sha256.Sum256(s.AppendMessage(nil)), Since: at.Add(-time.Hour), At: at, Body: sha256.Sum256(response)}
	p.Answer = a.Value(signer.Sign)
	return p
}

func kept(t testing.TB) *outcome.Evidence {
	proof, err := json.Marshal(proved(miner, asked, answer))
	if err != nil {
		t.Fatal(err)
	}
	return &outcome.Evidence{
		Check: outcome.Check{Miner: miner.ID(), Task: "chat", Source: outcome.Synthetic, At: at, Quality: 0.25, E: 400, Test: "likelihood", Detail: "7 tokens", Reference: "built in",
			Again: "again", Spec: `{"engine":"vllm","token_ids":true}`},
		Sample: outcome.Sample{ID: 7, Request: asked, Response: answer, Proof: proof},
		Proves: true,
	}
}

func made(t testing.TB) []byte {
	t.Helper()
	r, err := Of(kept(t), "net/1", asker.ID())
	if err != nil {
		t.Fatal(err)
	}
	body, err := Sign(r, asker)
	if err != nil {
		t.Fatal(err)
	}
	return body
}

// A receipt comes back as it was made, and gives what a checking server needs.
func TestReceipt(t *testing.T) {
	r, err := Read(made(t))
	if err != nil {
		t.Fatal(err)
	}
	if r.Validator != asker.ID() || r.Miner != miner.ID() || r.Task != "chat" || r.Spec.Engine != "vllm" || r.Verdict.E != 400 || !r.Verdict.Proves || !r.Verdict.At.Equal(at) {
		t.Errorf("read %+v", r)
	}
	signed, err := r.Answer()
	if err != nil || !signed.At.Equal(at) {
		t.Errorf("answered %+v, %v", signed, err)
	}
	s, err := r.Sample(chat)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(s.Request, asked) || !bytes.Equal(s.Response, answer) || s.Outcome.Miner != miner.ID() || !s.Outcome.Stream || s.Outcome.Work != 7 || s.Outcome.Status != outcome.OK {
		t.Errorf("the sample is %+v", s)
	}
	if _, err := r.Sample(&task.Task{Name: "other", Kind: "chat", Limits: chat.Limits}); err == nil || !strings.Contains(err.Error(), `none of task "other"`) {
		t.Errorf("it passes for a sample of another task: %v", err)
	}
	if _, err := r.Sample(&task.Task{Name: "chat", Kind: "embedding"}); err == nil || !strings.Contains(err.Error(), "the task's path is /v1/embeddings") {
		t.Errorf("it passes for a sample of another kind: %v", err)
	}
}

// Evidence without the miner's signature, or without its bytes, is no receipt.
func TestNotAllEvidenceCanBeShown(t *testing.T) {
	for _, c := range []struct {
		what   string
		change func(e *outcome.Evidence)
		want   error
	}{
		{"unsigned", func(e *outcome.Evidence) { e.Sample.Proof = nil }, ErrUnsigned},
		{"without bytes", func(e *outcome.Evidence) { e.Sample.Request, e.Sample.Response = nil, nil }, ErrGone},
		{"altered", func(e *outcome.Evidence) { e.Sample.Response = []byte("data: [DONE]\n\n") }, proto.ErrAnswer},
		{"of another miner", func(e *outcome.Evidence) { e.Check.Miner = other.ID() }, proto.ErrAnswer},
	} {
		e := kept(t)
		c.change(e)
		if _, err := Of(e, "net/1", asker.ID()); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.what, err, c.want)
		}
	}
	r, err := Of(kept(t), "net/1", asker.ID())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Sign(r, other); err == nil {
		t.Error("another validator signs it")
	}
}

// A validator that lies gets nowhere: whatever it changes and signs, the miner has
// not signed; and what others change, it has not signed.
func TestLiesAreNotRead(t *testing.T) {
	honest, err := Of(kept(t), "net/1", asker.ID())
	if err != nil {
		t.Fatal(err)
	}
	for what, lie := range map[string]func(r *Receipt){
		"another answer":       func(r *Receipt) { r.Response = append(bytes.Clone(answer), '\n') },
		"another request":      func(r *Receipt) { r.Request = bytes.Replace(asked, []byte("hi"), []byte("ho"), 1) },
		"another miner":        func(r *Receipt) { r.Miner = other.ID() },
		"another network":      func(r *Receipt) { r.Network = "net/2" },
		"another id":           func(r *Receipt) { r.Proof.ID = "req-2" },
		"another path":         func(r *Receipt) { r.Proof.Path = "/v1/completions" },
		"another time":         func(r *Receipt) { r.Proof.Expires = r.Proof.Expires.Add(time.Second) },
		"no signature":         func(r *Receipt) { r.Proof.Answer = "" },
		"signed by a friend":   func(r *Receipt) { r.Proof = proved(other, asked, answer) },
		"another's and itself": func(r *Receipt) { r.Miner, r.Proof = asker.ID(), proved(miner, asked, answer) },
	} {
		r := honest
		lie(&r)
		body, err := Sign(r, asker)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Read(body); !errors.Is(err, proto.ErrAnswer) {
			t.Errorf("%s: %v, want %v", what, err, proto.ErrAnswer)
		}
	}
	body := made(t)
	rapid.Check(t, func(t *rapid.T) {
		i := rapid.IntRange(0, len(body)-1).Draw(t, "at")
		with := rapid.Byte().Draw(t, "byte")
		changed := bytes.Clone(body)
		changed[i] = with
		if r, err := Read(changed); err == nil {
			again, _ := json.Marshal(r)
			same, _ := Read(body)
			want, _ := json.Marshal(same)
			if !bytes.Equal(again, want) {
				t.Errorf("byte %d changed to %q reads as %s", i, with, again)
			}
		}
	})
	if _, err := Read(make([]byte, proto.MaxReceipt+1)); err == nil || !strings.Contains(err.Error(), "more than") {
		t.Errorf("too large: %v", err)
	}
	other := []byte(strings.Replace(string(body), `{"receipt":{"version":1`, `{"receipt":{"version":2`, 1))
	if _, err := Read(other); err == nil || !strings.Contains(err.Error(), "version 2") {
		t.Errorf("another version: %v", err)
	}
}

func FuzzRead(f *testing.F) {
	f.Add(made(f))
	f.Add([]byte(`{"receipt":{},"signature":""}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		r, err := Read(body)
		if err != nil {
			return
		}
		if _, err := r.Answer(); err != nil {
			t.Error(fmt.Errorf("read, and not the miner's: %w", err))
		}
		r.Sample(chat)
	})
}
