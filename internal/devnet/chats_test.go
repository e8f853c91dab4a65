package devnet

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"image"
	"image/png"
	"net/http"
	"strings"
	"testing"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
	"github.com/openai/openai-go/v3/responses"
	"github.com/openai/openai-go/v3/shared"
)

// chats asks for what clients of chats can ask for.
func chats(t *testing.T, n *running) {
	t.Run("a function that the model chooses", func(t *testing.T) {
		p := ask("Please use weather for Paris")
		p.Tools = []openai.ChatCompletionToolUnionParam{openai.ChatCompletionFunctionTool(openai.FunctionDefinitionParam{
			Name: "weather", Parameters: openai.FunctionParameters{"type": "object", "properties": map[string]any{"city": map[string]any{"type": "string"}}}})}
		s := n.Chat.Completions.NewStreaming(t.Context(), p)
		var sum openai.ChatCompletionAccumulator
		for s.Next() {
			sum.AddChunk(s.Current())
		}
		if s.Err() != nil || len(sum.Choices[0].Message.ToolCalls) != 1 || sum.Choices[0].FinishReason != "tool_calls" {
			t.Fatalf("%+v, %v", sum.Choices, s.Err())
		}
		call := sum.Choices[0].Message.ToolCalls[0]
		if call.Function.Arguments != `{"city": "Paris"}` {
			t.Errorf("%+v", call)
		}
		p.Messages = append(p.Messages, sum.Choices[0].Message.ToParam(), openai.ToolMessage("rain", call.ID))
		c, err := n.Chat.Completions.New(t.Context(), p)
		if err != nil || c.Choices[0].Message.Content == "" {
			t.Errorf("after its answer: %v, %v", c, err)
		}
	})
	t.Run("JSON", func(t *testing.T) {
		p := ask("Name a river.")
		p.ResponseFormat.OfJSONSchema = &shared.ResponseFormatJSONSchemaParam{JSONSchema: shared.ResponseFormatJSONSchemaJSONSchemaParam{
			Name: "river", Strict: openai.Bool(true), Schema: map[string]any{"type": "object", "properties": map[string]any{"name": map[string]any{"type": "string"}}}}}
		c, err := n.Chat.Completions.New(t.Context(), p)
		var river struct{ Name string }
		if err != nil || json.Unmarshal([]byte(c.Choices[0].Message.Content), &river) != nil || river.Name != "river" {
			t.Errorf("%v, %v", c, err)
		}
	})
	t.Run("log-probabilities and stop", func(t *testing.T) {
		p := ask("Tell me about rivers.")
		p.Logprobs, p.TopLogprobs = openai.Bool(true), openai.Int(2)
		var before, after *http.Response
		c, err := n.Chat.Completions.New(t.Context(), p, option.WithResponseInto(&before))
		if err != nil {
			t.Fatal(err)
		}
		shown := c.Choices[0].Logprobs.Content
		if int64(len(shown)) != c.Usage.CompletionTokens || len(shown[0].TopLogprobs) != 2 || shown[0].Logprob > 0 {
			t.Errorf("%s", c.RawJSON())
		}
		text := c.Choices[0].Message.Content
		word := strings.Fields(text)[2]
		p.Stop.OfStringArray = []string{word}
		if c, err = n.Chat.Completions.New(t.Context(), p, option.WithResponseInto(&after)); err != nil {
			t.Fatal(err)
		}
		stopped := c.Choices[0].Message.Content
		if strings.Contains(stopped, word) || sameMiner(before, after) && (stopped != text[:strings.Index(text, word)] || c.Choices[0].FinishReason != "stop") {
			t.Errorf("stopped at %q: %s", word, c.RawJSON())
		}
	})
	t.Run("a picture", func(t *testing.T) {
		var file bytes.Buffer
		if err := png.Encode(&file, image.NewGray(image.Rect(0, 0, 48, 32))); err != nil {
			t.Fatal(err)
		}
		p := ask("x")
		plain, err := n.Chat.Completions.New(t.Context(), p)
		if err != nil {
			t.Fatal(err)
		}
		p.Messages = []openai.ChatCompletionMessageParamUnion{openai.UserMessage([]openai.ChatCompletionContentPartUnionParam{
			openai.TextContentPart("x"),
			openai.ImageContentPart(openai.ChatCompletionContentPartImageImageURLParam{URL: "data:image/png;base64," + base64.StdEncoding.EncodeToString(file.Bytes())}),
		})}
		c, err := n.Chat.Completions.New(t.Context(), p)
		if err != nil || c.Usage.PromptTokens <= plain.Usage.PromptTokens {
			t.Errorf("%v, %v; without the picture %d tokens", c, err, plain.Usage.PromptTokens)
		}
	})
	t.Run("reasoning", func(t *testing.T) {
		p := ask("Tell me about rivers.")
		p.ReasoningEffort = shared.ReasoningEffortLow
		p.StreamOptions.IncludeUsage = openai.Bool(true)
		s := n.Chat.Completions.NewStreaming(t.Context(), p)
		var reasoning, content int
		var used int64
		for s.Next() {
			c := s.Current()
			used = max(used, c.Usage.CompletionTokens)
			if len(c.Choices) > 0 && c.Choices[0].Delta.JSON.ExtraFields["reasoning_content"].Raw() != "" {
				reasoning++
			} else if len(c.Choices) > 0 && c.Choices[0].Delta.Content != "" {
				content++
			}
		}
		if s.Err() != nil || reasoning == 0 || content == 0 || used < int64(reasoning+content) {
			t.Errorf("%d chunks of reasoning, %d of content, %d tokens, %v", reasoning, content, used, s.Err())
		}
	})
	t.Run("fields that only some servers know", func(t *testing.T) {
		if _, err := n.Chat.Completions.New(t.Context(), ask("hi"), option.WithJSONSet("guided_regex", "a+"), option.WithJSONSet("top_k", 5)); err != nil {
			t.Error(err)
		}
	})
}

// sameMiner says whether one miner gave both answers. Others may cheat with
// other weights, and answer a seed differently.
func sameMiner(a, b *http.Response) bool {
	of := func(r *http.Response) string { return r.Header.Get("X-Vision-Miner") }
	return a != nil && b != nil && of(a) != "" && of(a) == of(b)
}

// replies asks by the Responses API.
func replies(t *testing.T, n *running) {
	p := responses.ResponseNewParams{Model: chatModel, MaxOutputTokens: openai.Int(24), Instructions: openai.String("Be brief."),
		Input: responses.ResponseNewParamsInputUnion{OfString: openai.String("Tell me about rivers.")}}
	seed := option.WithJSONSet("seed", 5)
	var before, after *http.Response
	whole, err := n.Responses.New(t.Context(), p, seed, option.WithResponseInto(&before))
	if err != nil {
		t.Fatal(err)
	}
	if whole.OutputText() == "" || whole.Usage.OutputTokens < 1 || whole.Usage.InputTokens < 1 || whole.Usage.TotalTokens != whole.Usage.InputTokens+whole.Usage.OutputTokens ||
		whole.Status != "completed" && whole.IncompleteDetails.Reason != "max_output_tokens" {
		t.Errorf("%s", whole.RawJSON())
	}
	s := n.Responses.NewStreaming(t.Context(), p, seed, option.WithResponseInto(&after))
	var text strings.Builder
	var last responses.ResponseStreamEventUnion
	for s.Next() {
		if last = s.Current(); last.Type == "response.output_text.delta" {
			text.WriteString(last.Delta)
		}
	}
	end := last.Response
	if sameMiner(before, after) && (text.String() != whole.OutputText() || end.Status != whole.Status || end.Usage.OutputTokens != whole.Usage.OutputTokens) {
		t.Errorf("streamed %q, whole %q, of one miner and one seed", text.String(), whole.OutputText())
	}
	if s.Err() != nil || text.Len() == 0 || text.String() != end.OutputText() || last.Type != "response."+string(end.Status) ||
		end.Status != "completed" && end.IncompleteDetails.Reason != "max_output_tokens" || end.Usage.OutputTokens < 1 || end.Usage.OutputTokens > 24 {
		t.Errorf("streamed %q, then %s; %v", text.String(), last.RawJSON(), s.Err())
	}
	p.Tools = []responses.ToolUnionParam{{OfFunction: &responses.FunctionToolParam{Name: "weather",
		Parameters: map[string]any{"type": "object", "properties": map[string]any{"city": map[string]any{"type": "string"}}}}}}
	p.ToolChoice.OfToolChoiceMode = openai.Opt(responses.ToolChoiceOptionsRequired)
	called, err := n.Responses.New(t.Context(), p)
	if err != nil || len(called.Output) != 1 || called.Output[0].Name != "weather" || called.Output[0].AsFunctionCall().Arguments != `{"city": "rivers"}` {
		t.Errorf("%v, %v", called, err)
	}
	p.Tools, p.ToolChoice = nil, responses.ResponseNewParamsToolChoiceUnion{}
	p.Text.Format.OfJSONSchema = &responses.ResponseFormatTextJSONSchemaConfigParam{Name: "n",
		Schema: map[string]any{"type": "object", "properties": map[string]any{"about": map[string]any{"type": "string"}}}}
	if formed, err := n.Responses.New(t.Context(), p); err != nil || formed.OutputText() != `{"about": "rivers"}` {
		t.Errorf("%v, %v", formed, err)
	}
}
