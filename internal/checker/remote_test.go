package checker

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"vision/internal/checker/remote"
	"vision/internal/fault"
	"vision/internal/proto"
	"vision/internal/refmodel"
)

// Asking over HTTP gives what asking in the process does.
func TestRemote(t *testing.T) {
	c := newChecker(t)
	server := listen(t, c)
	far := &remote.Client{HTTP: client(t), Base: server.URL}
	for _, s := range []proto.CheckRequest{
		serve(t, stack(refmodel.Full), chatTask, 1, oven+`}`),
		serve(t, stack(refmodel.Bits(2)), chatTask, 1, oven+`}`),
		serve(t, stack(refmodel.Full), embedTask, 1, embedBody(3)),
	} {
		near, err := c.Judge(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
		got, err := far.Judge(t.Context(), s)
		if err != nil || got != near {
			t.Errorf("over HTTP %+v (%v), in the process %+v", got, err, near)
		}
	}
	s, _ := honestChat(t, oven+`}`)
	unknown := s
	unknown.Task.Kind = "smell"
	var e *fault.Error
	if _, err := far.Judge(t.Context(), unknown); !errors.As(err, &e) || e.Kind != fault.Invalid || e.Code != "unknown_kind" {
		t.Errorf("unknown kind over HTTP: %v", err)
	}
	odd := s
	odd.Sample.Request = []byte(`{"messages":[],"max_tokens":1,"top_k":3}`)
	if _, err := far.Judge(t.Context(), odd); fault.KindOf(err) != fault.Invalid {
		t.Errorf("not checkable over HTTP: %v", err)
	}
	server.Close()
	if _, err := far.Judge(t.Context(), s); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("a checker that is down: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := far.Judge(ctx, s); fault.KindOf(err) != fault.Canceled {
		t.Errorf("a caller who left: %v", err)
	}
}

// A checking server that lies within JSON is not believed.
func TestRemoteVerdictOutOfRange(t *testing.T) {
	s, _ := honestChat(t, oven+`}`)
	for _, body := range []string{`{"quality":2}`, `{"quality":-1}`, `{"quality":"x"}`, `{"quality":1,"e":-3}`, `{"quality":1,"work":-1}`, ``} {
		server := listen(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(body)) }))
		far := &remote.Client{HTTP: client(t), Base: server.URL}
		if r, err := far.Judge(t.Context(), s); fault.KindOf(err) != fault.Internal || r != (proto.CheckResponse{}) {
			t.Errorf("%s: %+v, %v", body, r, err)
		}
	}
}

func TestHandlerRefuses(t *testing.T) {
	c := newChecker(t)
	for _, x := range []struct {
		method, path, body string
		status             int
	}{
		{"GET", proto.CheckPath, "", 405},
		{"POST", "/v1/chat/completions", "{}", 404},
		{"POST", proto.CheckPath, "{", 400},
		{"POST", proto.CheckPath, `{"task":{"Kind":"chat"}}`, 400},
		{"POST", proto.CheckPath, `{"task":"` + strings.Repeat("x", proto.MaxCheck) + `"}`, 413},
	} {
		w := httptest.NewRecorder()
		c.ServeHTTP(w, httptest.NewRequest(x.method, x.path, strings.NewReader(x.body)))
		var body struct{ Error struct{ Message string } }
		if err := json.Unmarshal(w.Body.Bytes(), &body); w.Code != x.status || err != nil || body.Error.Message == "" {
			t.Errorf("%s %s: status %d, want %d: %.200s", x.method, x.path, w.Code, x.status, w.Body)
		}
		if w.Code == 503 && w.Header().Get("Retry-After") == "" {
			t.Errorf("%s: no Retry-After", x.body)
		}
	}
}
