package gateway

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/responses"

	"vision/internal/outcome"
)

func respond(text string) responses.ResponseNewParams {
	return responses.ResponseNewParams{Model: "talker-8b", Input: responses.ResponseNewParamsInputUnion{OfString: openai.String(text)}}
}

func TestSDKResponse(t *testing.T) {
	f := withSDK(t, nil)
	p := respond("Good day")
	p.Instructions = openai.String("Be brief.")
	p.MaxOutputTokens = openai.Int(9)
	p.Metadata = map[string]string{"a": "b"}
	r, err := f.Responses.New(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	if r.OutputText() != "Good day" || r.Status != "completed" || r.Model != "talker-8b" || !strings.HasPrefix(r.ID, "resp_req-") ||
		r.Usage.InputTokens != 2 || r.Usage.OutputTokens != 2 || r.Usage.TotalTokens != 4 || r.MaxOutputTokens != 9 || r.Metadata["a"] != "b" {
		t.Errorf("%s", r.RawJSON())
	}
	asked := f.miner.payloads[0]
	if m := asked["messages"].([]any); len(m) != 2 || m[0].(map[string]any)["content"] != "Be brief." || asked["max_tokens"] != 9.0 {
		t.Errorf("the miner was asked %v", asked)
	}
	if o := f.store.recorded()[0].Outcome; o.Status != outcome.OK || o.Work != 2 || o.PromptWork != 2 {
		t.Errorf("%+v", o)
	}
}

func TestSDKResponseCallsFunctions(t *testing.T) {
	f := withSDK(t, nil)
	p := respond("What is the weather?")
	p.Tools = []responses.ToolUnionParam{{OfFunction: &responses.FunctionToolParam{Name: "weather",
		Parameters: map[string]any{"type": "object", "properties": map[string]any{"city": map[string]any{"type": "string"}}}, Strict: openai.Bool(true)}}}
	r, err := f.Responses.New(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Output) != 1 || r.Output[0].Type != "function_call" {
		t.Fatalf("%s", r.RawJSON())
	}
	call := r.Output[0].AsFunctionCall()
	if call.Name != "weather" || call.Arguments != `{"city":"Paris"}` || call.CallID != "t1" {
		t.Errorf("%s", r.RawJSON())
	}
	// The conversation goes on with what the function gave.
	p.Input = responses.ResponseNewParamsInputUnion{OfInputItemList: responses.ResponseInputParam{
		responses.ResponseInputItemParamOfMessage("What is the weather?", responses.EasyInputMessageRoleUser),
		{OfFunctionCall: &responses.ResponseFunctionToolCallParam{CallID: call.CallID, Name: call.Name, Arguments: call.Arguments}},
		{OfFunctionCallOutput: &responses.ResponseInputItemFunctionCallOutputParam{CallID: openai.String(call.CallID),
			Output: responses.ResponseInputItemFunctionCallOutputOutputUnionParam{OfString: openai.String("rain")}}},
	}}
	if _, err := f.Responses.New(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	messages := f.miner.payloads[1]["messages"].([]any)
	if last := messages[len(messages)-1].(map[string]any); len(messages) != 3 || last["role"] != "tool" || last["tool_call_id"] != "t1" || last["content"] != "rain" {
		t.Errorf("the miner was asked %v", messages)
	}
}

func TestSDKResponseStream(t *testing.T) {
	f := withSDK(t, nil)
	s := f.Responses.NewStreaming(t.Context(), respond("Good day"))
	var text strings.Builder
	var last responses.ResponseStreamEventUnion
	var n int64
	for s.Next() {
		last = s.Current()
		if last.SequenceNumber != n {
			t.Errorf("event %d has the number %d", n, last.SequenceNumber)
		}
		n++
		if last.Type == "response.output_text.delta" {
			text.WriteString(last.Delta)
		}
	}
	if err := s.Err(); err != nil {
		t.Fatal(err)
	}
	if text.String() != "One two three" || last.Type != "response.completed" || last.Response.OutputText() != "One two three" ||
		last.Response.Usage.OutputTokens != 4 || last.Response.Usage.InputTokens != 2 {
		t.Errorf("%q, then %s", text.String(), last.RawJSON())
	}
}

func TestSDKResponseErrors(t *testing.T) {
	f := withSDK(t, nil)
	for _, c := range []struct {
		name   string
		change func(*responses.ResponseNewParams)
		status int
		code   string
		param  string
	}{
		{"no input", func(p *responses.ResponseNewParams) { p.Input = responses.ResponseNewParamsInputUnion{} }, 400, "invalid_value", "input"},
		{"unknown model", func(p *responses.ResponseNewParams) { p.Model = "talker-7b" }, 404, "model_not_found", "model"},
		{"another kind of model", func(p *responses.ResponseNewParams) { p.Model = "painter" }, 400, "invalid_value", "model"},
		{"too many tokens", func(p *responses.ResponseNewParams) { p.MaxOutputTokens = openai.Int(1 << 30) }, 400, "invalid_value", "max_output_tokens"},
		{"a stored response", func(p *responses.ResponseNewParams) { p.PreviousResponseID = openai.String("resp_1") }, 400, "previous_response_not_found", "previous_response_id"},
		{"a hosted tool", func(p *responses.ResponseNewParams) {
			p.Tools = []responses.ToolUnionParam{{OfWebSearch: &responses.WebSearchToolParam{Type: "web_search"}}}
		}, 400, "unsupported_value", "tools[0].type"},
		{"a tool's name", func(p *responses.ResponseNewParams) {
			p.Tools = []responses.ToolUnionParam{{OfFunction: &responses.FunctionToolParam{Name: "what is it?"}}}
		}, 400, "invalid_value", "tools[0].name"},
		{"a schema without a schema", func(p *responses.ResponseNewParams) {
			p.Text.Format = responses.ResponseFormatTextConfigUnionParam{OfJSONSchema: &responses.ResponseFormatTextJSONSchemaConfigParam{Name: "n"}}
		}, 400, "invalid_value", "text.format.schema"},
		{"the miners fail", func(p *responses.ResponseNewParams) { *p = respond("please fail") }, 502, "http_500", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := respond("x")
			c.change(&p)
			_, err := f.Responses.New(t.Context(), p)
			var e *openai.Error
			if !errors.As(err, &e) || e.StatusCode != c.status || e.Code != c.code || e.Param != c.param || e.Message == "" || e.Type == "" {
				t.Errorf("%v (%+v)", err, e)
			}
			// A stream that fails before its first output fails the same way.
			s := f.Responses.NewStreaming(t.Context(), p)
			if s.Next() || !errors.As(s.Err(), &e) || e.StatusCode != c.status {
				t.Errorf("streamed: %v", s.Err())
			}
		})
	}
	_, err := f.Responses.Get(t.Context(), "resp_1", responses.ResponseGetParams{})
	var e *openai.Error
	if !errors.As(err, &e) || e.StatusCode != 404 || e.Code != "response_not_found" {
		t.Errorf("a response of the past: %v", err)
	}
}

// A stream of events that breaks off says so, and is never completed.
func TestSDKResponseBrokenStream(t *testing.T) {
	f := withSDK(t, nil)
	s := f.Responses.NewStreaming(t.Context(), respond("please break off"))
	var seen []string
	var last responses.ResponseStreamEventUnion
	for s.Next() {
		last = s.Current()
		seen = append(seen, last.Type)
	}
	if last.Type != "response.failed" || last.Response.Status != "failed" || last.Response.Error.Code != "server_error" || last.Response.Error.Message == "" ||
		last.Response.OutputText() != "One two" || seen[len(seen)-2] != "error" {
		t.Errorf("%v, then %s", seen, last.RawJSON())
	}
	if o := f.store.recorded()[0].Outcome; o.Status != outcome.Failed || o.Work != 2 {
		t.Errorf("%+v", o)
	}
}

// A response that could not be recorded is not told as completed.
func TestResponseIsRecordedFirst(t *testing.T) {
	f := serve(t, nil, ok(3))
	f.store.fails(errors.New("disk full"), nil)
	r := f.do(t, "POST", responsesPath, `{"model":"talker-8b","input":"x","stream":true}`)
	if strings.Contains(r.body, "response.completed") || !strings.Contains(r.body, "event: response.failed\n") {
		t.Errorf("%d %s", r.status, r.body)
	}
	if r := f.do(t, "POST", responsesPath, `{"model":"talker-8b","input":"x"}`); r.status != 500 {
		t.Errorf("%d %s", r.status, r.body)
	}
}

// Streams of responses are detached as others are, and leave the connection in order.
func TestResponsesOnOneConnection(t *testing.T) {
	f := serve(t, nil, ok(2))
	for range 3 {
		r := f.do(t, "POST", responsesPath, `{"model":"talker-8b","input":"x","stream":true}`)
		if r.status != http.StatusOK || r.err != nil && r.err != io.EOF || !strings.Contains(r.body, "event: response.completed\n") {
			t.Fatalf("%d %v %s", r.status, r.err, r.body)
		}
	}
}
