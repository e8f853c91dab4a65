package gateway

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"vision/internal/apikey"
	"vision/internal/relay"
)

func TestErrors(t *testing.T) {
	f := serve(t, func(c *Config) { c.Limits.Body = 1000 }, ok(1))
	big := `{"model":"talker-8b","messages":[{"role":"user","content":"` + strings.Repeat("x", 1000) + `"}]}`
	for _, c := range []struct {
		name, method, path, body string
		status                   int
		kind, code, param, says  string
	}{
		{"unknown path", "POST", "/v1/audio/speech", chatBody, 404, "invalid_request_error", "unknown_url", "", "/v1/models"},
		{"wrong method", "GET", chatPath, "", 405, "invalid_request_error", "method_not_allowed", "", "POST"},
		{"wrong method for models", "POST", "/v1/models", "{}", 405, "invalid_request_error", "method_not_allowed", "", "GET"},
		{"no body", "POST", chatPath, "", 400, "invalid_request_error", "empty_body", "", "JSON"},
		{"not JSON", "POST", chatPath, `{"messages":`, 400, "invalid_request_error", "invalid_json", "", "JSON"},
		{"not JSON after the model", "POST", chatPath, `{"model":"talker-8b","messages":[}`, 400, "invalid_request_error", "invalid_json", "", "JSON"},
		{"no model", "POST", chatPath, `{"messages":[]}`, 400, "invalid_request_error", "invalid_value", "model", "/v1/models"},
		{"unknown model", "POST", chatPath, `{"model":"talker-7b"}`, 404, "invalid_request_error", "model_not_found", "model", `Did you mean "talker-8b"`},
		{"a model of another kind", "POST", chatPath, `{"model":"painter"}`, 400, "invalid_request_error", "invalid_value", "model", "/v1/images/generations"},
		{"a wrong field", "POST", chatPath, `{"model":"talker-8b","messages":[{"role":"user","content":"x"}],"temperature":"hot"}`,
			400, "invalid_request_error", "invalid_value", "temperature", "number"},
		{"too large", "POST", chatPath, big, 413, "invalid_request_error", "request_too_large", "", "1000"},
		{"unknown model by id", "GET", "/v1/models/painters", "", 404, "invalid_request_error", "model_not_found", "model", `"painter"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := f.do(t, c.method, c.path, c.body)
			e := r.failure(t)
			if r.status != c.status || e.Type != c.kind || e.Code != c.code || e.Param != c.param || !strings.Contains(e.Message, c.says) {
				t.Errorf("%d %+v", r.status, e)
			}
			if r.header.Get("X-Request-Id") == "" || r.header.Get("Content-Type") != "application/json" {
				t.Errorf("headers %v", r.header)
			}
		})
	}
	if n := len(f.relay.called()); n != 0 {
		t.Errorf("miners were asked %d times for wrong requests", n)
	}
}

func TestTooLargeWithoutLength(t *testing.T) {
	f := serve(t, func(c *Config) { c.Limits.Body = 200_000 }, ok(1))
	req, _ := http.NewRequest("POST", f.url+chatPath, io.MultiReader(strings.NewReader(chatBody), strings.NewReader(strings.Repeat(" ", 300_000))))
	req.Header.Set("Authorization", "Bearer "+secret)
	resp, err := f.http.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != 413 {
		t.Errorf("status %d, want 413", resp.StatusCode)
	}
	if held := f.bodies.held.Load(); held != 0 {
		t.Errorf("%d bytes are still counted as held", held)
	}
	// And one that fits, larger than what buffers begin with.
	if r := f.do(t, "POST", chatPath, chatBody+strings.Repeat(" ", 150_000)); r.status != 200 {
		t.Errorf("%d %s", r.status, r.body)
	}
}

func TestBodiesTogether(t *testing.T) {
	f := serve(t, func(c *Config) { c.Limits.BodyMemory = 100_000 }, ok(1))
	r := f.do(t, "POST", chatPath, chatBody+strings.Repeat(" ", 150_000))
	if e := r.failure(t); r.status != 503 || e.Code != "overloaded" || r.header.Get("Retry-After") != "2" {
		t.Errorf("%d %s", r.status, r.body)
	}
}

// A large request counts until it ends, not only while it is read.
func TestLargeRequestsUnderWay(t *testing.T) {
	at, leave := make(chan struct{}, 1), make(chan struct{})
	f := serve(t, func(c *Config) { c.Limits.BodyMemory = 400_000 }, func(ctx context.Context, c relay.Call, s relay.Sink) relay.Answer {
		at <- struct{}{}
		<-leave
		return ok(1)(ctx, c, s)
	})
	large := chatBody + strings.Repeat(" ", 150_000)
	first := make(chan reply)
	go func() { first <- f.do(t, "POST", chatPath, large) }()
	<-at
	if r := f.do(t, "POST", chatPath, large); r.status != 503 {
		t.Errorf("beside another: %d %s", r.status, r.body)
	}
	close(leave)
	if r := <-first; r.status != 200 {
		t.Errorf("%d %s", r.status, r.body)
	}
	if r := f.do(t, "POST", chatPath, large); r.status != 200 {
		t.Errorf("after the other: %d %s", r.status, r.body)
	}
}

// A body that does not come in time is given up, with the connection.
func TestSlowBody(t *testing.T) {
	f := serve(t, func(c *Config) { c.Limits.BodyRead = 50 * time.Millisecond }, ok(1))
	conn, err := net.Dial("tcp", strings.TrimPrefix(f.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(patience))
	fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Length: 100\r\n\r\n{", chatPath, secret)
	in := bufio.NewReader(conn)
	resp, err := http.ReadResponse(in, nil)
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(resp.Body)
	if e := (reply{body: string(body)}).failure(t); resp.StatusCode != 408 || e.Type != "timeout_error" || !resp.Close {
		t.Errorf("%d %s, close %v", resp.StatusCode, body, resp.Close)
	}
	if _, err := in.ReadByte(); err != io.EOF {
		t.Errorf("the connection stays open: %v", err)
	}
}

// Nor is a body waited for without end that nobody reads: a stranger's, who is refused before, or one that comes where none is wanted.
func TestSlowBodyOfAStranger(t *testing.T) {
	for _, head := range []string{
		"POST " + chatPath + " HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n",
		"POST " + chatPath + " HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n",
		"GET /nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n",
		"GET " + modelsPath + " HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + secret + "\r\nContent-Length: 100\r\n\r\n",
	} {
		synctest.Test(t, func(t *testing.T) {
			f := servePiped(t, nil, ok(1))
			transport := f.http.Transport.(*http.Transport)
			conn, err := transport.DialContext(t.Context(), "tcp", strings.TrimPrefix(f.url, "http://"))
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			begun := time.Now()
			conn.SetDeadline(begun.Add(time.Hour))
			io.WriteString(conn, head)
			in := bufio.NewReader(conn)
			if resp, err := http.ReadResponse(in, nil); err != nil || !resp.Close {
				t.Errorf("%q: %v, %v", head, resp, err)
			} else if _, err := io.Copy(io.Discard, resp.Body); err != nil {
				t.Error(err)
			}
			if _, err := in.ReadByte(); err != io.EOF {
				t.Errorf("%q: the connection stays open: %v", head, err)
			}
			if took := time.Since(begun); took > time.Minute {
				t.Errorf("%q: after %v", head, took)
			}
		})
	}
}

// Whoever asks on and on and reads no answer keeps no connection, with or without a key.
func TestAnswersThatNobodyReads(t *testing.T) {
	for _, path := range []string{"/nowhere", modelsPath} {
		synctest.Test(t, func(t *testing.T) {
			f := servePiped(t, nil, ok(1))
			conn, err := f.http.Transport.(*http.Transport).DialContext(t.Context(), "tcp", strings.TrimPrefix(f.url, "http://"))
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			begun := time.Now()
			conn.SetDeadline(begun.Add(time.Hour))
			for err == nil {
				_, err = io.WriteString(conn, "GET "+path+" HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer "+secret+"\r\n\r\n")
			}
			if took := time.Since(begun); errors.Is(err, os.ErrDeadlineExceeded) || took > 2*time.Minute {
				t.Errorf("%s: %v after %v", path, err, took)
			}
		})
	}
}

// The deadline of a body must not end the stream that follows it, nor those of
// one response the next on the same connection.
func TestDeadlinesDoNotLinger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := servePiped(t, func(c *Config) {
			c.Limits.BodyRead, c.Limits.Write = 400*time.Millisecond, 400*time.Millisecond
			short(t, c, 600*time.Millisecond, 1200*time.Millisecond)
		}, hanging(1), hanging(0), ok(2))
		r := f.do(t, "POST", chatPath, streamed) // lasts 1.2 s
		if !strings.Contains(r.body, "timeout_error") {
			t.Errorf("%d %s %v", r.status, r.body, r.err)
		}
		if r = f.do(t, "POST", chatPath, streamed); r.status != 200 || !strings.HasSuffix(r.body, "[DONE]\n\n") {
			t.Errorf("%d %s %v", r.status, r.body, r.err)
		}
	})
}

func TestNobodyCanServe(t *testing.T) {
	f := serve(t, nil, ok(1))
	f.Board.Set(f.store.period, nil)
	r := f.do(t, "POST", chatPath, chatBody)
	if e := r.failure(t); r.status != 503 || e.Type != "service_unavailable_error" || e.Code != "no_capacity" || r.header.Get("Retry-After") == "" {
		t.Errorf("%d %v %s", r.status, r.header, r.body)
	}
}

func TestAuthentication(t *testing.T) {
	f := serve(t, nil, ok(1))
	for _, header := range []string{"", "Bearer", "Bearer ", "Bearer sk-wrong", "Basic " + secret, secret, "Bearer " + secret + "x", "Bearer pk-" + strings.Repeat("x", 1000)} {
		r := f.do(t, "POST", chatPath, chatBody, "Authorization", header)
		if e := r.failure(t); r.status != 401 || e.Code != "invalid_api_key" || e.Type != "authentication_error" || strings.Contains(r.body, "wrong") {
			t.Errorf("%q: %d %s", header, r.status, r.body)
		}
	}
	if r := f.do(t, "GET", "/v1/models", "", "Authorization", "Bearer sk-wrong"); r.status != 401 {
		t.Errorf("models without a key: %d", r.status)
	}
	if strings.Contains(f.log.String(), "sk-wrong") {
		t.Errorf("the log holds a wrong key")
	}
	// A key that is revoked is out at the next reading.
	f.store.mu.Lock()
	f.store.keys[0].Revoked = time.Now()
	f.store.mu.Unlock()
	if err := f.readKeys(t.Context()); err != nil {
		t.Fatal(err)
	}
	if r := f.do(t, "POST", chatPath, chatBody); r.status != 401 {
		t.Errorf("with a revoked key: %d", r.status)
	}
}

func TestGuessesAreLimitedByAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := servePiped(t, func(c *Config) { c.Limits.Guesses = 3 }, ok(1))
		for i := range 5 {
			r := f.do(t, "POST", chatPath, chatBody, "Authorization", "Bearer sk-wrong")
			want := 401
			if i >= 3 {
				want = 429
			}
			if r.status != want || want == 429 && r.header.Get("Retry-After") != "20" {
				t.Errorf("guess %d: %d, Retry-After %q, want %d", i, r.status, r.header.Get("Retry-After"), want)
			}
		}
		if r := f.do(t, "POST", chatPath, chatBody); r.status != 200 {
			t.Errorf("a good key from the same address: %d, want 200", r.status)
		}
	})
}

func TestKeyLimit(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	f := serve(t, func(c *Config) { c.Now = func() time.Time { return now } }, ok(1))
	f.store.keys[0].PerMinute = 3
	f.store.keys = append(f.store.keys, apikey.Key{ID: 8, Hash: apikey.HashOf("sk-other")})
	if err := f.readKeys(t.Context()); err != nil {
		t.Fatal(err)
	}
	get := func(key string) reply { return f.do(t, "GET", "/v1/models", "", "Authorization", "Bearer "+key) }
	for i, want := range []struct{ status, remaining, reset string }{
		{"200", "2", "20s"}, {"200", "1", "40s"}, {"200", "0", "1m0s"}, {"429", "0", "1m0s"}, {"429", "0", "1m0s"},
	} {
		r := get(secret)
		if fmt.Sprint(r.status) != want.status || r.header.Get("x-ratelimit-limit-requests") != "3" ||
			r.header.Get("x-ratelimit-remaining-requests") != want.remaining || r.header.Get("x-ratelimit-reset-requests") != want.reset {
			t.Errorf("request %d: %d %v, want %+v", i, r.status, r.header, want)
		}
		if r.status == 429 {
			if e := r.failure(t); e.Type != "rate_limit_error" || e.Code != "rate_limit_exceeded" || r.header.Get("retry-after") != "20" {
				t.Errorf("%+v %v", e, r.header)
			}
		}
		if err := f.readKeys(t.Context()); err != nil { // changes nothing of what is left
			t.Fatal(err)
		}
	}
	if r := get("sk-other"); r.status != 200 || r.header.Get("x-ratelimit-limit-requests") != "" {
		t.Errorf("another key: %d %v", r.status, r.header)
	}
	now = now.Add(20 * time.Second)
	if r := get(secret); r.status != 200 {
		t.Errorf("when told to come back: %d", r.status)
	}
}

func TestSpan(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0s", -1: "0s", time.Millisecond * 20: "20ms", time.Second: "1s", 59_960 * time.Millisecond: "1m0s", 360 * time.Second: "6m0s", 1200 * time.Millisecond: "1.2s",
	} {
		if got := span(d); got != want {
			t.Errorf("%v: %q, want %q", d, got, want)
		}
	}
}
