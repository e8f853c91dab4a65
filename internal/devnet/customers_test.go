package devnet

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"image/png"
	"net/http"
	"slices"
	"testing"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"

	"vision/internal/outcome"
)

const chatModel = "vision-ref-chat"

func ask(text string) openai.ChatCompletionNewParams {
	return openai.ChatCompletionNewParams{
		Model: chatModel, Seed: openai.Int(7), MaxCompletionTokens: openai.Int(40),
		Messages: []openai.ChatCompletionMessageParamUnion{openai.UserMessage(text)},
	}
}

// customers drives the network with the official SDK.
func customers(t *testing.T, n *running) {
	t.Run("chat", func(t *testing.T) {
		var answer *http.Response
		c, err := n.Chat.Completions.New(t.Context(), ask("Tell me about rivers."), option.WithResponseInto(&answer))
		if err != nil {
			t.Fatal(err)
		}
		if len(c.Choices) != 1 || c.Choices[0].Message.Content == "" || c.Model != chatModel || c.Usage.CompletionTokens < 1 || c.Usage.PromptTokens < 1 {
			t.Errorf("answer %s", c.RawJSON())
		}
		id := answer.Header.Get("X-Request-Id")
		kept := n.outcomes(t, id)
		if len(kept) == 0 || !kept[len(kept)-1].Last || kept[len(kept)-1].Status != outcome.OK || kept[len(kept)-1].Work != c.Usage.CompletionTokens {
			t.Errorf("kept of request %s: %+v", id, kept)
		}
	})
	t.Run("chat streamed", func(t *testing.T) {
		p := ask("Tell me about mountains.")
		p.StreamOptions.IncludeUsage = openai.Bool(true)
		s := n.Chat.Completions.NewStreaming(t.Context(), p)
		var sum openai.ChatCompletionAccumulator
		chunks := 0
		for s.Next() {
			chunks++
			if !sum.AddChunk(s.Current()) {
				t.Errorf("a chunk does not fit the stream: %s", s.Current().RawJSON())
			}
		}
		if err := s.Err(); err != nil {
			t.Fatal(err)
		}
		if chunks < 5 || sum.Choices[0].Message.Content == "" || sum.Choices[0].FinishReason == "" || sum.Usage.CompletionTokens < 1 {
			t.Errorf("%d chunks: %+v", chunks, sum.ChatCompletion)
		}
	})
	t.Run("tools", func(t *testing.T) {
		p := ask("What is the weather in Paris?")
		p.Tools = []openai.ChatCompletionToolUnionParam{openai.ChatCompletionFunctionTool(openai.FunctionDefinitionParam{
			Name: "weather", Parameters: openai.FunctionParameters{"type": "object", "properties": map[string]any{"city": map[string]any{"type": "string"}}}})}
		p.ToolChoice = openai.ToolChoiceOptionFunctionToolChoice(openai.ChatCompletionNamedToolChoiceFunctionParam{Name: "weather"})
		c, err := n.Chat.Completions.New(t.Context(), p)
		if err != nil {
			t.Fatal(err)
		}
		if calls := c.Choices[0].Message.ToolCalls; len(calls) != 1 || calls[0].Function.Name != "weather" {
			t.Errorf("the tool was not called: %s", c.RawJSON())
		}
	})
	t.Run("completion", func(t *testing.T) {
		c, err := n.Completions.New(t.Context(), openai.CompletionNewParams{
			Model: "vision-ref-completion", Prompt: openai.CompletionNewParamsPromptUnion{OfString: openai.String("The river rises in the hills.")}, MaxTokens: openai.Int(24)})
		if err != nil {
			t.Fatal(err)
		}
		if len(c.Choices) != 1 || c.Choices[0].Text == "" || c.Usage.CompletionTokens < 1 {
			t.Errorf("answer %s", c.RawJSON())
		}
	})
	t.Run("image", func(t *testing.T) {
		r, err := n.Images.Generate(t.Context(), openai.ImageGenerateParams{
			Model: "vision-ref-image", Prompt: "a lake", Size: "256x384", N: openai.Int(2)}, option.WithJSONSet("steps", 4))
		if err != nil {
			t.Fatal(err)
		}
		if len(r.Data) != 2 {
			t.Fatalf("%d images, want 2", len(r.Data))
		}
		for _, d := range r.Data {
			raw, err := base64.StdEncoding.DecodeString(d.B64JSON)
			if err != nil {
				t.Fatal(err)
			}
			picture, err := png.Decode(bytes.NewReader(raw))
			if err != nil {
				t.Fatal(err)
			}
			if size := picture.Bounds().Size(); size.X != 256 || size.Y != 384 {
				t.Errorf("the image is %v, want 256x384", size)
			}
		}
	})
	t.Run("embeddings", func(t *testing.T) {
		r, err := n.Embeddings.New(t.Context(), openai.EmbeddingNewParams{
			Model: "vision-ref-embed", Input: openai.EmbeddingNewParamsInputUnion{OfArrayOfStrings: []string{"a river", "a brook", "taxes"}}})
		if err != nil {
			t.Fatal(err)
		}
		if len(r.Data) != 3 || len(r.Data[0].Embedding) == 0 || r.Data[2].Index != 2 || slices.Equal(r.Data[0].Embedding, r.Data[2].Embedding) {
			t.Errorf("answer %.300s", r.RawJSON())
		}
	})
	t.Run("models", func(t *testing.T) {
		var names []string
		for models := n.Models().ListAutoPaging(t.Context()); models.Next(); {
			names = append(names, models.Current().ID)
		}
		slices.Sort(names)
		want := slices.Sorted(slices.Values(n.Devnet.Models()))
		if !slices.Equal(names, want) {
			t.Errorf("models %v, want %v", names, want)
		}
		one, err := n.Models().Get(t.Context(), chatModel)
		if err != nil || one.ID != chatModel {
			t.Errorf("model %v, %v", one, err)
		}
	})
	t.Run("what chats can do", func(t *testing.T) { chats(t, n) })
	t.Run("responses", func(t *testing.T) { replies(t, n) })
	t.Run("mistakes", func(t *testing.T) { refusals(t, n) })
	t.Run("a customer who leaves", func(t *testing.T) { leaving(t, n) })
}

// Models hides that both the network and the client have models.
func (n *running) Models() *openai.ModelService { return &n.Client.Models }

func refusals(t *testing.T, n *running) {
	for _, c := range []struct {
		name   string
		change func(p *openai.ChatCompletionNewParams)
		option option.RequestOption
		status int
		code   string
		param  string
	}{
		{"a wrong key", nil, option.WithAPIKey("sk-wrong"), 401, "invalid_api_key", ""},
		{"an unknown model", func(p *openai.ChatCompletionNewParams) { p.Model = "gpt-4" }, nil, 404, "model_not_found", "model"},
		{"no messages", func(p *openai.ChatCompletionNewParams) { p.Messages = nil }, nil, 400, "invalid_value", "messages"},
		{"a temperature of 9", func(p *openai.ChatCompletionNewParams) { p.Temperature = openai.Float(9) }, nil, 400, "invalid_value", "temperature"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := ask("x")
			if c.change != nil {
				c.change(&p)
			}
			var options []option.RequestOption
			if c.option != nil {
				options = append(options, c.option)
			}
			_, err := n.Chat.Completions.New(t.Context(), p, options...)
			var e *openai.Error
			if !errors.As(err, &e) || e.StatusCode != c.status || e.Code != c.code || e.Param != c.param || e.Message == "" {
				t.Errorf("got %v, want status %d, code %q, param %q", err, c.status, c.code, c.param)
			}
		})
	}
	t.Run("a model that is not there", func(t *testing.T) {
		_, err := n.Models().Get(t.Context(), "gpt-4")
		var e *openai.Error
		if !errors.As(err, &e) || e.StatusCode != 404 {
			t.Errorf("got %v, want 404", err)
		}
	})
}

// A customer who leaves in mid-stream costs the miner nothing, and what was
// served is counted.
func leaving(t *testing.T, n *running) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	p := ask(endless)
	var answer *http.Response
	s := n.Chat.Completions.NewStreaming(ctx, p, option.WithResponseInto(&answer))
	for i := 0; i < 2 && s.Next(); i++ {
	}
	if s.Err() != nil {
		t.Fatal(s.Err())
	}
	cancel()
	s.Close()
	id := answer.Header.Get("X-Request-Id")
	var kept []outcome.Outcome
	until(t, "the outcome is written down", func() bool { kept = n.outcomes(t, id); return len(kept) > 0 })
	if o := kept[len(kept)-1]; o.Status != outcome.Canceled || !o.Last || o.Work < 1 {
		t.Errorf("kept %+v, want it canceled, with the work done", o)
	}
}
