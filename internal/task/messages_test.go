package task

import (
	"bytes"
	"encoding/base64"
	"errors"
	"image"
	"image/png"
	"strings"
	"testing"

	"vision/internal/fault"
)

// seeing is a chat task whose model takes pictures.
func seeing(t testing.TB) (*Task, Kind) {
	tk, kind := taskOf(t, "chat")
	tk.Model.Images = true
	return tk, kind
}

// onePixel is a picture as clients send it.
func onePixel(t testing.TB) string {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewGray(image.Rect(0, 0, 32, 32))); err != nil {
		t.Fatal(err)
	}
	return "data:image/png;base64," + base64.StdEncoding.EncodeToString(b.Bytes())
}

// TestMessages shows what miners see of conversations.
func TestMessages(t *testing.T) {
	shown := onePixel(t)
	call := `{"id":"c1","type":"function","function":{"name":"f","arguments":"{\"a\":1}"}}`
	for _, tt := range []struct{ name, in, want string }{
		{"tools were called",
			`{"role":"user","content":"a"},{"role":"assistant","refusal":null,"annotations":[],"tool_calls":[` + call + `]},{"role":"tool","tool_call_id":"c1","content":[{"type":"text","text":"1"}]}`,
			`{"role":"user","content":"a"},{"role":"assistant","content":null,"tool_calls":[` + call + `]},{"role":"tool","content":"1","tool_call_id":"c1"}`},
		{"no calls are as good as none", `{"role":"assistant","content":"a","tool_calls":[ ]}`, `{"role":"assistant","content":"a"}`},
		{"arguments that are not there", `{"role":"assistant","content":"","tool_calls":[{"id":"x","type":"function","function":{"name":"f","arguments":""}}]}`,
			`{"role":"assistant","content":"","tool_calls":[{"id":"x","type":"function","function":{"name":"f","arguments":""}}]}`},
		{"a refusal is what was said", `{"role":"assistant","content":null,"refusal":"no"},{"role":"assistant","content":[{"type":"refusal","refusal":"never"}]},{"role":"assistant","content":"yes","refusal":"x"}`,
			`{"role":"assistant","content":"no"},{"role":"assistant","content":"never"},{"role":"assistant","content":"yes"}`},
		{"other members are sorted", `{"zeta":1,"role":"user","name":"me","content":"a"}`, `{"role":"user","content":"a","name":"me","zeta":1}`},
		{"reasoning of before", `{"role":"assistant","reasoning_content":"hm","content":"a"}`, `{"role":"assistant","content":"a","reasoning_content":"hm"}`},
		{"a picture", `{"role":"user","content":[{"type":"text","text":"what?"},{"image_url":{"detail":"auto","url":"` + shown + `"},"type":"image_url"},{"type":"image_url","image_url":{"url":"` + shown + `","detail":"low"}}]}`,
			`{"role":"user","content":[{"type":"text","text":"what?"},{"type":"image_url","image_url":{"url":"` + shown + `"}},{"type":"image_url","image_url":{"url":"` + shown + `","detail":"low"}}]}`},
		{"a picture's URL alone", `{"role":"user","content":[{"type":"image_url","image_url":"` + shown + `"}]}`,
			`{"role":"user","content":[{"type":"image_url","image_url":{"url":"` + shown + `"}}]}`},
	} {
		tk, kind := seeing(t)
		r, err := kind.Parse([]byte(`{"messages":[`+tt.in+`],"max_tokens":5}`), tk)
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		want := `{"model":"chatty","messages":[` + tt.want + `],"max_tokens":5,"stream":false,"temperature":1,"top_p":1,"seed":7,"return_token_ids":true}`
		payload := r.Payload(7)
		if string(payload) != want {
			t.Errorf("%s:\n%s\nwant\n%s", tt.name, payload, want)
		}
		// Miners read what validators send, and see the same in it.
		again, err := kind.Parse(payload, tk)
		if err != nil || string(again.Payload(7)) != want {
			t.Errorf("%s: as a miner reads it: %v", tt.name, err)
		}
	}
}

func TestMessagesRefused(t *testing.T) {
	call := func(rest string) string { return `{"role":"assistant","tool_calls":[` + rest + `]}` }
	for _, tt := range []struct{ in, param, code, says string }{
		{`{"role":"function","content":"x"}`, "messages", "invalid_value", "role"},
		{`{"role":"user","content":"x","tool_calls":[{}]}`, "messages", "invalid_value", "tool_calls"},
		{`{"role":"tool","content":"x"}`, "messages", "invalid_value", "tool_call_id"},
		{`{"role":"tool","content":"x","tool_call_id":7}`, "messages", "invalid_value", "tool_call_id"},
		{`{"role":"tool","content":"x","tool_call_id":"c1"}`, "messages", "invalid_value", "no message before"},
		{`{"role":"user","content":"x","name":1}`, "messages", "invalid_value", "name"},
		{`{"role":"assistant","content":"x","function_call":{}}`, "messages", "unsupported_value", "tool_calls"},
		{`{"role":"assistant","content":"x","audio":{"id":"a"}}`, "messages", "unsupported_value", "audio"},
		{`{"role":"assistant","content":null}`, "messages", "invalid_value", "content"},
		{call(`7`), "messages[0].tool_calls[0]", "invalid_value", "object"},
		{call(`{"type":"function","function":{"name":"f","arguments":"{}"}}`), "messages[0].tool_calls[0].id", "invalid_value", "string"},
		{call(`{"id":"c","type":"custom","custom":{}}`), "messages[0].tool_calls[0].type", "unsupported_value", "function"},
		{call(`{"id":"c","type":"function"}`), "messages[0].tool_calls[0].function", "invalid_value", "missing"},
		{call(`{"id":"c","type":"function","function":{"arguments":"{}"}}`), "messages[0].tool_calls[0].function.name", "invalid_value", "string"},
		{call(`{"id":"c","type":"function","function":{"name":"f","arguments":{}}}`), "messages[0].tool_calls[0].function.arguments", "invalid_value", "string"},
		{call(`{"id":"c","type":"function","function":{"name":"f","arguments":"{\"a\":"}}`), "messages[0].tool_calls[0].function.arguments", "invalid_value", "JSON"},
		{`{"role":"assistant","tool_calls":{}}`, "messages[0].tool_calls", "invalid_value", "array"},
		{`{"role":"user","content":[{"type":"input_audio","input_audio":{}}]}`, "messages", "unsupported_value", "text and pictures only"},
		{`{"role":"user","content":[{"type":"refusal","refusal":"no"}]}`, "messages", "unsupported_value", "refusal"},
		{`{"role":"user","content":[{"type":"text","text":7}]}`, "messages", "invalid_value", "text"},
		{`{"role":"user","content":[{"type":"picture"}]}`, "messages", "invalid_value", "unknown type"},
		{`{"role":"system","content":[{"type":"image_url","image_url":{"url":"data:,"}}]}`, "messages", "invalid_value", "roles"},
		{`{"role":"user","content":[{"type":"image_url"}]}`, "messages", "invalid_value", "picture"},
		{`{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA"}}]}`, "messages[0].content[0].image_url", "invalid_image", ""},
		{`{"role":"user","content":[{"type":"image_url","image_url":{"url":"` + onePixel(t) + `","detail":"most"}}]}`, "messages", "invalid_value", "detail"},
	} {
		tk, kind := seeing(t)
		_, err := kind.Parse([]byte(`{"messages":[`+tt.in+`]}`), tk)
		var e *fault.Error
		if !errors.As(err, &e) || e.Kind != fault.Invalid || e.Param != tt.param || e.Code != tt.code || !strings.Contains(e.Message, tt.says) {
			t.Errorf("%s: %v (%+v), want %q %q about %q", tt.in, err, e, tt.param, tt.code, tt.says)
		}
	}
	tk, kind := taskOf(t, "chat") // whose model takes none
	_, err := kind.Parse([]byte(`{"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"`+onePixel(t)+`"}}]}]}`), tk)
	if codeOf(err) != "unsupported_value" {
		t.Errorf("a picture for a model that reads text: %v", err)
	}
}

// Pictures do not count as text, and leave the prompt room to be counted.
func TestPicturesInMessages(t *testing.T) {
	tk, kind := seeing(t)
	pictures := strings.Repeat(`,{"type":"image_url","image_url":{"url":"`+onePixel(t)+`"}}`, maxPictures)
	r, err := kind.Parse([]byte(`{"messages":[{"role":"user","content":[{"type":"text","text":"what?"}`+pictures+`]}]}`), tk)
	if err != nil {
		t.Fatal(err)
	}
	if f := r.Features(); f.PromptBytes != 5 || f.Turns != 1 {
		t.Errorf("%+v", f)
	}
	if most := MostPrompt(r); most < maxPictures*1000 {
		t.Errorf("a miner may claim %d tokens for %d pictures", most, maxPictures)
	}
	if _, err := kind.Parse([]byte(`{"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"`+onePixel(t)+`"}}`+pictures+`]}]}`), tk); err == nil {
		t.Errorf("%d pictures are taken", maxPictures+1)
	}
}

// Links are noted where they lie in the body, to be followed by a gateway.
func TestLinksInMessages(t *testing.T) {
	tk, kind := seeing(t)
	body := []byte(`{"messages":[{"role":"user","content":[{"type":"text","text":"what?"},{"type":"image_url","image_url":{"url":"https://example.com/a.png","detail":"high"}},{"type":"image_url","image_url":"http://example.com/b.png"}]}]}`)
	r, err := kind.Parse(body, tk)
	if err != nil {
		t.Fatal(err)
	}
	links := r.(Linked).Links()
	if len(links) != 2 || links[0].Param != "messages[0].content[1].image_url" || string(body[links[0].From:links[0].To]) != `"https://example.com/a.png"` ||
		links[1].URL != "http://example.com/b.png" {
		t.Fatalf("%+v", links)
	}
	file, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(onePixel(t), "data:image/png;base64,"))
	if err != nil {
		t.Fatal(err)
	}
	r, err = kind.Parse(Embed(body, links, [][]byte{file, file}), tk)
	if err != nil || len(r.(Linked).Links()) != 0 || bytes.Count(r.Payload(1), []byte(onePixel(t))) != 2 || !bytes.Contains(r.Payload(1), []byte(`"detail":"high"`)) {
		t.Errorf("%v: %s", err, r.Payload(1))
	}
}

// What OpenAI's clients send and a model has no use for is taken and left out;
// what only some servers know is passed on.
func TestFieldsOfClients(t *testing.T) {
	tk, kind := taskOf(t, "chat")
	r, err := kind.Parse([]byte(`{"messages":[{"role":"user","content":"a"}],"max_tokens":5,"user":"u","metadata":{"a":"b"},"store":true,"service_tier":"auto",
		"safety_identifier":"s","prompt_cache_key":"k","prompt_cache_retention":"24h","prediction":{"type":"content","content":"x"},"modalities":["text"],"audio":null,
		"functions":null,"reasoning_effort":"low","verbosity":"high","chat_template_kwargs":{"enable_thinking":false},"min_tokens":2,"tools":null,"logprobs":false}`), tk)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"model":"chatty","messages":[{"role":"user","content":"a"}],"max_tokens":5,"stream":false,"temperature":1,"top_p":1,"logprobs":false,"reasoning_effort":"low","verbosity":"high","seed":7,"return_token_ids":true,"chat_template_kwargs":{"enable_thinking":false},"min_tokens":2}`
	if got := string(r.Payload(7)); got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
	for _, in := range []string{`"functions":[{"name":"f"}]`, `"function_call":"auto"`, `"audio":{"voice":"a"}`, `"modalities":["text","audio"]`, `"web_search_options":{}`, `"reasoning_effort":7`, `"verbosity":{}`} {
		name, _, _ := strings.Cut(in[1:], `"`)
		_, err := kind.Parse([]byte(`{"messages":[{"role":"user","content":"a"}],`+in+`}`), tk)
		var e *fault.Error
		if !errors.As(err, &e) || e.Param != name {
			t.Errorf("%s: %v", in, err)
		}
	}
}
