package responses

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"vision/internal/fault"
	"vision/internal/openai"
)

// event is an event as clients see it.
type event struct {
	Type     string          `json:"type"`
	Sequence int             `json:"sequence_number"`
	Output   int             `json:"output_index"`
	ItemID   string          `json:"item_id"`
	Delta    string          `json:"delta"`
	Text     string          `json:"text"`
	Args     string          `json:"arguments"`
	Refusal  string          `json:"refusal"`
	Message  string          `json:"message"`
	Code     string          `json:"code"`
	Item     json.RawMessage `json:"item"`
	Response *response       `json:"response"`
}

type response struct {
	ID         string                   `json:"id"`
	Status     string                   `json:"status"`
	Incomplete *struct{ Reason string } `json:"incomplete_details"`
	Error      *struct{ Code, Message string }
	Output     []struct {
		ID, Type, Status, Name, Arguments string
		CallID                            string `json:"call_id"`
		Content                           []struct {
			Type, Text, Refusal string
			Logprobs            []struct{ Token string }
		}
	}
	Usage *struct {
		In  int64 `json:"input_tokens"`
		Out int64 `json:"output_tokens"`
		All int64 `json:"total_tokens"`
	}
	Tools []map[string]any
}

// read reads events, and checks what holds of all of them.
func read(t testing.TB, b []byte) []event {
	t.Helper()
	var list []event
	for part := range bytes.SplitSeq(bytes.TrimSuffix(b, []byte("\n\n")), []byte("\n\n")) {
		name, data, ok := bytes.Cut(part, []byte("\ndata: "))
		var e event
		if err := json.Unmarshal(data, &e); !ok || err != nil || string(name) != "event: "+e.Type {
			t.Fatalf("not an event: %q: %v", part, err)
		}
		if e.Sequence != len(list) {
			t.Fatalf("event %d has the number %d", len(list), e.Sequence)
		}
		list = append(list, e)
	}
	return list
}

func types(list []event) (all []string) {
	for _, e := range list {
		all = append(all, strings.TrimPrefix(e.Type, "response."))
	}
	return all
}

func chunk(delta, finish string) string {
	if finish != "null" {
		finish = `"` + finish + `"`
	}
	return fmt.Sprintf(`data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":%s,"finish_reason":%s}]}`+"\n\n", delta, finish)
}

func newCall(t testing.TB, asked string) *Call {
	t.Helper()
	c, err := Read([]byte(asked), Past{})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestStreamOfText(t *testing.T) {
	s := newCall(t, `{"input":"x","metadata":{"k":"v"}}`).NewStream("req-1", 5, "m")
	var out []byte
	for _, c := range []string{chunk(`{"role":"assistant","content":""}`, "null"), chunk(`{"content":"G\u00fc"}`, "null") + chunk(`{"content":"te\n"}`, "null"), chunk(`{}`, "stop")} {
		out = s.Feed(out, []byte(c))
	}
	out = s.End(out, Usage{3, 4})
	list := read(t, out)
	want := []string{"created", "in_progress", "output_item.added", "content_part.added", "output_text.delta", "output_text.delta",
		"output_text.done", "content_part.done", "output_item.done", "completed"}
	if !slices.Equal(types(list), want) {
		t.Fatalf("events %v\nwant %v", types(list), want)
	}
	r := list[len(list)-1].Response
	if list[4].Delta+list[5].Delta != "Güte\n" || list[6].Text != "Güte\n" || len(r.Output) != 1 || r.Output[0].Content[0].Text != "Güte\n" ||
		r.Output[0].Status != "completed" || r.Output[0].ID != list[4].ItemID {
		t.Errorf("%+v", r)
	}
	if r.ID != "resp_req-1" || r.Status != "completed" || r.Usage.In != 3 || r.Usage.Out != 4 || r.Usage.All != 7 || list[0].Response.Usage != nil {
		t.Errorf("%+v", r)
	}
	if !bytes.Contains(out, []byte(`"metadata":{"k":"v"}`)) || !bytes.Contains(out, []byte(`"created_at":5`)) {
		t.Error("what was asked is not shown again")
	}
}

func TestStreamOfReasoningTextAndCalls(t *testing.T) {
	s := newCall(t, `{"input":"x"}`).NewStream("r", 5, "m")
	var out []byte
	for _, c := range []string{
		chunk(`{"role":"assistant","reasoning_content":"hm","reasoning":"hm"}`, "null"),
		chunk(`{"content":"I call"}`, "null"),
		chunk(`{"tool_calls":[{"index":0,"id":"c1","type":"function","function":{"name":"f","arguments":""}}]}`, "null"),
		chunk(`{"tool_calls":[{"index":0,"function":{"arguments":"{\"a\":"}}]}`, "null"),
		chunk(`{"tool_calls":[{"index":1,"id":"c2","type":"function","function":{"name":"g","arguments":"{}"}}]}`, "null"),
		chunk(`{"tool_calls":[{"index":0,"function":{"arguments":"1}"}}]}`, "null"),
		chunk(`{}`, "tool_calls"),
	} {
		out = s.Feed(out, []byte(c))
	}
	out = s.End(out, Usage{})
	list := read(t, out)
	want := []string{"created", "in_progress",
		"output_item.added", "content_part.added", "reasoning_text.delta", "reasoning_text.done", "content_part.done", "output_item.done",
		"output_item.added", "content_part.added", "output_text.delta", "output_text.done", "content_part.done", "output_item.done",
		"output_item.added", "function_call_arguments.delta", "output_item.added", "function_call_arguments.delta", "function_call_arguments.delta",
		"function_call_arguments.done", "output_item.done", "function_call_arguments.done", "output_item.done", "completed"}
	if !slices.Equal(types(list), want) {
		t.Fatalf("events %v\nwant %v", types(list), want)
	}
	r := list[len(list)-1].Response
	if len(r.Output) != 4 || r.Output[0].Type != "reasoning" || r.Output[0].Content[0].Text != "hm" || r.Output[1].Content[0].Text != "I call" ||
		r.Output[2].Type != "function_call" || r.Output[2].CallID != "c1" || r.Output[2].Name != "f" || r.Output[2].Arguments != `{"a":1}` ||
		r.Output[3].CallID != "c2" || r.Output[3].Arguments != `{}` {
		t.Errorf("%+v", r)
	}
	if list[19].Args != `{"a":1}` || list[19].ItemID != r.Output[2].ID {
		t.Errorf("%+v", list[19])
	}
}

func TestHowStreamsEnd(t *testing.T) {
	begin := func() (*Stream, []byte) {
		s := newCall(t, `{"input":"x"}`).NewStream("r", 5, "m")
		return s, s.Feed(nil, []byte(chunk(`{"content":"half of"}`, "null")))
	}
	s, out := begin()
	out = s.End(s.Feed(out, []byte(chunk(`{}`, "length"))), Usage{1, 2})
	list := read(t, out)
	if last := list[len(list)-1]; last.Type != "response.incomplete" || last.Response.Status != "incomplete" ||
		last.Response.Incomplete.Reason != "max_output_tokens" || last.Response.Output[0].Status != "incomplete" {
		t.Errorf("cut off: %+v", last.Response)
	}
	s, out = begin()
	list = read(t, s.Fail(out, fault.New(fault.Upstream, "truncated", "It broke off.")))
	last := list[len(list)-1]
	if last.Type != "response.failed" || last.Response.Status != "failed" || last.Response.Error.Code != "server_error" ||
		last.Response.Error.Message != "It broke off." || last.Response.Usage != nil || last.Response.Output[0].Content[0].Text != "half of" {
		t.Errorf("failed: %+v", last.Response)
	}
	if e := list[len(list)-2]; e.Type != "error" || e.Code != "truncated" || e.Message != "It broke off." {
		t.Errorf("the error event: %+v", e)
	}
	if types := types(list); slices.Contains(types, "completed") || slices.Contains(types, "output_item.done") {
		t.Errorf("a failed stream has %v", types)
	}
	s, out = begin()
	if list = read(t, s.Fail(out, fault.New(fault.Internal, "x", "secret"))); strings.Contains(fmt.Sprint(list), "secret") {
		t.Error("an internal error's text is shown")
	}
	s = newCall(t, `{"input":"x"}`).NewStream("r", 5, "m") // the model ended at once
	list = read(t, s.End(nil, Usage{1, 1}))
	if r := list[len(list)-1].Response; r.Status != "completed" || len(r.Output) != 1 || r.Output[0].Content[0].Text != "" {
		t.Errorf("no text: %+v", r)
	}
}

// The response at a stream's end is the one of the same answer at once.
func TestAnswerIsAsStreamed(t *testing.T) {
	c := newCall(t, `{"input":"x","tools":[{"type":"function","name":"f","parameters":{}}],"max_output_tokens":9}`)
	answer := `{"id":"c","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","reasoning_content":"a\"b","content":"text","tool_calls":[{"id":"c1","type":"function","function":{"name":"f","arguments":"{}"}}]},"logprobs":{"content":[{"token":"t","logprob":-1,"bytes":[1]}]},"finish_reason":"tool_calls"}],"usage":{"prompt_tokens":3,"completion_tokens":4,"total_tokens":7}}`
	whole := c.Answer([]byte(answer), "r", 5, "m")
	s := c.NewStream("r", 5, "m")
	out := s.Feed(nil, []byte(chunk(`{"reasoning_content":"a\"b"}`, "null")))
	out = s.Feed(out, []byte(`data: {"choices":[{"index":0,"delta":{"content":"text"},"logprobs":{"content":[{"token":"t","logprob":-1,"bytes":[1]}]}}]}`+"\n\n"))
	out = s.Feed(out, []byte(chunk(`{"tool_calls":[{"index":0,"id":"c1","type":"function","function":{"name":"f","arguments":"{}"}}]}`, "tool_calls")))
	out = s.End(out, Usage{3, 4})
	i := bytes.LastIndex(out, []byte(`"response":`)) + len(`"response":`)
	sameJSON(t, string(whole), string(out[i:len(out)-3]))
	var r response
	if err := json.Unmarshal(whole, &r); err != nil || r.Output[1].Content[0].Logprobs[0].Token != "t" || len(r.Tools) != 1 || r.Tools[0]["name"] != "f" {
		t.Errorf("%v: %s", err, whole)
	}
}

func TestManyCallsAreBounded(t *testing.T) {
	s := newCall(t, `{"input":"x"}`).NewStream("r", 5, "m")
	for i := range 3 * maxCalls {
		s.Feed(nil, []byte(chunk(fmt.Sprintf(`{"tool_calls":[{"index":%d,"id":"c","function":{"name":"f","arguments":"{}"}}]}`, i), "null")))
	}
	if len(s.items) != maxCalls {
		t.Errorf("%d items", len(s.items))
	}
}

// Whatever is asked, either it is refused with a reason or a chat request's
// reader gets JSON. And what was accepted once can be gone on from.
func FuzzRead(f *testing.F) {
	f.Add([]byte(`{"model":"m","input":[{"role":"user","content":[{"type":"input_text","text":"a"}]},{"type":"function_call","call_id":"c","name":"f","arguments":"{}"},{"type":"function_call_output","call_id":"c","output":"1"}],"tools":[{"type":"function","name":"f","parameters":{}}],"text":{"format":{"type":"json_schema","name":"n","schema":{}}},"include":["message.output_text.logprobs"],"stream":true}`))
	f.Add([]byte(`{"input":"\ud800","instructions":"a","reasoning":{"effort":"low"},"tool_choice":{"type":"function","name":"f"},"x":[1e3]}`))
	f.Add([]byte(`{"input":[{"type":"item_reference","id":"msg_a_0"},{"id":"msg_a_1"},{"type":"reasoning"}],"previous_response_id":"resp_a"}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		past := Past{Recent: NewRecent(1<<20, time.Hour), Now: noon, Most: 1 << 20}
		past.Recent.put(0, "resp_a", []byte(`{"output":[{"id":"msg_a_0","role":"assistant","content":"b"}]}`), []byte(`{"role":"user","content":"a"}`), noon)
		c, err := Read(body, past)
		if err != nil {
			if k := fault.KindOf(err); k != fault.Invalid && k != fault.NotFound && k != fault.TooLarge {
				t.Fatalf("%v is of kind %v", err, k)
			}
			return
		}
		if !json.Valid(c.Chat) {
			t.Fatalf("not JSON: %s", c.Chat)
		}
		answer := c.Answer([]byte(`{"choices":[{"message":{"content":"a"},"finish_reason":"stop"}]}`), "r", 1, "m")
		if !json.Valid(answer) {
			t.Fatal("the answer is not JSON")
		}
		c.Remember("r", answer, noon)
		switch k := past.Recent.find(0, "resp_r", noon); {
		case (k != nil) != c.Store && len(answer) < 32<<10:
			t.Fatalf("stored: %v, remembered: %v", c.Store, k != nil)
		case k == nil || k.input == nil:
			return
		}
		if on, err := Read([]byte(`{"input":"x","previous_response_id":"resp_r"}`), past); err != nil || !json.Valid(on.Chat) {
			t.Fatalf("what was accepted cannot be gone on from: %v", err)
		}
	})
}

// Whatever a miner streams, as far as it gets past openai.Stream, the events are
// well formed and tell the same text twice.
func FuzzStream(f *testing.F) {
	f.Add([]byte(chunk(`{"role":"assistant","content":"a"}`, "null")+chunk(`{"tool_calls":[{"index":0,"id":"c","function":{"name":"f","arguments":"{"}}]}`, "null")+chunk(`{"content":"b"}`, "length")+"data: [DONE]\n\n"), true)
	f.Add([]byte(chunk(`{"reasoning":"a"}`, "null")+chunk(`{"refusal":"b"}`, "stop")), false)
	f.Add([]byte(`data: {"choices":[{"index":0,"delta":{"content":"a"},"logprobs":{"content":[ {"token":"\u00e9"} ]}}]}`+"\n\n"), true)
	f.Fuzz(func(t *testing.T, in []byte, whole bool) {
		c, _ := Read([]byte(`{"input":"x"}`), Past{})
		from, s := openai.NewStream(openai.Options{Limit: 1 << 20, Model: "m"}), c.NewStream("r", 1, "m")
		events, _ := from.Feed(nil, in)
		out := s.Feed(nil, events)
		if whole {
			out = s.End(out, Usage{1, 2})
		} else {
			out = s.Fail(out, fault.New(fault.Upstream, "x", "y"))
		}
		texts := map[string]string{}
		list := read(t, out)
		for _, e := range list {
			switch {
			case strings.HasSuffix(e.Type, ".delta"):
				texts[e.ItemID] += e.Delta
			case strings.HasSuffix(e.Type, "_text.done"), strings.HasSuffix(e.Type, "arguments.done"), e.Type == "response.refusal.done":
				if got := e.Text + e.Args + e.Refusal; got != texts[e.ItemID] && !strings.Contains(got, "\ufffd") && !strings.Contains(texts[e.ItemID], "\ufffd") {
					t.Fatalf("done says %q, deltas %q", got, texts[e.ItemID])
				}
			}
		}
		if last := list[len(list)-1]; last.Response == nil || whole != (last.Response.Status != "failed") {
			t.Fatalf("the last event is %+v", last)
		}
	})
}

func BenchmarkStream(b *testing.B) {
	c, _ := Read([]byte(`{"input":"x"}`), Past{})
	s := c.NewStream("r", 1, "m")
	in := []byte(chunk(`{"content":" word"}`, "null"))
	var out []byte
	b.ReportAllocs()
	for b.Loop() {
		out = s.Feed(out[:0], in)
		if len(s.items[0].text) > 1<<16 {
			s.items[0].text = s.items[0].text[:0]
		}
	}
}
