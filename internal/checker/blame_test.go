package checker

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"vision/internal/fault"
	"vision/internal/outcome"
	"vision/internal/proto"
	"vision/internal/refmodel"
)

// serveWithoutIDs makes a sample of a stack that shows no token ids, as SGLang
// and llama.cpp do.
func serveWithoutIDs(t testing.TB, h http.Handler, seed uint64, body string) proto.CheckRequest {
	t.Helper()
	tk := chatTask
	if strings.Contains(body, `"prompt"`) {
		tk = completionTask
	}
	kind, req, sent := payload(t, tk, seed, body)
	asked := bytes.Replace(sent, []byte(`,"return_token_ids":true`), nil, 1)
	s := sampleOf(tk, req, sent, ask(t, h, kind.Path(), asked))
	s.Spec = proto.Spec{Engine: "sglang"}
	if a, err := readAnswer(s.Sample.Response, s.Sample.Outcome.Stream); err != nil || a.hasIDs {
		t.Fatalf("an answer without ids: %v, %+v", err, a)
	}
	return s
}

// Whether ids are shown is not the miner's choice: text without any is read
// into tokens by the reference, or worth nothing where the task wants ids.
func TestAnswersWithoutIDs(t *testing.T) {
	server := referenceServer(t)
	for name, x := range map[string]struct {
		checker *Checker
		body    string
	}{
		"builtin":  {newChecker(t), oven + `}`},
		"vllm":     {judgedBy(t, "vllm", server.URL, "ref-chat", ""), oven + `}`},
		"vllm hot": {judgedBy(t, "vllm", server.URL, "ref-chat", ""), strings.Replace(oven, `"temperature":0`, `"temperature":0.7`, 1) + `}`},
		"echo":     {judgedBy(t, "completions-echo", server.URL, "ref-completion", ""), `{"prompt":"The sea is","max_tokens":60,"stream":true,"temperature":0}`},
	} {
		for seed := range uint64(3) {
			s := serveWithoutIDs(t, stack(refmodel.Full), seed, x.body)
			if r := judgeIt(t, x.checker, s); r.Quality < 0.9 || r.Work == 0 {
				t.Errorf("%s, honest: %+v", name, r)
			}
			cheat := serveWithoutIDs(t, stack(refmodel.Sibling), seed, x.body)
			if r := judgeIt(t, x.checker, cheat); r.Quality > 0.3 && !strings.Contains(name, "hot") {
				t.Errorf("%s, another model: %+v", name, r)
			}
			s.Task.Model.TokenIDs = true
			if r := judgeIt(t, x.checker, s); r.Quality != 0 || r.Test != "no-ids" {
				t.Errorf("%s, where the task wants ids: %+v", name, r)
			}
		}
	}
	// Nor is how much there is.
	vllm := judgedBy(t, "vllm", server.URL, "ref-chat", "")
	for name, c := range map[string]*Checker{"builtin": newChecker(t), "vllm": vllm} {
		for test, text := range map[string]string{"padded": strings.Repeat("The tide. ", 400), "too much for any context": strings.Repeat("q9", 20000)} {
			s := serveWithoutIDs(t, stack(refmodel.Full), 1, oven+`}`)
			s.Sample.Response = written(nil, nil, text, "stop")
			if r := judgeIt(t, c, s); r.Quality != 0 {
				t.Errorf("%s, %s: %+v", name, test, r)
			}
		}
		s := serveWithoutIDs(t, stack(refmodel.Full), 1, oven+`}`)
		s.Sample.Response = bytes.Replace(s.Sample.Response, []byte(`{"content":`), []byte(`{"reasoning_content":`), 3)
		if r := judgeIt(t, c, s); r.Quality != 0 || r.Test != "no-ids" {
			t.Errorf("%s, reasoning apart: %+v", name, r)
		}
	}
}

// ids of a request for scores or for text, and whether it is one.
func idsAsked(body []byte) []int {
	var asked struct {
		Prompt json.RawMessage
		Tokens []int
	}
	_ = json.Unmarshal(body, &asked)
	var ids []int
	if json.Unmarshal(asked.Prompt, &ids) == nil {
		return ids
	}
	return asked.Tokens
}

// A query made of a miner's bytes that the reference refuses is the miner's
// fault only if the reference takes others.
func TestRefusedQueries(t *testing.T) {
	good, a := honestChat(t, oven+`}`)
	garbage := good
	garbage.Sample.Response = written(a.promptIDs, []int{1 << 30, 17, 1 << 29}, string(a.text), a.finish)
	inner := referenceServer(t).Config.Handler
	outside := func(ids []int) bool {
		return slices.ContainsFunc(ids, func(id int) bool { return !refmodel.ValidID(id) })
	}
	server := func(status int, refuses func(path string, ids []int) bool) string {
		return listen(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			if ids := idsAsked(body); ids != nil && refuses(r.URL.Path, ids) {
				w.WriteHeader(status)
				return
			}
			r.Body = io.NopCloser(bytes.NewReader(body))
			inner.ServeHTTP(w, r)
		})).URL
	}
	foreign := func(_ string, ids []int) bool { return outside(ids) }
	scoring := func(path string, ids []int) bool { return path == "/v1/completions" && outside(ids) }
	for name, x := range map[string]struct {
		status  int
		refuses func(string, []int) bool
		sample  proto.CheckRequest
		test    string     // of the verdict, or
		kind    fault.Kind // of the error
	}{
		"foreign ids":                      {400, foreign, garbage, "refused", 0},
		"foreign ids, where they score":    {422, scoring, garbage, "refused", 0},
		"foreign ids break it":             {500, foreign, garbage, "refused", 0},
		"it takes honest ones":             {400, foreign, good, "prefill-t0", 0},
		"it scores nothing, honest":        {400, func(p string, _ []int) bool { return p == "/v1/completions" }, good, "", fault.Internal},
		"it is broken":                     {500, func(string, []int) bool { return true }, garbage, "", fault.Unavailable},
		"it is broken, honest":             {500, func(string, []int) bool { return true }, good, "", fault.Unavailable},
		"its context is too small, honest": {400, func(_ string, ids []int) bool { return len(ids) > len(a.promptIDs)+3 }, good, "", fault.Invalid},
	} {
		r, err := judgedBy(t, "vllm", server(x.status, x.refuses), "ref-chat", "").Judge(t.Context(), x.sample)
		if r.Test != x.test || x.test != "" && err != nil || x.test == "" && fault.KindOf(err) != x.kind || x.test == "refused" && r.Quality != 0 {
			t.Errorf("%s: %+v, %v (%v)", name, r, err, fault.KindOf(err))
		}
	}
}

// A part of an answer is no excuse for ids of no vocabulary, nor is there an
// answer that fills more than the context.
func TestImpossibleIDs(t *testing.T) {
	c := newChecker(t)
	good, a := honestChat(t, oven+`}`)
	s := good
	s.Sample.Outcome.Status = outcome.Canceled
	s.Sample.Response = written(a.promptIDs, []int{1 << 30}, "", "stop")
	if r := judgeIt(t, c, s); r.Quality != 0 || r.Test != "text-ids" {
		t.Errorf("foreign ids without text, cancelled: %+v", r)
	}
	s = good
	s.Sample.Request = bytes.Replace(s.Sample.Request, []byte(`"max_tokens":60`), []byte(`"max_tokens":100000`), 1)
	s.Sample.Response = written(a.promptIDs, slices.Repeat(a.ids, 200), strings.Repeat(string(a.text), 200), "stop")
	if r := judgeIt(t, c, s); r.Quality != 0 || r.Test != "too-long" {
		t.Errorf("more than the context: %+v", r)
	}
}
