package modelserver

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/shared"

	"vision/internal/refmodel"
)

func TestChatWithTheOfficialSDK(t *testing.T) {
	_, client := serve(t, testConfig())
	params := openai.ChatCompletionNewParams{
		Model: "ref-chat", Messages: question("Why is the sea salty?"),
		Temperature: openai.Float(0.8), TopP: openai.Float(0.95), Seed: openai.Int(42),
		Logprobs: openai.Bool(true), TopLogprobs: openai.Int(3), MaxCompletionTokens: openai.Int(50),
	}
	whole, err := client.Chat.Completions.New(t.Context(), params)
	if err != nil {
		t.Fatal(err)
	}
	choice := whole.Choices[0]
	if choice.Message.Role != "assistant" || choice.Message.Content == "" || whole.Model != "ref-chat" || whole.Object != "chat.completion" {
		t.Fatalf("answer %+v", whole)
	}
	if n := int(whole.Usage.CompletionTokens); n < 1 || n > 50 || n != len(choice.Logprobs.Content) || whole.Usage.TotalTokens != whole.Usage.PromptTokens+int64(n) {
		t.Errorf("usage %+v for %d log-probabilities", whole.Usage, len(choice.Logprobs.Content))
	}

	params.StreamOptions = openai.ChatCompletionStreamOptionsParam{IncludeUsage: openai.Bool(true)}
	stream := client.Chat.Completions.NewStreaming(t.Context(), params)
	defer stream.Close()
	var acc openai.ChatCompletionAccumulator
	var logprobs []float64
	for stream.Next() {
		chunk := stream.Current()
		acc.AddChunk(chunk)
		if len(chunk.Choices) > 0 {
			for _, l := range chunk.Choices[0].Logprobs.Content {
				logprobs = append(logprobs, l.Logprob)
			}
		}
	}
	if err := stream.Err(); err != nil {
		t.Fatal(err)
	}
	if got := acc.Choices[0]; got.Message.Content != choice.Message.Content || got.FinishReason != choice.FinishReason {
		t.Errorf("streamed %q (%s), whole %q (%s)", got.Message.Content, got.FinishReason, choice.Message.Content, choice.FinishReason)
	}
	if acc.Usage.CompletionTokens != whole.Usage.CompletionTokens {
		t.Errorf("streamed usage %+v, whole %+v", acc.Usage, whole.Usage)
	}
	for i, l := range choice.Logprobs.Content {
		if i >= len(logprobs) || logprobs[i] != l.Logprob || len(l.TopLogprobs) != 3 {
			t.Fatalf("log-probability %d: streamed %v, whole %v with %d alternatives", i, logprobs, l.Logprob, len(l.TopLogprobs))
		}
	}
}

func TestCompletionWithTheOfficialSDK(t *testing.T) {
	_, client := serve(t, testConfig())
	params := openai.CompletionNewParams{
		Model: "ref-base", Prompt: openai.CompletionNewParamsPromptUnion{OfString: openai.String("The bread")},
		MaxTokens: openai.Int(12), Seed: openai.Int(5), Logprobs: openai.Int(2), Echo: openai.Bool(true),
	}
	whole, err := client.Completions.New(t.Context(), params)
	if err != nil {
		t.Fatal(err)
	}
	c := whole.Choices[0]
	if !strings.HasPrefix(c.Text, "The bread") || len(c.Text) <= len("The bread") {
		t.Errorf("text %q does not continue the prompt", c.Text)
	}
	if n := len(c.Logprobs.Tokens); n != int(whole.Usage.TotalTokens) || len(c.Logprobs.TextOffset) != n {
		t.Errorf("%d tokens listed, usage %+v", n, whole.Usage)
	}
	s, _ := serve(t, testConfig())
	_, raw := post(t, s, "/v1/completions", `{"prompt":"The bread","max_tokens":12,"seed":5,"logprobs":2,"echo":true}`)
	listed := raw["choices"].([]any)[0].(map[string]any)["logprobs"].(map[string]any)
	values, tops := listed["token_logprobs"].([]any), listed["top_logprobs"].([]any)
	if len(values) != 15 || len(tops) != 15 || values[0] != nil || tops[0] != nil || values[1] == nil || len(tops[14].(map[string]any)) < 2 {
		t.Errorf("of an echoed prompt only the first token has no log-probability: %v", listed)
	}
	stream := client.Completions.NewStreaming(t.Context(), params)
	defer stream.Close()
	text := ""
	for stream.Next() {
		text += stream.Current().Choices[0].Text
	}
	if stream.Err() != nil || text != c.Text {
		t.Errorf("streamed %q (%v), whole %q", text, stream.Err(), c.Text)
	}
	params.MaxTokens = openai.Int(0)
	if scored, err := client.Completions.New(t.Context(), params); err != nil || scored.Choices[0].Text != "The bread" || scored.Usage.CompletionTokens != 0 {
		t.Errorf("echo with max_tokens 0: %+v, %v", scored, err)
	}
}

func TestToolCalls(t *testing.T) {
	_, client := serve(t, testConfig())
	params := openai.ChatCompletionNewParams{
		Model: "ref-chat", Messages: question("What is the weather in Zürich?"), Seed: openai.Int(1),
		Tools: []openai.ChatCompletionToolUnionParam{openai.ChatCompletionFunctionTool(shared.FunctionDefinitionParam{
			Name: "get_weather",
			Parameters: shared.FunctionParameters{"type": "object", "properties": map[string]any{
				"city": map[string]any{"type": "string"}, "days": map[string]any{"type": "integer", "minimum": 3},
				"unit": map[string]any{"type": "string", "enum": []string{"celsius", "kelvin"}},
			}},
		})},
	}
	plain, err := client.Chat.Completions.New(t.Context(), params)
	if err != nil || plain.Choices[0].Message.Content == "" || len(plain.Choices[0].Message.ToolCalls) != 0 {
		t.Fatalf("tools without a forced choice: %+v, %v", plain, err)
	}
	params.ToolChoice = openai.ToolChoiceOptionFunctionToolChoice(openai.ChatCompletionNamedToolChoiceFunctionParam{Name: "get_weather"})
	whole, err := client.Chat.Completions.New(t.Context(), params)
	if err != nil {
		t.Fatal(err)
	}
	call := whole.Choices[0].Message.ToolCalls[0]
	var args struct {
		City, Unit string
		Days       int
	}
	if err := json.Unmarshal([]byte(call.Function.Arguments), &args); err != nil || call.Function.Name != "get_weather" || call.ID == "" {
		t.Fatalf("call %+v: %v", call, err)
	}
	if args.City != "Zürich" || args.Days != 3 || args.Unit != "celsius" {
		t.Errorf("arguments %s", call.Function.Arguments)
	}
	stream := client.Chat.Completions.NewStreaming(t.Context(), params)
	defer stream.Close()
	var acc openai.ChatCompletionAccumulator
	for stream.Next() {
		acc.AddChunk(stream.Current())
	}
	if err := stream.Err(); err != nil {
		t.Fatal(err)
	}
	if got := acc.Choices[0].Message.ToolCalls[0].Function; got.Arguments != call.Function.Arguments || got.Name != call.Function.Name {
		t.Errorf("streamed %+v, whole %+v", got, call.Function)
	}
}

func TestModels(t *testing.T) {
	_, client := serve(t, testConfig())
	page, err := client.Models.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, m := range page.Data {
		names = append(names, m.ID)
	}
	if want := []string{"ref-chat", "ref-base", "ref-image", "ref-embed"}; !slices.Equal(names, want) {
		t.Errorf("models %v, want %v", names, want)
	}
}

func TestErrorsHaveOpenAIsShape(t *testing.T) {
	config := testConfig()
	config.MaxBody = 2000
	s, client := serve(t, config)
	user := `"messages":[{"role":"user","content":"hi"}]`
	for _, tc := range []struct {
		path, body string
		status     int
		says       string
	}{
		{"/v1/chat/completions", `{`, 400, "not valid JSON"},
		{"/v1/chat/completions", `{"messages":[]}`, 400, "messages is empty"},
		{"/v1/chat/completions", `{"messages":[{"role":"wizard","content":"x"}]}`, 400, "wizard"},
		{"/v1/chat/completions", `{` + user + `,"model":"gpt-9"}`, 404, "gpt-9"},
		{"/v1/chat/completions", `{` + user + `,"n":2}`, 400, "n is 2"},
		{"/v1/chat/completions", `{` + user + `,"temperature":3}`, 400, "temperature"},
		{"/v1/chat/completions", `{` + user + `,"temperature":"hot"}`, 400, "temperature"},
		{"/v1/chat/completions", `{` + user + `,"top_p":0}`, 400, "top_p"},
		{"/v1/chat/completions", `{` + user + `,"max_tokens":0}`, 400, "max_tokens"},
		{"/v1/chat/completions", `{` + user + `,"logprobs":true,"top_logprobs":21}`, 400, "logprobs"},
		{"/v1/chat/completions", `{` + user + `,"tool_choice":"required"}`, 400, "tools is empty"},
		{"/v1/chat/completions", `{"messages":[{"role":"user","content":[{"type":"input_audio"}]}]}`, 400, "text and pictures only"},
		{"/v1/chat/completions", `{"x":"` + strings.Repeat("x", 3000) + `"}`, 413, "2000 bytes"},
		{"/v1/completions", `{"prompt":[99999]}`, 400, "ids are 0 to"},
		{"/v1/completions", `{"prompt":{}}`, 400, "prompt"},
		{"/v1/completions", `{}`, 400, "0 prompts"},
		{"/v1/completions", `{"prompt":"x","stream":true,"prompt_logprobs":1}`, 400, "prompt_logprobs"},
		{"/v1/images/generations", `{"prompt":"x","size":"100x100"}`, 400, "width is 100"},
		{"/v1/images/generations", `{"prompt":"x","size":"big"}`, 400, "size is"},
		{"/v1/images/generations", `{"prompt":"x","num_inference_steps":99}`, 400, "steps is 99"},
		{"/v1/images/generations", `{"prompt":"x","response_format":"url"}`, 400, "b64_json"},
		{"/v1/embeddings", `{"input":"x","dimensions":64}`, 400, "dimensions"},
		{"/v1/embeddings", `{"input":[]}`, 400, "0 texts"},
		{"/v1/audio", `{}`, 404, "not served"},
	} {
		status, out := post(t, s, tc.path, tc.body)
		e, _ := out["error"].(map[string]any)
		message, _ := e["message"].(string)
		if status != tc.status || !strings.Contains(message, tc.says) || e["type"] == "" {
			t.Errorf("%s %.60s: status %d %v, want %d saying %q", tc.path, tc.body, status, out, tc.status, tc.says)
		}
	}
	_, err := client.Chat.Completions.New(t.Context(), openai.ChatCompletionNewParams{Model: "gpt-9", Messages: question("hi")})
	var apiErr *openai.Error
	if !errors.As(err, &apiErr) || apiErr.StatusCode != 404 || apiErr.Code != "model_not_found" || apiErr.Param != "model" {
		t.Errorf("the SDK sees %v", err)
	}
}

// gateClock lets a test decide when each paced token may pass.
type gateClock struct {
	waiting chan time.Duration
	pass    chan struct{}
}

func (gateClock) Now() time.Time { return time.Unix(1700000000, 0) }

func (g gateClock) Sleep(ctx context.Context, d time.Duration) error {
	select {
	case g.waiting <- d:
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case <-g.pass:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Tokens are due at n/rate; each is flushed before the next is waited for; a
// second request beyond MaxConcurrent is refused; and a client that leaves
// frees its slot, which shows that generation stopped.
func TestPacingConcurrencyAndDisconnects(t *testing.T) {
	gate := gateClock{make(chan time.Duration), make(chan struct{})}
	config := testConfig()
	config.TokensPerSecond, config.MaxConcurrent, config.Clock = 10, 1, gate
	s, _ := serve(t, config)
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	body := `{"messages":[{"role":"user","content":"Tell me a story."}],"stream":true,"seed":1}`
	req, _ := http.NewRequestWithContext(ctx, "POST", s.URL+"/v1/chat/completions", strings.NewReader(body))
	resp, err := s.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	lines := bufio.NewReader(resp.Body)
	event := func() string {
		t.Helper()
		line, err := lines.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		if _, err := lines.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
		return line
	}
	event() // the role
	for n := 1; n <= 5; n++ {
		if d := <-gate.waiting; d != time.Duration(n)*100*time.Millisecond {
			t.Errorf("token %d waits %v", n, d)
		}
		gate.pass <- struct{}{}
		if e := event(); !strings.Contains(e, `"content"`) {
			t.Errorf("event %d is %s", n, e)
		}
	}
	status, out := post(t, s, "/v1/completions", `{"prompt":"x"}`)
	if e := out["error"].(map[string]any); status != 429 || e["type"] != "rate_limit_error" {
		t.Errorf("a second request got %d %v", status, out)
	}
	leave()
	deadline := time.Now().Add(4 * time.Minute)
	for { // the server learns of the disconnect in its own time
		status, _ := post(t, s, "/v1/embeddings", `{"input":"x"}`)
		if status == 200 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the slot of a client that left was not freed")
		}
	}
}

func TestVariantsAndCheats(t *testing.T) {
	ask := func(c Config, path, body string) string {
		s, _ := serve(t, c)
		resp, err := s.Client().Post(s.URL+path, "application/json", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		raw, _ := io.ReadAll(resp.Body)
		var out struct {
			Choices []struct{ Text string }
			Data    []struct {
				B64JSON string `json:"b64_json"`
			}
		}
		if err := json.Unmarshal(raw, &out); err != nil {
			t.Fatal(err)
		}
		if len(out.Choices) > 0 {
			return out.Choices[0].Text
		}
		return out.Data[0].B64JSON
	}
	honest, cheat := testConfig(), testConfig()
	cheat.Text.Variant, cheat.MaxImageSteps = refmodel.Bits(2), 5
	text := `{"prompt":"The sea is","max_tokens":200,"temperature":0}`
	if ask(honest, "/v1/completions", text) == ask(cheat, "/v1/completions", text) {
		t.Error("2 bits wrote the same 200 tokens as the full model")
	}
	picture := `{"prompt":"x","size":"64x64","seed":1,"num_inference_steps":20}`
	five := `{"prompt":"x","size":"64x64","seed":1,"num_inference_steps":5}`
	if got := ask(cheat, "/v1/images/generations", picture); got != ask(honest, "/v1/images/generations", five) {
		t.Error("MaxImageSteps 5 did not give the 5-step picture")
	}
}

func FuzzRequests(f *testing.F) {
	f.Add("/v1/chat/completions", []byte(`{"messages":[{"role":"user","content":[{"type":"text","text":"x"}]}],"stop":null,"tool_choice":"auto"}`))
	f.Add("/v1/completions", []byte(`{"prompt":[[1,2],[3]],"max_tokens":2,"echo":true,"logprobs":2}`))
	f.Add("/v1/embeddings", []byte(`{"input":["a","b"],"encoding_format":"base64"}`))
	f.Add("/v1/images/generations", []byte(`{"prompt":"x","size":"64x64","num_inference_steps":1}`))
	f.Add("/v1/chat/completions", []byte(`{"messages":[{"role":"user","content":"x"}],"max_tokens":4,"tools":[{"function":{"name":"f","parameters":{"properties":{"a":{"type":["array"],"items":{}}}}}}],"tool_choice":"required"}`))
	handler := New(testConfig())
	f.Fuzz(func(t *testing.T, path string, body []byte) {
		if !strings.HasPrefix(path, "/v1/") || strings.ContainsAny(path, "% ?#\x7f") || !isPrintable(path) {
			return
		}
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		w := httptest.NewRecorder()
		r := httptest.NewRequestWithContext(ctx, "POST", path, bytes.NewReader(body))
		handler.ServeHTTP(w, r)
		if w.Code == 500 {
			t.Fatalf("status 500: %s", w.Body)
		}
		if w.Body.Len() > 0 && strings.HasPrefix(w.Header().Get("Content-Type"), "application/json") && !json.Valid(w.Body.Bytes()) {
			t.Fatalf("not JSON: %s", w.Body)
		}
	})
}

func isPrintable(s string) bool {
	for _, r := range s {
		if r < 0x21 || r > 0x7e {
			return false
		}
	}
	return true
}

func BenchmarkStream(b *testing.B) {
	s, _ := serve(b, testConfig())
	n := 0
	for b.Loop() {
		n += len(events(b, s, "/v1/chat/completions", `{"messages":[{"role":"user","content":"Tell me a story."}],"stream":true,"return_token_ids":true,"max_tokens":200}`))
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "events/s")
}
