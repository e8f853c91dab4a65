package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
	"golang.org/x/sync/errgroup"
)

// scenarios are all there are, in the order in which they run.
var scenarios = []scenario{
	{"models: list, retrieve", models},
	{"chat: whole", chatWhole},
	{"chat: streamed, with usage", chatStreamed},
	{"tools: forced, the result sent back", tools},
	{"tools: streamed", toolsStreamed},
	{"schema: JSON of a schema", schema},
	{"responses: whole, and of a schema", responsesWhole},
	{"responses: streamed", responsesStreamed},
	{"responses: tools: forced, the result sent back", responsesTools},
	{"responses: gone on from by id", responsesGoneOnFrom},
	{"chat: two answers, streamed", chatSeveral},
	{"money: no balance: insufficient_quota, without retries", quota},
	{"completions: whole and streamed", completions},
	{"images: generate, of the size asked for", images},
	{"images: edit, inpaint, vary", imagesGiven},
	{"embeddings: lists keep their order", embeddings},
	{"errors: a wrong key, no such model, bad parameters", refusals},
	{"rate limit: status 429 with retry-after", rateLimit},
	{"cancel: in mid-stream; the next request is served", cancellation},
	{"concurrency: 8 streams of one client", concurrency},
}

// rivers is a question, of which at most so many tokens are wanted.
func rivers(tokens int64) openai.ChatCompletionNewParams {
	return openai.ChatCompletionNewParams{Model: chatModel, MaxTokens: openai.Int(tokens),
		Messages: []openai.ChatCompletionMessageParamUnion{openai.UserMessage("Tell me about rivers.")}}
}

func models(ctx context.Context, n *network) error {
	c := n.client()
	names := map[string]bool{}
	pages := c.Models.ListAutoPaging(ctx)
	for pages.Next() {
		names[pages.Current().ID] = true
	}
	if err := pages.Err(); err != nil {
		return err
	}
	for _, name := range []string{chatModel, completionModel, imageModel, embeddingModel} {
		if !names[name] {
			return fmt.Errorf("%s is not among the models %v", name, names)
		}
	}
	m, err := c.Models.Get(ctx, chatModel)
	if err == nil && m.ID != chatModel {
		return fmt.Errorf("the model is %s", m.RawJSON())
	}
	return err
}

func chatWhole(ctx context.Context, n *network) error {
	p := rivers(24)
	p.Seed, p.Temperature, p.Logprobs = openai.Int(7), openai.Float(0.7), openai.Bool(true)
	c := n.client()
	var head *http.Response
	answer, err := c.Chat.Completions.New(ctx, p, option.WithResponseInto(&head))
	if err != nil {
		return err
	}
	u := answer.Usage
	switch {
	case len(answer.Choices) != 1 || strings.TrimSpace(answer.Choices[0].Message.Content) == "",
		u.CompletionTokens < 1 || u.CompletionTokens > 24 || u.TotalTokens != u.PromptTokens+u.CompletionTokens,
		int64(len(answer.Choices[0].Logprobs.Content)) != u.CompletionTokens,
		head.Header.Get("X-Request-Id") == "":
		return fmt.Errorf("the answer is %s", answer.RawJSON())
	}
	return nil
}

// chatStreamed reads streams until one has come as a server paces it: if we are slow, all of a
// stream may have come before we read its first event.
func chatStreamed(ctx context.Context, n *network) error {
	for range 20 {
		took, err := readStream(ctx, n)
		if err != nil || took >= 100*time.Millisecond {
			return err
		}
	}
	return errors.New("what a server paces came at once, 20 times")
}

// readStream checks a stream, and says how long its chunks took to come.
func readStream(ctx context.Context, n *network) (took time.Duration, err error) {
	p := rivers(60)
	p.StreamOptions.IncludeUsage = openai.Bool(true)
	c := n.client()
	stream := c.Chat.Completions.NewStreaming(ctx, p)
	defer stream.Close()
	var whole openai.ChatCompletionAccumulator
	var first, last time.Time
	chunks := 0
	for stream.Next() {
		last = time.Now()
		if chunks++; chunks == 1 {
			first = last
		}
		if !whole.AddChunk(stream.Current()) {
			return 0, fmt.Errorf("a chunk does not fit the stream: %s", stream.Current().RawJSON())
		}
	}
	switch {
	case stream.Err() != nil:
		return 0, stream.Err()
	case chunks < 5:
		return 0, fmt.Errorf("%d chunks: not a stream but a lump", chunks)
	case strings.TrimSpace(whole.Choices[0].Message.Content) == "" || whole.Choices[0].FinishReason == "",
		whole.Usage.CompletionTokens < 1 || whole.Usage.CompletionTokens > 60:
		return 0, fmt.Errorf("the answer is %+v", whole.ChatCompletion)
	}
	return last.Sub(first), nil
}

// weather asks for the weather with a tool to find it out.
func weather() openai.ChatCompletionNewParams {
	p := rivers(200)
	p.Messages = []openai.ChatCompletionMessageParamUnion{openai.UserMessage("What is the weather in Paris?")}
	p.Tools = []openai.ChatCompletionToolUnionParam{openai.ChatCompletionFunctionTool(openai.FunctionDefinitionParam{
		Name: "get_weather", Description: openai.String("The weather somewhere"),
		Parameters: openai.FunctionParameters{"type": "object", "properties": map[string]any{"city": map[string]any{"type": "string"}}, "required": []string{"city"}},
	})}
	return p
}

// city reads the argument of a call of the weather's tool.
func city(name, arguments string) error {
	var given struct{ City *string }
	if err := json.Unmarshal([]byte(arguments), &given); err != nil || name != "get_weather" || given.City == nil {
		return fmt.Errorf("the call is %s(%s)", name, arguments)
	}
	return nil
}

func tools(ctx context.Context, n *network) error {
	p := weather()
	p.ToolChoice = openai.ToolChoiceOptionFunctionToolChoice(openai.ChatCompletionNamedToolChoiceFunctionParam{Name: "get_weather"})
	c := n.client()
	answer, err := c.Chat.Completions.New(ctx, p)
	if err != nil {
		return err
	}
	message := answer.Choices[0].Message
	if len(message.ToolCalls) != 1 {
		return fmt.Errorf("no tool was called: %s", answer.RawJSON())
	}
	call := message.ToolCalls[0]
	if err := city(call.Function.Name, call.Function.Arguments); err != nil {
		return err
	}
	p.ToolChoice = openai.ChatCompletionToolChoiceOptionUnionParam{}
	p.Messages = append(p.Messages, message.ToParam(), openai.ToolMessage(`{"degrees": 21}`, call.ID))
	after, err := c.Chat.Completions.New(ctx, p)
	if err == nil && strings.TrimSpace(after.Choices[0].Message.Content) == "" {
		return fmt.Errorf("after the result there is no text: %s", after.RawJSON())
	}
	return err
}

func toolsStreamed(ctx context.Context, n *network) error {
	p := weather()
	p.ToolChoice.OfAuto = openai.String("required")
	c := n.client()
	stream := c.Chat.Completions.NewStreaming(ctx, p)
	defer stream.Close()
	var whole openai.ChatCompletionAccumulator
	for stream.Next() {
		if !whole.AddChunk(stream.Current()) {
			return fmt.Errorf("a chunk does not fit the stream: %s", stream.Current().RawJSON())
		}
	}
	if err := stream.Err(); err != nil {
		return err
	}
	calls := whole.Choices[0].Message.ToolCalls
	if len(calls) != 1 {
		return fmt.Errorf("no tool was called: %+v", whole.ChatCompletion)
	}
	return city(calls[0].Function.Name, calls[0].Function.Arguments)
}

func completions(ctx context.Context, n *network) error {
	p := openai.CompletionNewParams{Model: completionModel, Prompt: openai.CompletionNewParamsPromptUnion{OfString: openai.String("The river")}, MaxTokens: openai.Int(24)}
	c := n.client()
	answer, err := c.Completions.New(ctx, p)
	if err != nil {
		return err
	}
	if answer.Choices[0].Text == "" {
		return fmt.Errorf("no text: %s", answer.RawJSON())
	}
	stream := c.Completions.NewStreaming(ctx, p)
	defer stream.Close()
	texts := 0
	for stream.Next() {
		if choices := stream.Current().Choices; len(choices) > 0 && choices[0].Text != "" {
			texts++
		}
	}
	if err := stream.Err(); err != nil || texts < 5 {
		return fmt.Errorf("%d pieces of text, and the error %v", texts, err)
	}
	return nil
}

// cosine is how alike two vectors are, -1 to 1.
func cosine(a, b []float64) float64 {
	var ab, aa, bb float64
	for i := range a {
		ab, aa, bb = ab+a[i]*b[i], aa+a[i]*a[i], bb+b[i]*b[i]
	}
	return ab / math.Sqrt(aa*bb)
}

func embeddings(ctx context.Context, n *network) error {
	c := n.client()
	answer, err := c.Embeddings.New(ctx, openai.EmbeddingNewParams{Model: embeddingModel,
		Input: openai.EmbeddingNewParamsInputUnion{OfArrayOfStrings: []string{"a heron by a river", "the price of copper", "a heron by a river"}}})
	if err != nil {
		return err
	}
	first, other, again := answer.Data[0].Embedding, answer.Data[1].Embedding, answer.Data[2].Embedding
	if same, unlike := cosine(first, again), cosine(first, other); same < 0.99999 || unlike > 0.99 || answer.Usage.PromptTokens < 1 {
		return fmt.Errorf("the same text has the likeness %v, another %v; usage %s", same, unlike, answer.Usage.RawJSON())
	}
	return nil
}

func refusals(ctx context.Context, n *network) error {
	stranger, c := n.client(option.WithAPIKey("sk-nobody-has-this-key")), n.client()
	_, err := stranger.Models.List(ctx)
	if _, err := refused(err, 401); err != nil {
		return err
	}
	p := rivers(4)
	p.Model = "vision-ref-chatt"
	_, err = c.Chat.Completions.New(ctx, p)
	if e, err := refused(err, 404); err != nil || e.Code != "model_not_found" || !strings.Contains(e.Message, chatModel) {
		return fmt.Errorf("of an unknown model: %v %w", e, err)
	}
	for param, wrong := range map[string]func(*openai.ChatCompletionNewParams){
		"max_tokens":  func(p *openai.ChatCompletionNewParams) { p.MaxTokens = openai.Int(-1) },
		"temperature": func(p *openai.ChatCompletionNewParams) { p.Temperature = openai.Float(9) },
		"messages":    func(p *openai.ChatCompletionNewParams) { p.Messages = []openai.ChatCompletionMessageParamUnion{} },
	} {
		p := rivers(4)
		wrong(&p)
		_, err := c.Chat.Completions.New(ctx, p)
		if e, err := refused(err, 400); err != nil || e.Param != param || e.Type != "invalid_request_error" {
			return fmt.Errorf("of a wrong %s: %v %w", param, e, err)
		}
		stream := c.Chat.Completions.NewStreaming(ctx, p)
		if _, err := refused(stream.Err(), 400); stream.Next() || err != nil {
			return fmt.Errorf("streamed, of a wrong %s: %w", param, err)
		}
	}
	return nil
}

func rateLimit(ctx context.Context, n *network) error {
	c := n.client(option.WithAPIKey(n.limitedKey))
	begun := time.Now()
	// Time gives back what the limit has taken.
	for i := 0; float64(i) <= float64(n.limit)*(1+time.Since(begun).Minutes()); i++ {
		_, err := c.Models.List(ctx)
		if err == nil {
			continue
		}
		e, err := refused(err, 429)
		if err != nil {
			return err
		}
		after, err := strconv.Atoi(e.Response.Header.Get("Retry-After"))
		if i < n.limit || err != nil || after < 1 || after > 60 || e.Code != "rate_limit_exceeded" {
			return fmt.Errorf("request %d was refused, to be tried again after %q: %w", i+1, e.Response.Header.Get("Retry-After"), e)
		}
		return nil
	}
	return fmt.Errorf("more requests passed than %d a minute", n.limit)
}

func cancellation(ctx context.Context, n *network) error {
	p := rivers(400)
	p.Seed, p.Temperature = openai.Int(14), openai.Float(1.3) // an answer of more than a second
	c := n.client()
	err := n.notices(ctx, func() error {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		stream := c.Chat.Completions.NewStreaming(ctx, p)
		defer stream.Close()
		for chunks := 0; stream.Next(); chunks++ {
			if chunks == 3 {
				cancel()
			}
		}
		if !errors.Is(stream.Err(), context.Canceled) {
			return fmt.Errorf("the stream ended with %v", stream.Err())
		}
		return nil
	})
	if err != nil {
		return err
	}
	_, err = c.Chat.Completions.New(ctx, rivers(4))
	return err
}

func concurrency(ctx context.Context, n *network) error {
	c := n.client()
	ask := func(seed int64) (string, error) {
		p := rivers(24)
		p.Seed, p.Temperature = openai.Int(seed), openai.Float(1)
		stream := c.Chat.Completions.NewStreaming(ctx, p)
		defer stream.Close()
		var text strings.Builder
		for stream.Next() {
			if choices := stream.Current().Choices; len(choices) > 0 {
				text.WriteString(choices[0].Delta.Content)
			}
		}
		return text.String(), stream.Err()
	}
	var texts [8]string
	var group errgroup.Group
	for i := range texts {
		group.Go(func() (err error) { texts[i], err = ask(int64(i)); return err })
	}
	if err := group.Wait(); err != nil {
		return err
	}
	again, err := ask(3)
	if err == nil && again != texts[3] {
		return fmt.Errorf("streams got mixed up: %q, alone %q", texts[3], again)
	}
	return err
}
