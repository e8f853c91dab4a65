package gateway

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"vision/internal/outcome"
	"vision/internal/relay"
)

func TestStream(t *testing.T) {
	f := serve(t, nil, ok(5))
	r := f.do(t, "POST", chatPath, streamed)
	if r.status != 200 || r.header.Get("Content-Type") != "text/event-stream; charset=utf-8" {
		t.Fatalf("status %d, %v", r.status, r.header)
	}
	if strings.Count(r.body, `"content":"w`) != 4 || !strings.HasSuffix(r.body,
		`"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":5,"total_tokens":8}}`+"\n\ndata: [DONE]\n\n") {
		t.Errorf("stream:\n%s", r.body)
	}
	e := f.store.recorded()
	if len(e) != 1 {
		t.Fatalf("%d outcomes recorded, want 1", len(e))
	}
	o := e[0].Outcome
	if o.Status != outcome.OK || !o.Last || o.Try != 0 || o.Key != 7 || o.Source != outcome.Organic || !o.Stream || o.Work != 5 {
		t.Errorf("outcome %+v", o)
	}
	if o.Request != r.header.Get("X-Request-Id") || !regexp.MustCompile(`^req-[0-9a-v]{26}$`).MatchString(o.Request) {
		t.Errorf("request id %q, header %q", o.Request, r.header.Get("X-Request-Id"))
	}
	if r.header.Get("X-Vision-Miner") != o.Miner.String() || r.header.Get("X-Vision-Tries") != "1" {
		t.Errorf("headers %v do not name the miner", r.header)
	}
	if s := e[0].Sample; s == nil || string(s.Response) != "kept" || s.Outcome != o || !strings.Contains(string(s.Request), "private matter") {
		t.Errorf("sample %+v", s)
	}
	if x := e[0].Features; x == nil || !x.Stream || x.Turns != 1 {
		t.Errorf("features %+v", x)
	}
	if strings.Contains(f.log.String(), "private") || strings.Contains(f.log.String(), secret) {
		t.Errorf("the log holds a prompt or a key:\n%s", f.log)
	}
	if !strings.Contains(f.log.String(), "task=talker-8b") || strings.Count(f.log.String(), "\n") != 1 {
		t.Errorf("the log is not one event:\n%s", f.log)
	}
}

func TestUsageOnlyIfAsked(t *testing.T) {
	f := serve(t, func(c *Config) { c.Anonymous = true }, ok(2))
	r := f.do(t, "POST", chatPath, strings.Replace(streamed, "true}}", "false}}", 1))
	if strings.Contains(r.body, "usage") || !strings.HasSuffix(r.body, "data: [DONE]\n\n") {
		t.Errorf("stream:\n%s", r.body)
	}
	if r.header.Get("X-Vision-Miner") != "" || r.header.Get("X-Vision-Tries") != "" {
		t.Errorf("headers %v name the miner, which was switched off", r.header)
	}
}

func TestEveryKindTakesTheSamePath(t *testing.T) {
	for path, body := range map[string]string{
		chatPath:                 chatBody,
		"/v1/completions":        `{"model":"writer-8b","prompt":"once","max_tokens":4}`,
		"/v1/images/generations": `{"model":"painter","prompt":"a cat"}`,
		"/v1/embeddings":         `{"model":"embedder","input":["a","b"]}`,
	} {
		f := serve(t, nil, ok(4))
		r := f.do(t, "POST", path, body)
		if r.status != 200 || r.header.Get("Content-Type") != "application/json" || !strings.Contains(r.body, `"good"`) {
			t.Errorf("%s: %d %s", path, r.status, r.body)
		}
		e := f.store.recorded()
		if len(e) != 1 || e[0].Outcome.Status != outcome.OK || e[0].Features == nil || e[0].Sample == nil {
			t.Errorf("%s: recorded %+v", path, e)
		}
		c := f.relay.called()[0]
		if c.Peer.Addr != "192.0.2.1:1" || c.Kind.Path() != path || !c.Keep || c.By.Before(c.FirstBy) {
			t.Errorf("%s: call %+v", path, c)
		}
	}
}

// The first output is passed on at once, not when a buffer is full.
func TestNothingIsHeldBack(t *testing.T) {
	goOn := make(chan struct{})
	f := serve(t, nil, func(ctx context.Context, c relay.Call, s relay.Sink) relay.Answer {
		s.Events(chunk("first", ""))
		<-goOn
		return ok(1)(ctx, c, s)
	})
	req, _ := http.NewRequest("POST", f.url+chatPath, strings.NewReader(streamed))
	req.Header.Set("Authorization", "bearer "+secret)
	resp, err := f.http.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	in := bufio.NewReader(resp.Body)
	line, err := in.ReadString('\n') // would block for ever
	if err != nil || !strings.Contains(line, "first") {
		t.Fatalf("%q, %v", line, err)
	}
	close(goOn)
	rest, err := io.ReadAll(in)
	if err != nil || !strings.HasSuffix(string(rest), "data: [DONE]\n\n") {
		t.Fatalf("%q, %v", rest, err)
	}
}

// While the record is not durable, nothing may look like success.
func TestRecordComesFirst(t *testing.T) {
	for _, text := range []string{streamed, chatBody} {
		f := newFixture(t, nil, ok(3))
		w := httptest.NewRecorder()
		f.store.written = func([]outcome.Entry) {
			got := w.Body.String()
			if strings.Contains(got, "[DONE]") || strings.Contains(got, "usage") || text == chatBody && got != "" {
				t.Errorf("before the outcome was durable the customer had:\n%s", got)
			}
		}
		f.ServeHTTP(w, request(text))
		if !strings.Contains(w.Body.String(), "usage") {
			t.Errorf("afterwards:\n%s", w.Body)
		}
	}
}

func request(body string) *http.Request {
	r := httptest.NewRequest("POST", chatPath, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+secret)
	return r
}

func TestRecorderFails(t *testing.T) {
	for name, fail := range map[string]func(*fakeStore){
		"not applied":                   func(s *fakeStore) { s.lost = errors.New("disk full") },
		"applied, but reported as lost": func(s *fakeStore) { s.unsure = errors.New("connection lost") },
	} {
		t.Run(name, func(t *testing.T) {
			f := serve(t, nil, ok(3))
			fail(f.store)
			r := f.do(t, "POST", chatPath, chatBody)
			if e := r.failure(t); r.status != 500 || e.Type != "server_error" || strings.Contains(r.body, "disk") || strings.Contains(r.body, "good") {
				t.Errorf("%d %s", r.status, r.body)
			}
			r = f.do(t, "POST", chatPath, streamed)
			if r.status != 200 || strings.Contains(r.body, "[DONE]") || strings.Contains(r.body, "usage") ||
				!strings.Contains(r.body, `data: {"error":{"message":`) || !strings.HasSuffix(r.body, "\n\n") {
				t.Errorf("%d %s", r.status, r.body)
			}
			stop(t, f) // the stream's goroutine logs after the response
			if !strings.Contains(f.log.String(), "level=WARN") || !strings.Contains(f.log.String(), "not_recorded") {
				t.Errorf("log:\n%s", f.log)
			}
		})
	}
}

func TestCustomerHangsUp(t *testing.T) {
	f := serve(t, nil, hanging(2))
	ctx, cancel := context.WithCancel(context.Background())
	req, _ := http.NewRequestWithContext(ctx, "POST", f.url+chatPath, strings.NewReader(streamed))
	req.Header.Set("Authorization", "Bearer "+secret)
	resp, err := f.http.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	written := make(chan []outcome.Entry, 1)
	f.store.mu.Lock()
	f.store.written = func(e []outcome.Entry) { written <- e }
	f.store.mu.Unlock()
	bufio.NewReader(resp.Body).ReadString('\n')
	cancel()
	resp.Body.Close()
	select {
	case e := <-written:
		if o := e[0].Outcome; len(e) != 1 || o.Status != outcome.Canceled || o.Work != 2 || !o.Last || e[0].Sample != nil {
			t.Errorf("recorded %+v", e)
		}
	case <-time.After(patience):
		t.Fatal("nothing was recorded after the customer went away")
	}
	stop(t, f)
}

func stop(t testing.TB, f *fixture) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := f.Stop(ctx); err != nil {
		t.Fatal(err)
	}
}

func TestPanicIsOurError(t *testing.T) {
	for chunks, text := range []string{chatBody, streamed} {
		f := newFixture(t, nil, func(_ context.Context, _ relay.Call, s relay.Sink) relay.Answer {
			send(s, chunks)
			panic("a bug")
		})
		w := httptest.NewRecorder()
		f.ServeHTTP(w, request(text))
		f.idleBoard(t)
		if f.Active() != 0 {
			t.Errorf("%d requests are counted as under way", f.Active())
		}
		if strings.Contains(w.Body.String(), "bug") || strings.Contains(w.Body.String(), "DONE") || !strings.Contains(w.Body.String(), "internal_error") {
			t.Errorf("the customer got %d %s", w.Code, w.Body)
		}
		if !strings.Contains(f.log.String(), "level=ERROR") || !strings.Contains(f.log.String(), "serve_test.go") {
			t.Errorf("the log does not say where:\n%s", f.log)
		}
	}
}
