package gateway

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"image"
	"image/png"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"

	"vision/internal/hotkey"
	"vision/internal/pipes"
	"vision/internal/relay"
)

type plainDialer struct{}

func (plainDialer) Dial(ctx context.Context, addr string, _ hotkey.ID) (net.Conn, error) {
	return new(net.Dialer).DialContext(ctx, "tcp", addr)
}

// fakeMiner is an OpenAI-shaped server that does as the prompt says.
type fakeMiner struct {
	mu       sync.Mutex
	payloads []map[string]any
	canceled chan struct{} // closed when a hanging stream's caller went away
}

func (m *fakeMiner) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	var p map[string]any
	json.Unmarshal(body, &p)
	m.mu.Lock()
	m.payloads = append(m.payloads, p)
	m.mu.Unlock()
	switch {
	case bytes.Contains(body, []byte("please fail")):
		http.Error(w, "no", 500)
		return
	case bytes.Contains(body, []byte("please refuse")):
		w.Header().Set("Retry-After", "3")
		http.Error(w, "no", 429)
		return
	case bytes.Contains(body, []byte("please stall")):
		<-r.Context().Done()
		return
	}
	switch r.URL.Path {
	case "/v1/embeddings":
		io.WriteString(w, `{"object":"list","data":[{"object":"embedding","index":0,"embedding":[0.5,-1]},{"object":"embedding","index":1,"embedding":[1,2]}],"model":"x","usage":{"prompt_tokens":4,"total_tokens":4}}`)
	case "/v1/images/generations":
		var picture bytes.Buffer
		png.Encode(&picture, image.NewGray(image.Rect(0, 0, 64, 64)))
		fmt.Fprintf(w, `{"created":5,"data":[{"b64_json":%q}]}`, base64.StdEncoding.EncodeToString(picture.Bytes()))
	case "/v1/completions":
		io.WriteString(w, `{"id":"cmpl-1","object":"text_completion","created":5,"model":"x","choices":[{"index":0,"text":"upon a time","token_ids":[1,2,3],"finish_reason":"length"}],"usage":{"prompt_tokens":1,"completion_tokens":999,"total_tokens":1000}}`)
	default:
		m.chat(w, r, p, body)
	}
}

func (m *fakeMiner) chat(w http.ResponseWriter, r *http.Request, p map[string]any, body []byte) {
	if p["stream"] != true {
		message := `{"role":"assistant","content":"Good day"}`
		finish := "stop"
		if p["tools"] != nil {
			message = `{"role":"assistant","content":null,"tool_calls":[{"id":"t1","type":"function","function":{"name":"weather","arguments":"{\"city\":\"Paris\"}"}}]}`
			finish = "tool_calls"
		}
		fmt.Fprintf(w, `{"id":"c1","object":"chat.completion","created":5,"model":"x","prompt_token_ids":[1,2],"choices":[{"index":0,"message":%s,"finish_reason":%q,"token_ids":[4,5]}],"usage":{"prompt_tokens":9,"completion_tokens":999,"total_tokens":1008}}`, message, finish)
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	out := http.NewResponseController(w)
	say := func(delta, finish string, ids string) {
		fmt.Fprintf(w, `data: {"id":"c1","object":"chat.completion.chunk","created":5,"model":"x","prompt_token_ids":[1,2],"choices":[{"index":0,"delta":%s,"finish_reason":%s,"token_ids":%s}]}`+"\n\n", delta, finish, ids)
		out.Flush()
	}
	say(`{"role":"assistant","content":""}`, "null", "[]")
	for i, word := range []string{"One", " two", " three"} {
		say(fmt.Sprintf(`{"content":%q}`, word), "null", fmt.Sprintf("[%d]", i))
		if bytes.Contains(body, []byte("please break off")) && i == 1 {
			panic(http.ErrAbortHandler)
		}
		if bytes.Contains(body, []byte("please hang")) {
			<-r.Context().Done()
			close(m.canceled)
			return
		}
	}
	say(`{}`, `"stop"`, "[9]")
	io.WriteString(w, "data: [DONE]\n\n")
}

type sdkFixture struct {
	*fixture
	openai.Client
	miner *fakeMiner
}

func withSDK(t *testing.T, change func(*Config), options ...option.RequestOption) *sdkFixture {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return withSDKAt(t, l, plainDialer{}, serve, change, options...)
}

// withSDKPiped is the same within the process, in a bubble whose time is the
// test's own.
func withSDKPiped(t *testing.T, change func(*Config), options ...option.RequestOption) *sdkFixture {
	t.Helper()
	var network pipes.Net
	return withSDKAt(t, network.Listen(), &network, servePiped, change, options...)
}

// withSDKAt has the miner at l, which dialer dials.
func withSDKAt(t *testing.T, l net.Listener, dialer relay.Dialer, serve func(testing.TB, func(*Config), ...step) *fixture,
	change func(*Config), options ...option.RequestOption) *sdkFixture {
	t.Helper()
	m := &fakeMiner{canceled: make(chan struct{})}
	server := &httptest.Server{Listener: l, Config: &http.Server{Handler: m}}
	server.Start()
	t.Cleanup(server.Close)
	client, err := relay.New(relay.Config{Dialer: dialer, Secret: []byte("a secret of the tests")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	f := serve(t, func(c *Config) {
		c.Relay = client
		if change != nil {
			change(c)
		}
	})
	f.store.period.ID++
	for i := range f.store.contenders {
		f.store.contenders[i].Addr = server.Listener.Addr().String()
	}
	if err := f.readPeriod(t.Context()); err != nil {
		t.Fatal(err)
	}
	options = append([]option.RequestOption{option.WithBaseURL(f.url + "/v1"), option.WithAPIKey(secret), option.WithHTTPClient(f.http), option.WithMaxRetries(0)}, options...)
	return &sdkFixture{fixture: f, Client: openai.NewClient(options...), miner: m}
}

func ask(text string) openai.ChatCompletionNewParams {
	return openai.ChatCompletionNewParams{Model: "talker-8b", Messages: []openai.ChatCompletionMessageParamUnion{openai.UserMessage(text)}}
}
