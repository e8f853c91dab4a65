package modelserver

import (
	"bufio"
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func testConfig() Config {
	return Config{
		Text:      Capability{Models: []string{"ref-chat", "ref-base"}},
		Image:     Capability{Models: []string{"ref-image"}},
		Embedding: Capability{Models: []string{"ref-embed"}},
	}
}

// serve starts a server on loopback and the official SDK's client for it.
func serve(t testing.TB, c Config) (*httptest.Server, openai.Client) {
	t.Helper()
	s := httptest.NewServer(New(c))
	t.Cleanup(func() {
		s.CloseClientConnections()
		s.Close()
	})
	return s, openai.NewClient(option.WithBaseURL(s.URL+"/v1"), option.WithAPIKey("none"), option.WithMaxRetries(0), option.WithHTTPClient(s.Client()))
}

// post sends raw JSON and returns the status and the decoded answer.
func post(t testing.TB, s *httptest.Server, path, body string) (int, map[string]any) {
	t.Helper()
	resp, err := s.Client().Post(s.URL+path, "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var out map[string]any
	if err := json.NewDecoder(resp.Body).Decode(&out); err != nil {
		t.Fatalf("%s: status %d is not JSON: %v", path, resp.StatusCode, err)
	}
	return resp.StatusCode, out
}

// events returns the data of every server-sent event.
func events(t testing.TB, s *httptest.Server, path, body string) []string {
	t.Helper()
	resp, err := s.Client().Post(s.URL+path, "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if ct := resp.Header.Get("Content-Type"); !strings.HasPrefix(ct, "text/event-stream") {
		t.Fatalf("content type %q", ct)
	}
	var list []string
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
			list = append(list, data)
		} else if lines.Text() != "" {
			t.Fatalf("line %q", lines.Text())
		}
	}
	return list
}

func question(text string) []openai.ChatCompletionMessageParamUnion {
	return []openai.ChatCompletionMessageParamUnion{openai.SystemMessage("Be brief."), openai.UserMessage(text)}
}
