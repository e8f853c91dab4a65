package responses

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	"vision/internal/fault"
)

// same compares two texts of JSON by what they mean.
func sameJSON(t *testing.T, got, want string) {
	t.Helper()
	var g, w any
	if err := json.Unmarshal([]byte(got), &g); err != nil {
		t.Fatalf("%v in %s", err, got)
	}
	if err := json.Unmarshal([]byte(want), &w); err != nil {
		t.Fatalf("%v in %s", err, want)
	}
	if !reflect.DeepEqual(g, w) {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestRead(t *testing.T) {
	for _, c := range []struct{ name, asked, chat string }{
		{"a text", `{"model":"m","input":"Hi"}`, `{"model":"m","messages":[{"role":"user","content":"Hi"}]}`},
		{"instructions come first", `{"input":[{"role":"developer","content":"b"},{"role":"user","content":"c"}],"instructions":"a"}`,
			`{"messages":[{"role":"system","content":"a"},{"role":"developer","content":"b"},{"role":"user","content":"c"}]}`},
		{"parts", `{"input":[{"type":"message","role":"user","content":[{"type":"input_text","text":"what?"},{"type":"input_image","image_url":"data:x","detail":"low"}]}]}`,
			`{"messages":[{"role":"user","content":[{"type":"text","text":"what?"},{"type":"image_url","image_url":{"url":"data:x","detail":"low"}}]}]}`},
		{"an answer of before", `{"input":[{"role":"user","content":"a"},{"id":"msg_1","type":"message","status":"completed","role":"assistant","content":[{"type":"output_text","text":"b","annotations":[]}]},{"role":"user","content":"c"}]}`,
			`{"messages":[{"role":"user","content":"a"},{"role":"assistant","content":[{"type":"text","text":"b"}]},{"role":"user","content":"c"}]}`},
		{"a refusal of before", `{"input":[{"role":"assistant","content":[{"type":"refusal","refusal":"no"}]}]}`,
			`{"messages":[{"role":"assistant","content":[{"type":"refusal","refusal":"no"}]}]}`},
		{"calls and what they gave", `{"input":[{"role":"user","content":"a"},{"type":"reasoning","id":"rs_1","summary":[]},
			{"role":"assistant","content":"let me see"},
			{"type":"function_call","call_id":"c1","name":"f","arguments":"{}","id":"fc_1","status":"completed"},
			{"type":"function_call","call_id":"c2","name":"g","arguments":"{\"x\":1}"},
			{"type":"function_call_output","call_id":"c1","output":"1"},
			{"type":"function_call_output","call_id":"c2","output":[{"type":"input_text","text":"2"}]},
			{"type":"function_call","call_id":"c3","name":"f","arguments":"{}"}]}`,
			`{"messages":[{"role":"user","content":"a"},
			{"role":"assistant","content":"let me see","tool_calls":[{"type":"function","id":"c1","function":{"name":"f","arguments":"{}"}},{"type":"function","id":"c2","function":{"name":"g","arguments":"{\"x\":1}"}}]},
			{"role":"tool","tool_call_id":"c1","content":"1"},{"role":"tool","tool_call_id":"c2","content":[{"type":"text","text":"2"}]},
			{"role":"assistant","tool_calls":[{"type":"function","id":"c3","function":{"name":"f","arguments":"{}"}}]}]}`},
		{"tools", `{"input":"x","tools":[{"type":"function","name":"f","description":"d","parameters":{"type":"object"},"strict":true}],"tool_choice":{"type":"function","name":"f"},"parallel_tool_calls":false}`,
			`{"messages":[{"role":"user","content":"x"}],"tools":[{"type":"function","function":{"name":"f","description":"d","parameters":{"type":"object"},"strict":true}}],"tool_choice":{"type":"function","function":{"name":"f"}},"parallel_tool_calls":false}`},
		{"a schema", `{"input":"x","text":{"format":{"type":"json_schema","name":"n","schema":{"type":"object"},"strict":true},"verbosity":"low"}}`,
			`{"messages":[{"role":"user","content":"x"}],"verbosity":"low","response_format":{"type":"json_schema","json_schema":{"name":"n","schema":{"type":"object"},"strict":true}}}`},
		{"JSON", `{"input":"x","text":{"format":{"type":"json_object"}}}`, `{"messages":[{"role":"user","content":"x"}],"response_format":{"type":"json_object"}}`},
		{"numbers", `{"input":"x","max_output_tokens":5,"temperature":0.5,"top_p":0.9,"stream":true,"seed":7,"reasoning":{"effort":"low","summary":"auto"}}`,
			`{"messages":[{"role":"user","content":"x"}],"max_completion_tokens":5,"temperature":0.5,"top_p":0.9,"stream":true,"seed":7,"reasoning_effort":"low"}`},
		{"log-probabilities", `{"input":"x","include":["reasoning.encrypted_content","message.output_text.logprobs"],"top_logprobs":3}`,
			`{"messages":[{"role":"user","content":"x"}],"logprobs":true,"top_logprobs":3}`},
		{"what is ignored", `{"input":"x","store":true,"metadata":{"a":"b"},"user":"u","service_tier":"auto","truncation":"disabled","background":false,"n":1,"previous_response_id":null,"include":[],"stream_options":{"include_obfuscation":false}}`,
			`{"messages":[{"role":"user","content":"x"}]}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			call, err := Read([]byte(c.asked), Past{})
			if err != nil {
				t.Fatal(err)
			}
			sameJSON(t, string(call.Chat), c.chat)
		})
	}
}

func TestReadRefuses(t *testing.T) {
	for _, c := range []struct{ asked, param, code string }{
		{`{"model":"m"}`, "input", "invalid_value"},
		{`{"input":[]}`, "input", "invalid_value"},
		{`{"input":7}`, "input", "invalid_value"},
		{`{"input":[7]}`, "input[0]", "invalid_value"},
		{`{"input":"x","instructions":["y"]}`, "instructions", "invalid_value"},
		{`{"input":[{"role":"tool","content":"x"}]}`, "input[0].role", "invalid_value"},
		{`{"input":[{"role":"user","content":"x"},{"role":"user"}]}`, "input[1].content", "invalid_value"},
		{`{"input":[{"role":"user","content":[{"type":"input_audio"}]}]}`, "input[0].content[0].type", "unsupported_value"},
		{`{"input":[{"role":"user","content":[{"type":"input_image","file_id":"file-1"}]}]}`, "input[0].content[0].file_id", "unsupported_value"},
		{`{"input":[{"role":"user","content":[{"type":"input_text"}]}]}`, "input[0].content[0].text", "invalid_value"},
		{`{"input":[{"type":"web_search_call"}]}`, "input[0].type", "unsupported_value"},
		{`{"input":[{"type":"function_call","call_id":"c","name":"f"}]}`, "input[0].arguments", "invalid_value"},
		{`{"input":[{"type":"function_call_output","output":"x"}]}`, "input[0].call_id", "invalid_value"},
		{`{"input":"x","tools":[{"type":"web_search"}]}`, "tools[0].type", "unsupported_value"},
		{`{"input":"x","tool_choice":{"type":"allowed_tools"}}`, "tool_choice.type", "unsupported_value"},
		{`{"input":"x","text":{"format":{"type":"grammar"}}}`, "text.format.type", "unsupported_value"},
		{`{"input":"x","previous_response_id":"resp_1"}`, "previous_response_id", "previous_response_not_found"},
		{`{"input":"x","previous_response_id":7}`, "previous_response_id", "invalid_value"},
		{`{"input":[{"type":"item_reference"}]}`, "input[0].id", "invalid_value"},
		{`{"input":"x","conversation":"c"}`, "conversation", "unsupported_value"},
		{`{"input":"x","background":true}`, "background", "unsupported_value"},
		{`{"input":"x","truncation":"auto"}`, "truncation", "unsupported_value"},
		{`{"input":"x","stream":"yes"}`, "stream", "invalid_value"},
		{`{"input":"x","store":1}`, "store", "invalid_value"},
		{`{"input":"x","n":2}`, "n", "unsupported_value"},
		{`{"input":"x","n":"1"}`, "n", "unsupported_value"},
		{`{"input":"x","max_tokens":9}`, "max_tokens", "unknown_parameter"},
		{`{"input":"x","messages":[]}`, "messages", "unknown_parameter"},
		{`{"input":"x"`, "", "invalid_json"},
	} {
		_, err := Read([]byte(c.asked), Past{})
		var e *fault.Error
		if !errors.As(err, &e) || e.Kind != fault.Invalid || e.Param != c.param || e.Code != c.code {
			t.Errorf("%s: %v (%+v), want param %q, code %q", c.asked, err, e, c.param, c.code)
		}
	}
}

// What a chat request's reader finds wrong is told in the caller's words.
func TestFault(t *testing.T) {
	c := new(Call)
	for _, p := range []struct{ chat, ours string }{
		{"max_completion_tokens", "max_output_tokens"},
		{"messages", "input"},
		{"messages[2].content[0].image_url", "input"},
		{"tools[3].function.name", "tools[3].name"},
		{"tools[0].function", "tools[0]"},
		{"tool_choice.function.name", "tool_choice.name"},
		{"response_format.json_schema.schema", "text.format.schema"},
		{"temperature", "temperature"},
	} {
		err := c.Fault(fault.BadParam(p.chat, "%s is wrong.", p.chat))
		var e *fault.Error
		if !errors.As(err, &e) || e.Param != p.ours || !strings.HasPrefix(e.Message, p.ours+" is") {
			t.Errorf("%s: %+v", p.chat, e)
		}
	}
	if err := errors.New("x"); c.Fault(err) != err {
		t.Error("an error without a field changed")
	}
}
