package miner

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"vision/internal/proto"
	"vision/internal/task"
)

func TestStreamKeepsTokenIDsAndNamesTheTask(t *testing.T) {
	var got map[string]any
	r := newRig(t, func(w http.ResponseWriter, q *http.Request) {
		if err := json.NewDecoder(q.Body).Decode(&got); err != nil {
			t.Errorf("the model server got no JSON: %v", err)
		}
		if auth := q.Header.Get("Authorization"); auth != "Bearer server-key" {
			t.Errorf("Authorization %q, want the server's key", auth)
		}
		speak(3, true)(w, q)
	}, func(c *Config) { c.Servers[0].KeyFile = "somewhere" })
	w := r.ask(alice, chatPath, fmt.Sprintf(chatBody, true))
	if w.Code != 200 || w.Header().Get("Content-Type") != "text/event-stream" {
		t.Fatalf("%d %q: %s", w.Code, w.Header().Get("Content-Type"), w.Body)
	}
	body := w.Body.String()
	if strings.Count(body, `"token_ids":[`) != 3 || strings.Contains(body, "served-name") || strings.Count(body, `"model":"chat"`) != 3 {
		t.Errorf("the stream should keep token ids and name the task: %s", body)
	}
	if !strings.HasSuffix(body, "data: [DONE]\n\n") {
		t.Errorf("a whole stream ends with [DONE]: %s", body)
	}
	if got["model"] != "served-name" || got["seed"] != 7.0 {
		t.Errorf("the model server was asked %v", got)
	}
}

func TestBrokenStreamNeverEndsAsWhole(t *testing.T) {
	for name, tokens := range map[string]int{"after some output": 3, "before any": 0} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, speak(tokens, false), nil)
			w := r.ask(alice, chatPath, fmt.Sprintf(chatBody, true))
			if strings.Contains(w.Body.String(), "[DONE]") || !strings.Contains(w.Body.String(), `"error"`) {
				t.Errorf("got %d %s, want an error and no [DONE]", w.Code, w.Body)
			}
			if tokens == 0 && w.Code != http.StatusBadGateway {
				t.Errorf("status %d, want 502", w.Code)
			}
		})
	}
}

func TestOnlyValidatorsAreServed(t *testing.T) {
	r := newRig(t, speak(1, true), nil)
	if w := r.ask(eve, chatPath, fmt.Sprintf(chatBody, true)); w.Code != http.StatusForbidden {
		t.Errorf("a stranger got %d, want 403", w.Code)
	}
	w := httptest.NewRecorder()
	r.ServeHTTP(w, httptest.NewRequest("GET", proto.CapacityPath, nil))
	if w.Code != http.StatusUnauthorized {
		t.Errorf("a caller without a hotkey got %d, want 401", w.Code)
	}
}

func TestCallerWhoLeavesFreesTheSlotAndTheModelServer(t *testing.T) {
	left := make(chan struct{})
	started := make(chan struct{})
	r := newRig(t, func(w http.ResponseWriter, q *http.Request) {
		_, _ = io.Copy(io.Discard, q.Body)
		_, _ = io.WriteString(w, chunk(5, "a", ""))
		w.(http.Flusher).Flush()
		close(started)
		<-q.Context().Done()
		close(left)
	}, nil)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		req := httptest.NewRequest("POST", chatPath, strings.NewReader(fmt.Sprintf(chatBody, true))).WithContext(ctx)
		req.Header.Set("Test-Caller", alice.String())
		r.ServeHTTP(httptest.NewRecorder(), req)
	}()
	<-started
	cancel()
	<-left
	<-ended
	if n := r.offer("chat").slots.inUse(); n != 0 {
		t.Errorf("%d slots are still held", n)
	}
}

func TestReloadChangesLimitsAndLeavesRunningRequestsAlone(t *testing.T) {
	started, release := make(chan struct{}, 4), make(chan struct{})
	r := newRig(t, func(w http.ResponseWriter, q *http.Request) {
		started <- struct{}{}
		<-release
		speak(2, true)(w, q)
	}, func(c *Config) { c.Tasks[0].Group = "" })
	running := make(chan *httptest.ResponseRecorder)
	go func() { running <- r.ask(alice, chatPath, fmt.Sprintf(chatBody, true)) }()
	<-started

	smaller := r.config
	smaller.Tasks = []Task{{Task: "chat", Server: "main", Model: "served-name", Units: 500, Slots: 1}}
	if err := r.Reload(smaller); err != nil {
		t.Fatal(err)
	}
	if w := r.ask(alice, chatPath, fmt.Sprintf(chatBody, true)); w.Code != http.StatusTooManyRequests {
		t.Errorf("one slot is held by the running request: got %d, want 429", w.Code)
	}
	if w := r.ask(alice, "/v1/embeddings", `{"model":"embed","input":"x"}`); w.Code != http.StatusNotFound {
		t.Errorf("a removed task: got %d, want 404", w.Code)
	}
	bad := r.config
	bad.Tasks = nil
	if err := r.Reload(bad); err == nil {
		t.Error("a configuration without tasks was taken")
	}
	close(release)
	if w := <-running; w.Code != 200 || !strings.HasSuffix(w.Body.String(), "[DONE]\n\n") {
		t.Errorf("the running stream was disturbed: %d %s", w.Code, w.Body)
	}
	if got := r.Declared(); len(got.Tasks) != 1 || got.Tasks[0].Units != 500 {
		t.Errorf("declares %+v, want 500 units of one task", got)
	}
}

func TestBadRequestsNameTheMistake(t *testing.T) {
	r := newRig(t, speak(1, true), nil)
	for name, c := range map[string]struct {
		path, body string
		code       int
		says       string
	}{
		"not JSON":       {chatPath, `{"model":`, 400, "invalid_json"},
		"unknown model":  {chatPath, `{"model":"nobody"}`, 404, "model_not_found"},
		"wrong path":     {"/v1/embeddings", fmt.Sprintf(chatBody, false), 404, "model_not_found"},
		"no messages":    {chatPath, `{"model":"chat"}`, 400, "messages"},
		"over the limit": {chatPath, `{"model":"chat","messages":[{"role":"user","content":"x"}],"max_tokens":101}`, 400, "max_tokens"},
		"too large":      {chatPath, `{"model":"chat","x":"` + strings.Repeat("a", proto.MaxRequest) + `"}`, 413, "body_too_large"},
	} {
		t.Run(name, func(t *testing.T) {
			w := r.ask(alice, c.path, c.body)
			if w.Code != c.code || !strings.Contains(w.Body.String(), c.says) {
				t.Errorf("got %d %s, want %d and %q", w.Code, w.Body, c.code, c.says)
			}
		})
	}
}

// An operator sees which limit refuses.
func TestRefusalsNameTheirLimit(t *testing.T) {
	var r *rig
	for want, change := range map[string]func(*Config){
		"gpu_busy":          func(*Config) { r.groups["gpu0"].resize(0) },
		"task_busy":         func(*Config) { r.offers["chat"].slots.resize(0) },
		"volume_used_up":    func(c *Config) { c.Tasks[0].Units = 1; _ = r.Reload(*c) },
		"model_server_busy": func(*Config) {},
	} {
		r = newRig(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(429) }, nil)
		change(&r.config)
		if w := r.ask(alice, chatPath, fmt.Sprintf(chatBody, true)); w.Code != 429 {
			t.Errorf("%s: answered %d", want, w.Code)
		}
		if got := r.served.results; len(got) != 1 || got[0] != want {
			t.Errorf("counted as %q, want %q", got, want)
		}
		if log := r.log.String(); !strings.Contains(log, "result=rate_limited code="+want) {
			t.Errorf("logged without %s: %s", want, log)
		}
	}
}

// Servers close connections that were idle, llama-server after seconds: a request
// that goes out just then is no failure of the miner's.
func TestModelServerClosesAnIdleConnection(t *testing.T) {
	seen, closed := map[string]bool{}, false
	r := newRig(t, func(w http.ResponseWriter, r *http.Request) {
		if seen[r.RemoteAddr] && !closed {
			closed = true
			conn, _, err := http.NewResponseController(w).Hijack()
			if err == nil {
				err = conn.Close()
			}
			if err != nil {
				t.Error(err)
			}
			return
		}
		seen[r.RemoteAddr] = true
		_, _ = w.Write([]byte(`{"choices":[{"index":0,"message":{"role":"assistant","content":"hi"},"token_ids":[5],"finish_reason":"stop"}]}`))
	}, nil)
	for i := range 3 {
		if w := r.ask(alice, chatPath, fmt.Sprintf(chatBody, false)); w.Code != 200 {
			t.Errorf("request %d: %d %s", i, w.Code, w.Body)
		}
	}
	if !closed {
		t.Error("no connection was used twice")
	}
}

func TestModelServersFailures(t *testing.T) {
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		code   int
	}{
		"busy":           {func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Retry-After", "7"); w.WriteHeader(429) }, 429},
		"crashed":        {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) }, 502},
		"no answer":      {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, 503},
		"not an answer":  {func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("hello")) }, 502},
		"elsewhere":      {func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "http://127.0.0.1:1/", 302) }, 502},
		"refuses fields": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(422) }, 400},
		"refuses values": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(400) }, 400},
		"too large":      {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(413) }, 413},
		"no such model":  {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(404) }, 502},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, c.answer, nil)
			w := r.ask(alice, chatPath, fmt.Sprintf(chatBody, false))
			if w.Code != c.code {
				t.Errorf("got %d %s, want %d", w.Code, w.Body, c.code)
			}
			if c.code == 429 && w.Header().Get("Retry-After") != "7" {
				t.Errorf("Retry-After %q, want the server's 7", w.Header().Get("Retry-After"))
			}
			if left := r.volumes.buckets[account{alice, "chat"}].left; left != 1500 {
				t.Errorf("%v units left of 1500: a failed answer cost volume", left)
			}
		})
	}
}

func TestEnginesGetWhatTheyTake(t *testing.T) {
	payload := []byte(`{"model":"chat","seed":9223372036854775807,"return_token_ids":true,"stream_options":{"include_usage":true}}`)
	kind, _ := task.KindNamed("chat")
	for name, want := range map[string]string{
		"vllm":             `{"min_p":0,"model":"m","repetition_penalty":1,"return_token_ids":true,"seed":9223372036854775807,"stream_options":{"include_usage":true},"temperature":1,"top_k":-1,"top_p":1}`,
		"sglang":           `{"min_p":0,"model":"m","repetition_penalty":1,"seed":9223372036854775807,"stream_options":{"include_usage":true},"temperature":1,"top_k":-1,"top_p":1}`,
		"openai":           `{"model":"m","seed":9223372036854775807,"stream_options":{"include_usage":true}}`,
		"llama.cpp":        `{"min_p":0,"model":"m","repeat_penalty":1,"seed":2147483647,"stream_options":{"include_usage":true},"temperature":1,"top_k":0,"top_p":1}`,
		"llama-cpp-python": `{"min_p":0,"model":"m","repeat_penalty":1,"seed":2147483647,"temperature":1,"top_k":0,"top_p":1}`,
	} {
		e, ok := engineNamed(name)
		if !ok {
			t.Fatalf("no engine %s", name)
		}
		got, _, err := translate(e, kind, payload, "m")
		if err != nil || !bytes.Equal(got, []byte(want)) {
			t.Errorf("%s gets %s (%v), want %s", name, got, err, want)
		}
	}
	// Templates that put the day into a chat are told the one that references are told.
	for name, pinned := range map[string]bool{"vllm": true, "sglang": true, "llama.cpp": true, "llama-cpp-python": false, "openai": false} {
		e, _ := engineNamed(name)
		got, _, err := translate(e, kind, []byte(`{"model":"chat","messages":[],"seed":1}`), "m")
		if err != nil || bytes.Contains(got, []byte(`"chat_template_kwargs":{"date_string":"26 Jul 2024"}`)) != pinned {
			t.Errorf("%s gets %s (%v)", name, got, err)
		}
	}
	// Fields of no task's kind go to servers that take them.
	for _, e := range engines {
		got, _, err := translate(e, kind, []byte(`{"model":"chat","seed":1,"guided_regex":"a+"}`), "m")
		if err != nil || bytes.Contains(got, []byte("guided_regex")) != e.Extras() || e.Extras() == (e.Name() == "openai") {
			t.Errorf("%s gets %s (%v)", e.Name(), got, err)
		}
	}
	// What a customer asked for stays, and other kinds have no sampling.
	for name, want := range map[string]string{"vllm": `"repetition_penalty":1.2`, "sglang": `"repetition_penalty":1.2`, "llama.cpp": `"repeat_penalty":1.2`} {
		e, _ := engineNamed(name)
		got, _, err := translate(e, kind, []byte(`{"model":"chat","seed":1,"repetition_penalty":1.2,"top_k":5}`), "m")
		if err != nil || !bytes.Contains(got, []byte(want)) || !bytes.Contains(got, []byte(`"top_k":5`)) {
			t.Errorf("%s gets %s (%v), want %s in it", name, got, err, want)
		}
		embedding, _ := task.KindNamed("embedding")
		if got, _, err := translate(e, embedding, []byte(`{"model":"x","input":["a"]}`), "m"); err != nil || string(got) != `{"input":["a"],"model":"m"}` {
			t.Errorf("%s gets %s (%v) for vectors", name, got, err)
		}
	}
}
