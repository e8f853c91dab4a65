package modelserver

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/shared"
)

func TestAnswersInJSON(t *testing.T) {
	_, client := serve(t, testConfig())
	p := openai.ChatCompletionNewParams{Model: "ref-chat", Messages: question("Name a river.")}
	p.ResponseFormat.OfJSONObject = &shared.ResponseFormatJSONObjectParam{}
	c, err := client.Chat.Completions.New(t.Context(), p)
	if err != nil || c.Choices[0].Message.Content != `{"answer": "river"}` || c.Choices[0].FinishReason != "stop" {
		t.Errorf("json_object: %v, %v", c, err)
	}
	p.ResponseFormat.OfJSONObject = nil
	p.ResponseFormat.OfJSONSchema = &shared.ResponseFormatJSONSchemaParam{JSONSchema: shared.ResponseFormatJSONSchemaJSONSchemaParam{
		Name: "n", Strict: openai.Bool(true), Schema: json.RawMessage(`{"type":"object","$defs":{"Size":{"type":"integer","exclusiveMinimum":4}},
			"properties":{"name":{"type":"string"},"size":{"$ref":"#/$defs/Size"},"kind":{"const":"water"},"of":{"anyOf":[{"type":"string"},{"type":"null"}]},
			"list":{"type":"array","items":{"type":"boolean"},"minItems":2},"less":{"type":"number","maximum":0}}}`)}}
	want := `{"name": "river", "size": 5, "kind": "water", "of": "river", "list": [true, true], "less": 0}`
	if c, err = client.Chat.Completions.New(t.Context(), p); err != nil || c.Choices[0].Message.Content != want {
		t.Errorf("json_schema: %v, %v", c, err)
	}
	s := client.Chat.Completions.NewStreaming(t.Context(), p)
	var sum openai.ChatCompletionAccumulator
	for s.Next() {
		sum.AddChunk(s.Current())
	}
	if s.Err() != nil || sum.Choices[0].Message.Content != want {
		t.Errorf("streamed: %+v, %v", sum.Choices, s.Err())
	}
}

// Whatever a schema refers to, making up a value ends, and what it gives is JSON.
func TestOddSchemas(t *testing.T) {
	for _, in := range []string{
		`{"$defs":{"A":{"$ref":"#/$defs/A"}},"$ref":"#/$defs/A"}`,
		`{"$defs":{"A":{"type":"object","properties":{"a":{"$ref":"#/$defs/A"},"b":{"$ref":"#/$defs/A"},"c":{"$ref":"#/$defs/A"},"d":{"$ref":"#/$defs/A"},"e":{"$ref":"#/$defs/A"},"f":{"$ref":"#/$defs/A"},"g":{"$ref":"#/$defs/A"}}}},"$ref":"#/$defs/A"}`,
		`{"type":"array","minItems":1000000000,"items":{"type":"string"}}`,
		`{"type":"string"}`, `{}`, `{"type":7}`, `[]`, `{"$ref":"#/nowhere"}`,
	} {
		if got := makeJSON(json.RawMessage(in), "w\"", false); !json.Valid([]byte(got)) || len(got) > 64<<10 {
			t.Errorf("%s gives %d bytes: %.200s", in, len(got), got)
		}
	}
}

func TestFreeToolChoiceGoesByName(t *testing.T) {
	_, client := serve(t, testConfig())
	p := openai.ChatCompletionNewParams{Model: "ref-chat", Messages: question("Please use add on 1 and 2"),
		Tools: []openai.ChatCompletionToolUnionParam{openai.ChatCompletionFunctionTool(shared.FunctionDefinitionParam{Name: "add"})}}
	c, err := client.Chat.Completions.New(t.Context(), p)
	if err != nil || len(c.Choices[0].Message.ToolCalls) != 1 || c.Choices[0].FinishReason != "tool_calls" {
		t.Fatalf("%v, %v", c, err)
	}
	p.Messages = append(p.Messages, c.Choices[0].Message.ToParam(), openai.ToolMessage("3", c.Choices[0].Message.ToolCalls[0].ID))
	if c, err = client.Chat.Completions.New(t.Context(), p); err != nil || len(c.Choices[0].Message.ToolCalls) != 0 || c.Choices[0].Message.Content == "" {
		t.Errorf("after the tool's answer: %v, %v", c, err)
	}
}

func TestReasoning(t *testing.T) {
	s, _ := serve(t, testConfig())
	body := `{"messages":[{"role":"user","content":"hi"}],"max_tokens":20,"seed":3,"temperature":0%s}`
	read := func(rest string) (content, reasoning string) {
		_, got := post(t, s, "/v1/chat/completions", fmt.Sprintf(body, rest))
		m := got["choices"].([]any)[0].(map[string]any)["message"].(map[string]any)
		content, _ = m["content"].(string)
		reasoning, _ = m["reasoning_content"].(string)
		return content, reasoning
	}
	plain, none := read("")
	content, reasoning := read(`,"reasoning_effort":"low"`)
	if none != "" || reasoning == "" || reasoning+content != plain {
		t.Errorf("plain %q; reasoning %q, then %q", plain, reasoning, content)
	}
	if n := strings.Count(strings.Join(events(t, s, "/v1/chat/completions", fmt.Sprintf(body, `,"reasoning_effort":"low","stream":true`)), "\n"), "reasoning_content"); n != mulledOver {
		t.Errorf("%d chunks of reasoning", n)
	}
}

// A picture in a message is part of the prompt.
func TestPicturesInMessages(t *testing.T) {
	s, _ := serve(t, testConfig())
	const dot = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
	ask := func(parts string) (int, float64) {
		status, got := post(t, s, "/v1/chat/completions", `{"messages":[{"role":"user","content":[{"type":"text","text":"what?"}`+parts+`]}],"max_tokens":2}`)
		if status != 200 {
			return status, 0
		}
		return status, got["usage"].(map[string]any)["prompt_tokens"].(float64)
	}
	_, without := ask("")
	if status, with := ask(`,{"type":"image_url","image_url":{"url":"data:image/png;base64,` + dot + `"}}`); status != 200 || with <= without {
		t.Errorf("status %d, %v tokens with the picture, %v without", status, with, without)
	}
	for _, bad := range []string{"https://example.com/a.png", "data:image/png;base64,AAAA"} {
		if status, _ := ask(`,{"type":"image_url","image_url":{"url":"` + bad + `"}}`); status != 400 {
			t.Errorf("%s: status %d", bad, status)
		}
	}
}
