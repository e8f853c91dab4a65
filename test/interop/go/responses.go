package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/responses"
	"github.com/openai/openai-go/v3/shared"
)

// place is the schema of an answer.
var place = map[string]any{
	"type": "object", "required": []string{"city"}, "additionalProperties": false,
	"properties": map[string]any{"city": map[string]any{"type": "string"}},
}

func schema(ctx context.Context, n *network) error {
	p := weather()
	p.Tools = nil
	p.ResponseFormat.OfJSONSchema = &shared.ResponseFormatJSONSchemaParam{
		JSONSchema: shared.ResponseFormatJSONSchemaJSONSchemaParam{Name: "place", Schema: place, Strict: openai.Bool(true)}}
	c := n.client()
	answer, err := c.Chat.Completions.New(ctx, p)
	if err != nil {
		return err
	}
	return isPlace(answer.Choices[0].Message.Content)
}

func isPlace(text string) error {
	var given struct{ City *string }
	if err := json.Unmarshal([]byte(text), &given); err != nil || given.City == nil {
		return fmt.Errorf("the answer is not of the schema: %s", text)
	}
	return nil
}

// question asks by the Responses API.
func question(text string) responses.ResponseNewParams {
	return responses.ResponseNewParams{Model: chatModel, MaxOutputTokens: openai.Int(200),
		Input: responses.ResponseNewParamsInputUnion{OfString: openai.String(text)}}
}

func responsesWhole(ctx context.Context, n *network) error {
	c := n.client()
	answer, err := c.Responses.New(ctx, question("Tell me about rivers."))
	if err != nil {
		return err
	}
	if strings.TrimSpace(answer.OutputText()) == "" || answer.Usage.OutputTokens < 1 || answer.Usage.OutputTokens > 200 {
		return fmt.Errorf("the response is %s", answer.RawJSON())
	}
	p := question("What is the weather in Paris?")
	p.Text.Format = responses.ResponseFormatTextConfigParamOfJSONSchema("place", place)
	if answer, err = c.Responses.New(ctx, p); err != nil {
		return err
	}
	return isPlace(answer.OutputText())
}

func responsesStreamed(ctx context.Context, n *network) error {
	c := n.client()
	stream := c.Responses.NewStreaming(ctx, question("Tell me about rivers."))
	defer stream.Close()
	var text strings.Builder
	deltas, last := 0, responses.ResponseStreamEventUnion{}
	for stream.Next() {
		last = stream.Current()
		if last.Type == "response.output_text.delta" {
			text.WriteString(last.Delta)
			deltas++
		}
	}
	if err := stream.Err(); err != nil {
		return err
	}
	if deltas < 5 || !strings.HasPrefix(last.Type, "response.") || last.Response.OutputText() != text.String() {
		return fmt.Errorf("%d deltas %q; the last event is %s", deltas, text.String(), last.RawJSON())
	}
	return nil
}

func responsesTools(ctx context.Context, n *network) error {
	p := question("What is the weather in Paris?")
	p.Tools = []responses.ToolUnionParam{responses.ToolParamOfFunction("get_weather", place, true)}
	p.ToolChoice.OfFunctionTool = &responses.ToolChoiceFunctionParam{Name: "get_weather"}
	c := n.client()
	answer, err := c.Responses.New(ctx, p)
	if err != nil {
		return err
	}
	if len(answer.Output) != 1 || answer.Output[0].Type != "function_call" {
		return fmt.Errorf("no function was called: %s", answer.RawJSON())
	}
	call := answer.Output[0].AsFunctionCall()
	if err := city(call.Name, call.Arguments); err != nil {
		return err
	}
	p.ToolChoice = responses.ResponseNewParamsToolChoiceUnion{}
	p.Input = responses.ResponseNewParamsInputUnion{OfInputItemList: responses.ResponseInputParam{
		responses.ResponseInputItemParamOfMessage("What is the weather in Paris?", responses.EasyInputMessageRoleUser),
		responses.ResponseInputItemParamOfFunctionCall(call.Arguments, call.CallID, call.Name),
		{OfFunctionCallOutput: &responses.ResponseInputItemFunctionCallOutputParam{CallID: openai.String(call.CallID),
			Output: responses.ResponseInputItemFunctionCallOutputOutputUnionParam{OfString: openai.String("21 degrees")}}},
	}}
	after, err := c.Responses.New(ctx, p)
	if err == nil && strings.TrimSpace(after.OutputText()) == "" {
		return fmt.Errorf("after the result there is no text: %s", after.RawJSON())
	}
	return err
}

// responsesGoneOnFrom lets the gateway remember what was said.
func responsesGoneOnFrom(ctx context.Context, n *network) error {
	c := n.client()
	first, err := c.Responses.New(ctx, question("Tell me about rivers."))
	if err != nil {
		return err
	}
	p := question("Go on.")
	p.PreviousResponseID = openai.String(first.ID)
	second, err := c.Responses.New(ctx, p)
	if err != nil {
		return err
	}
	if second.PreviousResponseID != first.ID || second.Usage.InputTokens <= first.Usage.InputTokens+first.Usage.OutputTokens/2 {
		return fmt.Errorf("it goes on from %q with %d tokens of input, after %d and %d of output", second.PreviousResponseID,
			second.Usage.InputTokens, first.Usage.InputTokens, first.Usage.OutputTokens)
	}
	if err := c.Responses.Delete(ctx, first.ID); err != nil {
		return err
	}
	_, err = c.Responses.New(ctx, p)
	e, err := refused(err, 400)
	if err == nil && e.Code != "previous_response_not_found" {
		return fmt.Errorf("the code is %q", e.Code)
	}
	return err
}
