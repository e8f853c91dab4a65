package modelserver

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"image/png"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
	"github.com/openai/openai-go/v3/shared"
	"go.uber.org/goleak"

	"vision/internal/refmodel"
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

// One event per token; ids, text and the reference's own scoring all agree.
func TestStreamCarriesVerifiableTokenIDs(t *testing.T) {
	s, _ := serve(t, testConfig())
	body := `{"model":"ref-chat","messages":[{"role":"user","content":"Tell me about cats."}],"stream":true,"seed":7,
		"temperature":1,"return_token_ids":true,"logprobs":true,"stream_options":{"include_usage":true},"a_field_of_tomorrow":[1]}`
	list := events(t, s, "/v1/chat/completions", body)
	var ids, prompt []int
	var logprobs []float64
	var text, finish string
	for i, data := range list[:len(list)-2] {
		var chunk chatAnswer
		if err := json.Unmarshal([]byte(data), &chunk); err != nil {
			t.Fatal(err)
		}
		c := chunk.Choices[0]
		if i == 0 {
			if prompt = chunk.PromptTokenIDs; c.Delta.Role != "assistant" || len(c.TokenIDs) > 0 {
				t.Errorf("first event %s", data)
			}
			continue
		}
		if len(c.TokenIDs) != 1 || len(c.Logprobs.Content) != 1 || chunk.PromptTokenIDs != nil {
			t.Fatalf("event %d is not one token: %s", i, data)
		}
		ids = append(ids, c.TokenIDs[0])
		logprobs = append(logprobs, c.Logprobs.Content[0].Logprob)
		text += *c.Delta.Content
		if c.FinishReason != nil {
			finish = *c.FinishReason
		}
	}
	if list[len(list)-1] != "[DONE]" || finish != "stop" {
		t.Errorf("the stream ends with %q after finish_reason %q", list[len(list)-1], finish)
	}
	var last chatAnswer
	if err := json.Unmarshal([]byte(list[len(list)-2]), &last); err != nil || len(last.Choices) != 0 || *last.Usage != *newUsage(len(prompt), len(ids)) {
		t.Errorf("usage event %s", list[len(list)-2])
	}
	if text != refmodel.Decode(ids) || ids[len(ids)-1] != refmodel.TokenEnd {
		t.Errorf("ids spell %q, text is %q", refmodel.Decode(ids), text)
	}
	want, _ := refmodel.Chat([]refmodel.Message{{Role: "user", Content: "Tell me about cats."}})
	if !slices.Equal(prompt, want) {
		t.Errorf("prompt ids %v, want %v", prompt, want)
	}
	steps, err := refmodel.Load(refmodel.Full).Prefill(prompt, ids, 0)
	if err != nil {
		t.Fatal(err)
	}
	for i, step := range steps {
		if step.Logprob != logprobs[i] {
			t.Fatalf("token %d was served with %v, prefill says %v", i, logprobs[i], step.Logprob)
		}
	}
}

// What a checker does: one prefill of prompt and answer by token ids.
func TestPromptLogprobsScoreAnAnswer(t *testing.T) {
	s, _ := serve(t, testConfig())
	prompt, _ := refmodel.Chat([]refmodel.Message{{Role: "user", Content: "Hi"}})
	ids := append(slices.Clone(prompt), refmodel.Encode("Hello there!")...)
	raw, _ := json.Marshal(ids)
	status, _ := post(t, s, "/v1/completions", `{"prompt":`+string(raw)+`,"max_tokens":1,"prompt_logprobs":5,"temperature":0}`)
	if status != 200 {
		t.Fatalf("status %d", status)
	}
	resp, err := s.Client().Post(s.URL+"/v1/completions", "application/json",
		strings.NewReader(`{"prompt":`+string(raw)+`,"max_tokens":1,"prompt_logprobs":5,"return_token_ids":true}`))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var answer completionAnswer
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		t.Fatal(err)
	}
	c := answer.Choices[0]
	steps, _ := refmodel.Load(refmodel.Full).Prefill(ids[:1], ids[1:], 5)
	if len(c.PromptLogprobs) != len(ids) || c.PromptLogprobs[0] != nil || !slices.Equal(c.PromptTokenIDs, ids) || len(c.TokenIDs) != 1 {
		t.Fatalf("%d positions for %d ids; token ids %v", len(c.PromptLogprobs), len(ids), c.TokenIDs)
	}
	for i, step := range steps {
		at := c.PromptLogprobs[i+1]
		if got := at[step.Token]; got.Logprob != step.Logprob || got.Rank != step.Rank || len(at) < 5 || len(at) > 6 {
			t.Fatalf("position %d: %v, want %+v", i+1, at, step)
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

func TestPromptForms(t *testing.T) {
	s, _ := serve(t, testConfig())
	for form, choices := range map[string]int{`"a"`: 1, `["a","b"]`: 2, `[1,300,301]`: 1, `[[1,300],[1,301],[1,302]]`: 3} {
		status, out := post(t, s, "/v1/completions", `{"prompt":`+form+`}`)
		if got, _ := out["choices"].([]any); status != 200 || len(got) != choices {
			t.Errorf("prompt %s: status %d, %d choices", form, status, len(got))
		}
	}
}

func TestStopStrings(t *testing.T) {
	s, _ := serve(t, testConfig())
	ask := func(extra string) map[string]any {
		_, out := post(t, s, "/v1/chat/completions", `{"messages":[{"role":"user","content":"Why is the sea salty?"}],"temperature":0`+extra+`}`)
		return out["choices"].([]any)[0].(map[string]any)
	}
	text := func(c map[string]any) string { return c["message"].(map[string]any)["content"].(string) }
	whole := text(ask(""))
	stop := whole[20:26]
	c := ask(`,"stop":["not in it",` + quote(stop) + `]`)
	if want, _, _ := strings.Cut(whole, stop); text(c) != want || c["finish_reason"] != "stop" || c["stop_reason"] != stop {
		t.Errorf("stop %q gave %q (%v, %v), want %q", stop, text(c), c["finish_reason"], c["stop_reason"], want)
	}
	if c := ask(`,"max_tokens":3`); c["finish_reason"] != "length" {
		t.Errorf("3 tokens at most finish with %v", c["finish_reason"])
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

func TestImagesWithTheOfficialSDK(t *testing.T) {
	_, client := serve(t, testConfig())
	ask := func(opts ...option.RequestOption) []openai.Image {
		t.Helper()
		got, err := client.Images.Generate(t.Context(), openai.ImageGenerateParams{
			Model: "ref-image", Prompt: "a lighthouse", N: openai.Int(2), Size: "128x192",
		}, append(opts, option.WithJSONSet("seed", 9))...)
		if err != nil {
			t.Fatal(err)
		}
		return got.Data
	}
	a := ask(option.WithJSONSet("num_inference_steps", 12))
	raw, err := base64.StdEncoding.DecodeString(a[0].B64JSON)
	if err != nil {
		t.Fatal(err)
	}
	img, err := png.Decode(bytes.NewReader(raw))
	if err != nil || img.Bounds().Dx() != 128 || img.Bounds().Dy() != 192 {
		t.Fatalf("picture %v, %v", img, err)
	}
	if len(a) != 2 || a[0].B64JSON == a[1].B64JSON {
		t.Error("two pictures of one request are the same")
	}
	if again := ask(option.WithJSONSet("num_inference_steps", 12)); again[0].B64JSON != a[0].B64JSON {
		t.Error("the same seed gave another picture")
	}
	if fewer := ask(option.WithJSONSet("num_inference_steps", 6)); fewer[0].B64JSON == a[0].B64JSON {
		t.Error("fewer steps gave the same picture")
	}
}

func TestEmbeddingsWithTheOfficialSDK(t *testing.T) {
	_, client := serve(t, testConfig())
	params := openai.EmbeddingNewParams{
		Model: "ref-embed", EncodingFormat: "float",
		Input: openai.EmbeddingNewParamsInputUnion{OfArrayOfStrings: []string{"The cat sleeps.", "日本"}},
	}
	got, err := client.Embeddings.New(t.Context(), params)
	if err != nil || len(got.Data) != 2 || len(got.Data[1].Embedding) != refmodel.EmbeddingDim || got.Usage.PromptTokens == 0 {
		t.Fatalf("%+v, %v", got, err)
	}
	s, _ := serve(t, testConfig())
	_, out := post(t, s, "/v1/embeddings", `{"model":"ref-embed","input":"The cat sleeps.","encoding_format":"base64"}`)
	raw, err := base64.StdEncoding.DecodeString(out["data"].([]any)[0].(map[string]any)["embedding"].(string))
	if err != nil || len(raw) != 4*refmodel.EmbeddingDim {
		t.Fatalf("%d bytes, %v", len(raw), err)
	}
	for i, x := range got.Data[0].Embedding {
		if y := math.Float32frombits(binary.LittleEndian.Uint32(raw[4*i:])); float32(x) != y {
			t.Fatalf("number %d is %v as JSON and %v as bytes", i, x, y)
		}
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
	deadline := time.Now().Add(10 * time.Second)
	for { // the server learns of the disconnect in its own time
		status, _ := post(t, s, "/v1/embeddings", `{"input":"x"}`)
		if status == 200 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the slot of a client that left was not freed within 10 s")
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
