package openai

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"

	"vision/internal/fault"
)

func TestStringsSurvive(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.String().Draw(t, "s")
		var back string
		if err := json.Unmarshal(AppendString(nil, s), &back); err != nil || back != strings.ToValidUTF8(s, "\uFFFD") {
			t.Fatalf("%q becomes %q, %v", s, back, err)
		}
		quoted, _ := json.Marshal(s) // escapes <, > and &
		if got := string(appendString(nil, quoted)); got != string(AppendString(nil, s)) {
			t.Fatalf("%s has two forms: %s and %s", quoted, got, AppendString(nil, s))
		}
	})
}

// FuzzScan compares our reading of JSON with encoding/json's.
func FuzzScan(f *testing.F) {
	for _, s := range []string{`{"a":[1,-0.5e+3,true,false,null,"\u00e9\n"],"b":{}}`, `{"a":01}`, `"` + strings.Repeat("é", 9) + `"`, `{"a":"\ud83d\ude00"}`, `[1,]`, `{"a":1e400}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		end := skipValue(b, space(b, 0), MaxDepth)
		ours := end != bad && space(b, end) == len(b)
		var v any
		theirs := json.Unmarshal(b, &v) == nil
		if ours && !theirs {
			t.Fatalf("we take %q", b)
		}
		if theirs && !ours && utf8.Valid(b) && strings.Count(string(b), "[")+strings.Count(string(b), "{") < MaxDepth {
			t.Fatalf("we refuse %q", b)
		}
		if !ours {
			return
		}
		var again any
		if err := json.Unmarshal(AppendCanonical(nil, b[space(b, 0):end]), &again); err != nil {
			t.Fatalf("canonical form of %q: %v", b, err)
		}
		was, _ := json.Marshal(v)
		is, _ := json.Marshal(again)
		if string(was) != string(is) {
			t.Fatalf("canonical form of %s is %s", was, is)
		}
	})
}

func TestErrorsAsClientsReadThem(t *testing.T) {
	tests := []struct {
		err    error
		body   string
		status int
	}{
		{fault.BadParam("max_tokens", `is "x"`), `{"error":{"message":"is \"x\"","type":"invalid_request_error","param":"max_tokens","code":"invalid_value"}}`, 400},
		{fault.New(fault.NotFound, "model_not_found", "no model"), `{"error":{"message":"no model","type":"invalid_request_error","param":null,"code":"model_not_found"}}`, 404},
		{fault.Wrap(errors.New("10.0.0.1 refused"), fault.Upstream, "", "try again"), `{"error":{"message":"try again","type":"upstream_error","param":null,"code":null}}`, 502},
		{fault.New(fault.Internal, "db_path", "/var/lib is full"), `{"error":{"message":"The server failed to handle the request. Trying again may help.","type":"server_error","param":null,"code":"internal_error"}}`, 500},
		{errors.New("secret"), `{"error":{"message":"The server failed to handle the request. Trying again may help.","type":"server_error","param":null,"code":"internal_error"}}`, 500},
	}
	for _, tt := range tests {
		if got := string(AppendError(nil, tt.err)); got != tt.body {
			t.Errorf("%v\ngives %s\nwant  %s", tt.err, got, tt.body)
		}
		if got := StatusOf(fault.KindOf(tt.err)); got != tt.status {
			t.Errorf("%v has status %d, want %d", tt.err, got, tt.status)
		}
	}
	for kind := fault.Internal; kind <= fault.Canceled; kind++ {
		if s := StatusOf(kind); s < 400 || s > 599 {
			t.Errorf("%v has status %d", kind, s)
		}
	}
	if got := string(AppendErrorEvent(nil, errors.New("x"))); !strings.HasPrefix(got, `data: {"error":`) || !strings.HasSuffix(got, "}\n\n") {
		t.Errorf("event %q", got)
	}
	e := fault.New(fault.RateLimited, "", "later")
	e.RetryAfter = 1100 * time.Millisecond
	if RetryAfter(e) != "2" || RetryAfter(errors.New("x")) != "" {
		t.Errorf("Retry-After %q", RetryAfter(e))
	}
}

func TestUsageChunk(t *testing.T) {
	got := string(AppendUsageChunk(nil, Meta{ID: "a", Created: 5, Object: "chat.completion.chunk", Model: "m"}, 3, 4))
	if want := `data: {"id":"a","object":"chat.completion.chunk","created":5,"model":"m","choices":[],"usage":{"prompt_tokens":3,"completion_tokens":4,"total_tokens":7}}` + "\n\n"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
