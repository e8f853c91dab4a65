package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"

	"vision/internal/dispatch"
	"vision/internal/outcome"
)

// These tests drive the gateway with the official SDK, through the real relay
// to a miner on loopback.

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
