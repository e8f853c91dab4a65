package gateway

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/png"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"

	"vision/internal/dispatch"
	"vision/internal/hotkey"
	"vision/internal/outcome"
	"vision/internal/pipes"
	"vision/internal/relay"
)

// These tests drive the gateway with the official SDK, through the real relay
// to a miner on loopback.

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

func TestSDKChat(t *testing.T) {
	f := withSDK(t, nil)
	p := ask("Good day")
	p.Tools = []openai.ChatCompletionToolUnionParam{openai.ChatCompletionFunctionTool(openai.FunctionDefinitionParam{
		Name: "weather", Parameters: openai.FunctionParameters{"type": "object", "properties": map[string]any{"city": map[string]any{"type": "string"}}}})}
	c, err := f.Chat.Completions.New(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Choices) != 1 || c.Choices[0].FinishReason != "tool_calls" || len(c.Choices[0].Message.ToolCalls) != 1 ||
		c.Choices[0].Message.ToolCalls[0].Function.Arguments != `{"city":"Paris"}` {
		t.Errorf("answer %s", c.RawJSON())
	}
	if c.Usage.CompletionTokens != 2 || c.Usage.PromptTokens != 2 || c.Usage.TotalTokens != 4 || c.Model != "talker-8b" || strings.Contains(c.RawJSON(), "token_ids") {
		t.Errorf("not our counts, or what only validators see: %s", c.RawJSON())
	}
	tools, _ := json.Marshal(f.miner.payloads[0]["tools"])
	if !strings.Contains(string(tools), `"name":"weather"`) || !strings.Contains(string(tools), `"city"`) {
		t.Errorf("the miner saw the tools %s", tools)
	}
}

func TestSDKChatStream(t *testing.T) {
	f := withSDK(t, nil)
	p := ask("Good day")
	p.StreamOptions.IncludeUsage = openai.Bool(true)
	s := f.Chat.Completions.NewStreaming(t.Context(), p)
	var sum openai.ChatCompletionAccumulator
	for s.Next() {
		if !sum.AddChunk(s.Current()) {
			t.Errorf("a chunk does not fit the stream: %s", s.Current().RawJSON())
		}
	}
	if err := s.Err(); err != nil {
		t.Fatal(err)
	}
	if sum.Choices[0].Message.Content != "One two three" || sum.Choices[0].FinishReason != "stop" || sum.Usage.CompletionTokens != 4 || sum.Usage.PromptTokens != 2 {
		t.Errorf("%+v", sum.ChatCompletion)
	}
	o := f.store.recorded()[0].Outcome
	if o.Status != outcome.OK || o.Work != 4 || o.PromptWork != 2 || o.FirstOutput <= 0 || o.Total < o.FirstOutput {
		t.Errorf("%+v", o)
	}
}

func TestSDKOtherKinds(t *testing.T) {
	f := withSDK(t, nil)
	text, err := f.Completions.New(t.Context(), openai.CompletionNewParams{Model: "writer-8b", Prompt: openai.CompletionNewParamsPromptUnion{OfString: openai.String("Once")}})
	if err != nil || text.Choices[0].Text != "upon a time" || text.Usage.CompletionTokens != 3 {
		t.Errorf("completion: %v, %v", text, err)
	}
	pictures, err := f.Images.Generate(t.Context(), openai.ImageGenerateParams{Model: "painter", Prompt: "a cat"})
	if err != nil || len(pictures.Data) != 1 || pictures.Data[0].B64JSON == "" {
		t.Errorf("image: %v, %v", pictures, err)
	}
	vectors, err := f.Embeddings.New(t.Context(), openai.EmbeddingNewParams{Model: "embedder",
		Input: openai.EmbeddingNewParamsInputUnion{OfArrayOfStrings: []string{"a", "b"}}})
	if err != nil || len(vectors.Data) != 2 || vectors.Data[0].Embedding[1] != -1 {
		t.Errorf("embedding: %v, %v", vectors, err)
	}
	var names []string
	for models := f.Models.ListAutoPaging(t.Context()); models.Next(); {
		names = append(names, models.Current().ID)
	}
	one, err := f.Models.Get(t.Context(), "painter")
	if err != nil || one.ID != "painter" || len(names) != 4 {
		t.Errorf("models %v, %v, %v", names, one, err)
	}
}

func TestSDKErrors(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*Config)
		key    string
		params openai.ChatCompletionNewParams
		status int
		code   string
		param  string
	}{
		{"bad request", nil, secret, openai.ChatCompletionNewParams{Model: "talker-8b"}, 400, "invalid_value", "messages"},
		{"bad key", nil, "sk-wrong", ask("x"), 401, "invalid_api_key", ""},
		{"unknown model", nil, secret, openai.ChatCompletionNewParams{Model: "gpt-4"}, 404, "model_not_found", "model"},
		{"miners fail", nil, secret, ask("please fail"), 502, "http_500", ""},
		{"miners are busy", nil, secret, ask("please refuse"), 503, "miners_busy", ""},
		{"miners are silent", func(c *Config) { short(t, c, 100*time.Millisecond, 300*time.Millisecond) }, secret, ask("please stall"), 504, "total_timeout", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := withSDKPiped(t, c.change, option.WithAPIKey(c.key))
				_, err := f.Chat.Completions.New(t.Context(), c.params)
				var e *openai.Error
				if !errors.As(err, &e) || e.StatusCode != c.status || e.Code != c.code || e.Param != c.param || e.Message == "" || e.Type == "" {
					t.Errorf("%v (%+v)", err, e)
				}
				// A stream that fails before its first output fails the same way.
				s := f.Chat.Completions.NewStreaming(t.Context(), c.params)
				if s.Next() || !errors.As(s.Err(), &e) || e.StatusCode != c.status {
					t.Errorf("streamed: %v", s.Err())
				}
			})
		})
	}
	t.Run("key limit", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			f := withSDKPiped(t, nil)
			f.store.keys[0].PerMinute = 1
			f.readKeys(t.Context())
			f.Chat.Completions.New(t.Context(), ask("x"))
			_, err := f.Chat.Completions.New(t.Context(), ask("x"))
			var e *openai.Error
			if !errors.As(err, &e) || e.StatusCode != 429 || e.Code != "rate_limit_exceeded" || e.Response.Header.Get("Retry-After") != "60" {
				t.Errorf("%v", err)
			}
		})
	})
}

func TestSDKBrokenStream(t *testing.T) {
	f := withSDK(t, nil)
	s := f.Chat.Completions.NewStreaming(t.Context(), ask("please break off"))
	var got strings.Builder
	for s.Next() {
		got.WriteString(s.Current().Choices[0].Delta.Content)
	}
	if s.Err() == nil || got.String() != "One two" {
		t.Errorf("got %q and the error %v; a broken stream must not look whole", got.String(), s.Err())
	}
	if o := f.store.recorded()[0].Outcome; o.Status != outcome.Failed || o.Work != 2 || !o.Last {
		t.Errorf("%+v", o)
	}
}

func TestSDKCancel(t *testing.T) {
	f := withSDK(t, nil)
	ctx, cancel := context.WithCancel(t.Context())
	s := f.Chat.Completions.NewStreaming(ctx, ask("please hang"))
	for s.Next() && s.Current().Choices[0].Delta.Content != "One" {
	}
	cancel()
	s.Close()
	select {
	case <-f.miner.canceled:
	case <-time.After(patience):
		t.Fatal("the miner's request goes on after the customer went away")
	}
	stop(t, f.fixture)
	if e := f.store.recorded(); len(e) != 1 || e[0].Outcome.Status != outcome.Canceled || e[0].Outcome.Work != 1 {
		t.Errorf("%+v", e)
	}
}

// nobodyThere is an address on loopback that refuses connections until the test ends: its
// port is taken, so that nobody else gets it, and nobody listens there.
func nobodyThere(t *testing.T) string {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Close(fd) })
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	at, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("127.0.0.1:%d", at.(*syscall.SockaddrInet4).Port)
}

// One miner of four is dead: customers notice nothing, and it gets less and less.
func TestDeadMinerIsNotNoticed(t *testing.T) {
	f := withSDK(t, nil)
	dead := nobodyThere(t)
	f.store.period.ID++
	for i := range f.store.contenders {
		if f.store.contenders[i].Miner == miner(0) {
			f.store.contenders[i].Addr = dead
		}
	}
	if err := f.readPeriod(t.Context()); err != nil {
		t.Fatal(err)
	}
	for range 60 {
		s := f.Chat.Completions.NewStreaming(t.Context(), ask("Good day"))
		n := 0
		for s.Next() {
			n++
		}
		if s.Err() != nil || n == 0 {
			t.Fatalf("%d chunks, %v", n, s.Err())
		}
	}
	failed := 0
	for _, e := range f.store.recorded() {
		if e.Outcome.Status == outcome.Failed {
			failed++
			if e.Outcome.Miner != miner(0) || e.Outcome.Reason != "connect_refused" || e.Outcome.Last {
				t.Errorf("%+v", e.Outcome)
			}
		}
	}
	if failed > 6 {
		t.Errorf("the dead miner was asked %d times for 60 requests", failed)
	}
}

// With many customers at once every stream ends as it should.
func TestManyStreamsAtOnce(t *testing.T) {
	f := withSDK(t, nil)
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			for range 20 {
				r := f.do(t, "POST", chatPath, streamed)
				if r.status != 200 || !strings.HasSuffix(r.body, "data: [DONE]\n\n") || strings.Count(r.body, "content") != 4 {
					t.Errorf("%d %v\n%s", r.status, r.err, r.body)
				}
			}
		})
	}
	wg.Wait()
	requests := map[string]int{}
	for _, e := range f.store.recorded() {
		requests[e.Outcome.Request]++
	}
	if len(requests) != 320 {
		t.Errorf("%d request ids for 320 requests", len(requests))
	}
	f.Board.Seats("talker-8b", func(s *dispatch.Seat) {
		if s.Used() == 0 {
			t.Errorf("miner %d got nothing", s.UID)
		}
	})
}
