package checker

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"vision/internal/fault"
	"vision/internal/pipes"
	"vision/internal/proto"
	"vision/internal/refmodel"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// listen serves a handler on loopback for a test.
func listen(t *testing.T, h http.Handler) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s
}

// client is one whose connections end with the test.
func client(t *testing.T) *http.Client {
	tr := &http.Transport{}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr}
}

// referenceServer is a model server as an engine has it; vLLM's tokenizer
// is added to the reference model's.
func referenceServer(t *testing.T) *httptest.Server {
	mux := http.NewServeMux()
	mux.Handle("/", stack(refmodel.Full))
	mux.HandleFunc("POST /detokenize", func(w http.ResponseWriter, r *http.Request) {
		var body struct{ Tokens []int }
		_ = json.NewDecoder(r.Body).Decode(&body)
		if slices.ContainsFunc(body.Tokens, func(id int) bool { return !refmodel.ValidID(id) }) {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]string{"prompt": refmodel.Decode(body.Tokens)})
	})
	mux.HandleFunc("POST /tokenize", func(w http.ResponseWriter, r *http.Request) {
		var body struct{ Prompt string }
		_ = json.NewDecoder(r.Body).Decode(&body)
		_ = json.NewEncoder(w).Encode(map[string][]int{"tokens": refmodel.Encode(body.Prompt)})
	})
	return listen(t, mux)
}

// judgedBy is a checker whose only reference is a server for one task.
func judgedBy(t *testing.T, engine, url, model, sampler string) *Checker {
	t.Helper()
	c := Defaults()
	c.References = []ReferenceConfig{{Tasks: []string{model}, Engine: engine, URL: url, Model: model, Slots: 2, Noise: 0.02, Sampler: sampler}}
	checker, err := New(c, Deps{Client: client(t)})
	if err != nil {
		t.Fatal(err)
	}
	return checker
}

func TestServersAsReferences(t *testing.T) {
	server := referenceServer(t)
	chat := func(temperature float64) string {
		return fmt.Sprintf(`{"messages":[{"role":"user","content":"Tell me of the sea"}],"max_tokens":100,"stream":true,"temperature":%v}`, temperature)
	}
	text := func(temperature float64) string {
		return fmt.Sprintf(`{"prompt":"The sea is","max_tokens":100,"stream":true,"temperature":%v}`, temperature)
	}
	for _, x := range []struct {
		name    string
		checker *Checker
		body    string
		test    string
	}{
		{"vllm, chat, T = 0", judgedBy(t, "vllm", server.URL, "ref-chat", ""), chat(0), "prefill-t0"},
		{"vllm, completion, T = 0", judgedBy(t, "vllm", server.URL, "ref-completion", ""), text(0), "prefill-t0"},
		{"vllm, chat, T = 1", judgedBy(t, "vllm", server.URL, "ref-chat", "vision-ref"), chat(1), "likelihood+replay"},
		{"echo, completion, T = 0", judgedBy(t, "completions-echo", server.URL, "ref-completion", ""), text(0), "prefill-t0"},
		{"echo, completion, T = 0.8", judgedBy(t, "completions-echo", server.URL, "ref-completion", ""), text(0.8), "likelihood"},
		{"any, chat, T = 0", judgedBy(t, "openai", server.URL, "ref-chat", ""), chat(0), "replay"},
		{"any, chat, T = 1", judgedBy(t, "openai", server.URL, "ref-chat", "vision-ref"), chat(1), "replay"},
	} {
		tk := chatTask
		if strings.Contains(x.body, "prompt") {
			tk = completionTask
		}
		for i := range uint64(3) {
			s := serve(t, stack(refmodel.Full), tk, i, x.body)
			r := judgeIt(t, x.checker, s)
			if r.Quality < 0.9 || r.Test != x.test || r.Work == 0 {
				t.Errorf("%s, honest: %+v", x.name, r)
			}
		}
		r := judgeIt(t, x.checker, serve(t, stack(refmodel.Sibling), tk, 3, x.body))
		t.Logf("%s: another model %+v", x.name, r)
		if limit := map[string]float64{"prefill-t0": 0.3, "replay": 0.95, "likelihood": 0.999, "likelihood+replay": 0.999}[x.test]; r.Quality > limit {
			t.Errorf("%s, another model: %+v", x.name, r)
		}
	}
}

// A truncated answer is seen by references that only list alternatives.
func TestServersSeeTruncation(t *testing.T) {
	server := referenceServer(t)
	body := `{"prompt":"The sea is","max_tokens":100,"stream":true,"temperature":0}`
	s := serve(t, stack(refmodel.Full), completionTask, 1, body)
	a, err := readAnswer(s.Sample.Response, true)
	if err != nil {
		t.Fatal(err)
	}
	cut := textOf(a.ids[:30])
	for engine, ids := range map[string][]int{"vllm": a.ids[:30], "completions-echo": nil} {
		s.Sample.Response = bytes.ReplaceAll(written(a.promptIDs, ids, cut, "stop"), []byte(`"delta":{"content":`), []byte(`"text":`))
		s.Sample.Response = bytes.ReplaceAll(s.Sample.Response, []byte(`},"token_ids"`), []byte(`,"token_ids"`))
		s.Sample.Response = bytes.ReplaceAll(s.Sample.Response, []byte(`"delta":{"role":"assistant","content":""}`), []byte(`"text":""`))
		r := judgeIt(t, judgedBy(t, engine, server.URL, "ref-completion", ""), s)
		if r.Quality > 0.1 || r.Test != "prefill-t0" {
			t.Errorf("%s: %+v", engine, r)
		}
	}
}

func TestServersMakeMediaAgain(t *testing.T) {
	server := referenceServer(t)
	image, embed := judgedBy(t, "openai", server.URL, "ref-image", ""), judgedBy(t, "openai", server.URL, "ref-embed", "")
	for v, want := range map[refmodel.Variant]float64{refmodel.Full: 1, refmodel.Sibling: 0} {
		if r := judgeIt(t, image, serve(t, stack(v), imageTask, 1, fmt.Sprintf(scene, 1, 2))); r.Quality != want {
			t.Errorf("picture by %v: %+v", v, r)
		}
		if r := judgeIt(t, embed, serve(t, stack(v), embedTask, 1, embedBody(50))); r.Quality != want {
			t.Errorf("vectors by %v: %+v", v, r)
		}
	}
}

// A reference repeats texts without the server's own taste in sampling, and
// says nothing of sampling where there is none.
func TestReplaysAreNeutral(t *testing.T) {
	var mu sync.Mutex
	asked := map[string][]string{}
	inner := stack(refmodel.Full)
	url := listen(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		mu.Lock()
		asked[r.URL.Path] = append(asked[r.URL.Path], string(body))
		mu.Unlock()
		r.Body = io.NopCloser(bytes.NewReader(body))
		inner.ServeHTTP(w, r)
	})).URL
	s := serve(t, inner, chatTask, 1, oven+`}`)
	s.Sample.Request = bytes.ReplaceAll(s.Sample.Request, []byte(`,"top_p":1`), nil)
	for engine, want := range map[string]string{"vllm": `"repetition_penalty":1`, "sglang": `"top_k":-1`} {
		clear(asked)
		if _, err := judgedBy(t, "openai", url, "ref-chat", engine).Judge(t.Context(), s); err != nil {
			t.Fatal(err)
		}
		if got := asked["/v1/chat/completions"]; len(got) != 1 || !strings.Contains(got[0], want) || !strings.Contains(got[0], `"top_p":1`) || !strings.Contains(got[0], `"temperature":0`) {
			t.Errorf("%s is asked %q", engine, got)
		}
		judgeIt(t, judgedBy(t, "openai", url, "ref-embed", engine), serve(t, inner, embedTask, 1, embedBody(2)))
		if got := asked["/v1/embeddings"]; len(got) != 1 || strings.Contains(got[0], "top_p") {
			t.Errorf("%s is asked for vectors by %q", engine, got)
		}
	}
}

// Our own trouble is an error of the right kind, never a verdict.
func TestTroubleIsNoVerdict(t *testing.T) {
	s, _ := honestChat(t, oven+`}`)
	answers := func(status int, body string) string {
		return listen(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			_, _ = w.Write([]byte(body))
		})).URL
	}
	down := httptest.NewServer(nil)
	down.Close()
	for _, x := range []struct {
		name, url string
		kind      fault.Kind
	}{
		{"down", down.URL, fault.Unavailable},
		{"busy", answers(429, ""), fault.Unavailable},
		{"broken", answers(502, "<html>"), fault.Unavailable},
		{"wrong model", answers(404, `{"error":{}}`), fault.Internal},
		{"no JSON", answers(200, "hello"), fault.Internal},
		{"empty", answers(200, "{}"), fault.Internal},
	} {
		for _, engine := range []string{"vllm", "openai"} {
			r, err := judgedBy(t, engine, x.url, "ref-chat", "").Judge(t.Context(), s)
			if err == nil || fault.KindOf(err) != x.kind || r != (proto.CheckResponse{}) {
				t.Errorf("%s, %s: %+v, %v (%v)", x.name, engine, r, err, fault.KindOf(err))
			}
		}
	}
}

// What nothing here judges is to be dropped at once, and people are told, once.
func TestTasksThatNothingJudges(t *testing.T) {
	var log bytes.Buffer
	c, err := New(Defaults(), Deps{Log: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	s, _ := honestChat(t, oven+`}`)
	for name, change := range map[string]func(*proto.CheckRequest){
		"unknown_kind": func(r *proto.CheckRequest) { r.Task.Kind, r.Task.Name = "smell", "roses" },
		"no_reference": func(r *proto.CheckRequest) { r.Task.Model.Name = "gpt" },
	} {
		log.Reset()
		r := s
		change(&r)
		for range 3 {
			var e *fault.Error
			if _, err := c.Judge(t.Context(), r); !errors.As(err, &e) || e.Kind != fault.Invalid || e.Code != name {
				t.Errorf("%s: %v", name, err)
			}
		}
		if n := strings.Count(log.String(), "level=WARN"); n != 1 || !strings.Contains(log.String(), r.Task.Name) {
			t.Errorf("%s: told %d times: %s", name, n, log.String())
		}
	}
}

type panics struct{ Reference }

func (panics) Score(context.Context, *textQuery) (*scores, error) { panic("a bug of ours") }

func TestPanicIsNoVerdict(t *testing.T) {
	c := newChecker(t)
	c.references[0].Reference = panics{c.references[0].Reference}
	s, _ := honestChat(t, oven+`}`)
	for range 5 { // more than there are slots: none is lost
		if r, err := c.Judge(t.Context(), s); fault.KindOf(err) != fault.Internal || r != (proto.CheckResponse{}) {
			t.Fatalf("%+v, %v", r, err)
		}
	}
}

// A slow reference costs a timeout; a caller who leaves is let go; beyond the
// queue callers are told to come back.
func TestSlowReference(t *testing.T) {
	s, _ := honestChat(t, oven+`}`)
	synctest.Test(t, func(t *testing.T) {
		entered := make(chan struct{}, 16)
		var network pipes.Net
		slow := &httptest.Server{Listener: network.Listen(), Config: &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body) // only then is it noticed that the caller is gone
			entered <- struct{}{}
			<-r.Context().Done()
		})}}
		slow.Start()
		defer slow.Close()
		transport := &http.Transport{DialContext: network.DialContext}
		defer transport.CloseIdleConnections()
		config := Defaults()
		config.Concurrency, config.Queue, config.Timeout = 1, 1, time.Second
		config.References = []ReferenceConfig{{Tasks: []string{"ref-chat"}, Engine: "vllm", URL: slow.URL, Model: "m", Slots: 1}}
		c, err := New(config, Deps{Client: &http.Client{Transport: transport}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Judge(t.Context(), s); fault.KindOf(err) != fault.Timeout {
			t.Errorf("slow: %v", err)
		}
		<-entered
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		kinds := make(chan fault.Kind, 2)
		judge := func() {
			_, err := c.Judge(ctx, s)
			kinds <- fault.KindOf(err)
		}
		wg.Go(judge)
		<-entered             // one runs
		c.queue <- struct{}{} // and one waits
		_, err = c.Judge(t.Context(), s)
		var busy *fault.Error
		if !errors.As(err, &busy) || busy.Kind != fault.Unavailable || busy.RetryAfter == 0 {
			t.Errorf("beyond the queue: %v", err)
		}
		<-c.queue
		wg.Go(judge)
		cancel()
		wg.Wait()
		for range 2 {
			if k := <-kinds; k != fault.Canceled {
				t.Errorf("a caller who left got %v", k)
			}
		}
	})
}

func TestConfigCheck(t *testing.T) {
	good := Defaults()
	good.Check(func(field, format string, args ...any) {
		t.Errorf("defaults: %s "+format, append([]any{field}, args...)...)
	})
	bad := Config{References: []ReferenceConfig{
		{Engine: "magic", URL: "ftp://x"},
		{Engine: "builtin", URL: "http://x", Serves: "a", Slots: 1},
		{Engine: "vllm", URL: "http://x/v1", Serves: "a", Slots: 1, Noise: -1},
	}}
	got := map[string]bool{}
	bad.Check(func(field, _ string, _ ...any) { got[field] = true })
	for _, field := range []string{"concurrency", "timeout", "references[0].engine", "references[0].url", "references[0].serves",
		"references[0].slots", "references[1].url", "references[2].url", "references[2].noise"} {
		if !got[field] {
			t.Errorf("%s is not reported: %v", field, got)
		}
	}
	if _, err := New(bad, Deps{}); err == nil {
		t.Error("a bad configuration was taken")
	}
}

func TestTemplates(t *testing.T) {
	talk := []message{{"system", "Be brief."}, {"user", "Hi"}, {"assistant", "Hello!"}, {"user", "Bye"}}
	for name, want := range map[string]string{
		"chatml": "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\nHello!<|im_end|>\n<|im_start|>user\nBye<|im_end|>\n<|im_start|>assistant\n",
		"llama3": "<|start_header_id|>system<|end_header_id|>\n\nBe brief.<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\nHello!<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nBye<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n",
	} {
		tpl, ok := templateNamed(name)
		if !ok || tpl.Render(talk) != want {
			t.Errorf("%s: %q", name, tpl.Render(talk))
		}
	}
	smol, _ := templateNamed("smollm2")
	if got := smol.Render(talk[1:2]); !strings.HasPrefix(got, "<|im_start|>system\nYou are a helpful AI assistant named SmolLM") {
		t.Errorf("smollm2: %q", got)
	}
}
