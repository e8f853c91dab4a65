package checker

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"vision/internal/modelserver"
	"vision/internal/outcome"
	"vision/internal/prompt"
	"vision/internal/proto"
	"vision/internal/refmodel"
	"vision/internal/task"
)

// The tasks that tests use, as catalogues have them.
var (
	chatTask       = textTask("ref-chat", "chat")
	completionTask = textTask("ref-completion", "completion")
	imageTask      = task.Task{Name: "ref-image", Kind: "text-to-image",
		Model: task.Model{Name: "vision-ref-image"}, Limits: task.Limits{Steps: 50, Images: 4, Sizes: []string{"128x128", "128x192"}}}
	embedTask = task.Task{Name: "ref-embed", Kind: "embedding",
		Model: task.Model{Name: "vision-ref-embed"}, Limits: task.Limits{Items: 128}}
)

func textTask(name, kind string) task.Task {
	return task.Task{Name: name, Kind: kind, Limits: task.Limits{Output: 1024},
		Model: task.Model{Name: "vision-ref", Template: "vision-ref", Context: 4096,
			EndTokens: []int{refmodel.TokenEnd, refmodel.TokenEOS}}}
}

// stack is a miner's model server.
func stack(v refmodel.Variant, change ...func(*modelserver.Config)) http.Handler {
	c := modelserver.Config{
		Text:      modelserver.Capability{Models: []string{"ref-chat", "ref-completion"}, Variant: v},
		Image:     modelserver.Capability{Models: []string{"ref-image"}, Variant: v},
		Embedding: modelserver.Capability{Models: []string{"ref-embed"}, Variant: v},
	}
	for _, f := range change {
		f(&c)
	}
	return modelserver.New(c)
}

// payload is what a miner is sent for a customer's body.
func payload(t testing.TB, tk task.Task, seed uint64, body string) (task.Kind, task.Request, []byte) {
	t.Helper()
	kind, _ := task.KindNamed(tk.Kind)
	req, err := kind.Parse([]byte(body), &tk)
	if err != nil {
		t.Fatal(err)
	}
	return kind, req, req.Payload(seed)
}

// ask has a stack answer a payload.
func ask(t testing.TB, h http.Handler, path string, payload []byte) []byte {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("POST", path, bytes.NewReader(payload)))
	if w.Code != 200 {
		t.Fatalf("status %d: %.200s", w.Code, w.Body)
	}
	return w.Body.Bytes()
}

// serve makes a sample of a stack's answer to a body.
func serve(t testing.TB, h http.Handler, tk task.Task, seed uint64, body string) proto.CheckRequest {
	t.Helper()
	kind, req, sent := payload(t, tk, seed, body)
	return sampleOf(tk, req, sent, ask(t, h, kind.Path(), sent))
}

func sampleOf(tk task.Task, req task.Request, sent, response []byte) proto.CheckRequest {
	return proto.CheckRequest{
		Task: tk,
		Spec: proto.Spec{Engine: "vision-ref", TokenIDs: true},
		Sample: outcome.Sample{ID: 1, Request: sent, Response: response,
			Outcome: outcome.Outcome{Request: "req-test", Task: tk.Name, Stream: req.Stream(), Work: req.Work()}},
	}
}

// chatBody is the i-th of a series of different requests.
func chatBody(i int, temperature float64, rest string) string {
	r := rand.New(rand.NewPCG(7, uint64(i)))
	text, _ := json.Marshal(prompt.Text(r, 40+r.IntN(300)))
	return fmt.Sprintf(`{"messages":[{"role":"user","content":%s}],"temperature":%v,"stream":%v%s}`, text, temperature, i%2 == 0, rest)
}

func newChecker(t testing.TB, change ...func(*Config)) *Checker {
	t.Helper()
	c := Defaults()
	for _, f := range change {
		f(&c)
	}
	checker, err := New(c, Deps{Salt: []byte("salt")})
	if err != nil {
		t.Fatal(err)
	}
	return checker
}

func judgeIt(t testing.TB, c *Checker, req proto.CheckRequest) proto.CheckResponse {
	t.Helper()
	res, err := c.Judge(t.Context(), req)
	if err != nil {
		t.Fatalf("no verdict: %v", err)
	}
	if !(res.Quality >= 0 && res.Quality <= 1) || res.Work < 0 || res.Work > req.Sample.Outcome.Work || !(res.E >= 0) || res.Test == "" {
		t.Fatalf("a verdict out of range: %+v", res)
	}
	return res
}

// written is an answer as a server could have streamed it, made by hand: the
// first event has the text, and as many ids as one may have.
func written(promptIDs, ids []int, text, finish string) []byte {
	var b strings.Builder
	p, _ := json.Marshal(promptIDs)
	s, _ := json.Marshal(text)
	fmt.Fprintf(&b, `data: {"id":"x","prompt_token_ids":%s,"choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}`+"\n\n", p)
	for i := 0; i == 0 || i < len(ids); i += mostIDsAtOnce {
		k, _ := json.Marshal(ids[i:min(len(ids), i+mostIDsAtOnce)])
		fmt.Fprintf(&b, `data: {"id":"x","choices":[{"index":0,"delta":{"content":%s},"token_ids":%s,"finish_reason":null}]}`+"\n\n", s, k)
		s = []byte(`""`)
	}
	fmt.Fprintf(&b, `data: {"id":"x","choices":[{"index":0,"delta":{},"finish_reason":%q}]}`+"\n\ndata: [DONE]\n\n", finish)
	return []byte(b.String())
}
