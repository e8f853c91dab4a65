package checker

import (
	"strings"
	"testing"

	"vision/internal/openai"
)

// What the relay accepts and shows to customers is what is judged: oddly
// written streams and answers are read alike, and what it refuses is malformed.
func TestAnswersAreReadAsTheRelayDoes(t *testing.T) {
	event := func(s string) string { return `data: {"choices":[{"index":0,` + s + `}]}` + "\n\n" }
	hi := event(`"delta":{"content":"hi"},"token_ids":[5,6]`)
	end := event(`"delta":{},"finish_reason":"stop"`) + "data: [DONE]\n\n"
	for name, x := range map[string]struct {
		body   string
		stream bool
		text   string // "" for one that is refused
		finish string
	}{
		"usual":                          {hi + end, true, "hi", "stop"},
		"byte order mark":                {"\xEF\xBB\xBF" + hi + end, true, "hi", "stop"},
		"carriage returns":               {strings.ReplaceAll(hi+end, "\n", "\r\n"), true, "hi", "stop"},
		"lines of one event":             {"event: x\ndata: {\"choices\":\ndata:[{\"index\":0,\"delta\":{\"content\":\"hi\"},\"token_ids\":[5,6]}]}\n\n" + end, true, "hi", "stop"},
		"an unknown name twice":          {event(`"x":1,"x":2,"delta":{"content":"hi","y":1,"y":2},"token_ids":[5,6]`) + end, true, "hi", "stop"},
		"no tool calls":                  {event(`"delta":{"content":"hi","tool_calls":[ ]},"token_ids":[5,6]`) + end, true, "hi", "stop"},
		"a second finish_reason":         {hi + event(`"delta":{},"finish_reason":"length"`) + end, true, "hi", "length"},
		"text and message":               {event(`"text":"hi","delta":{"content":"hi"},"token_ids":[5,6]`) + end, true, "", ""},
		"output after the end":           {hi + event(`"delta":{},"finish_reason":"stop"`) + hi + "data: [DONE]\n\n", true, "", ""},
		"a name with escapes":            {event(`"delta":{"content":"hi","conten\u0074":"ho"},"token_ids":[5,6]`) + end, true, "", ""},
		"a name twice":                   {event(`"delta":{"content":"hi","content":"ho"},"token_ids":[5,6]`) + end, true, "", ""},
		"another choice":                 {`data: {"choices":[{"index":1,"delta":{"content":"hi"}}]}` + "\n\n" + end, true, "", ""},
		"whole":                          {`{"choices":[{"message":{"content":"hi","z":1,"z":2},"token_ids":[5,6],"finish_reason":"stop"}]}`, false, "hi", "stop"},
		"whole, two choices":             {`{"choices":[{"message":{"content":"hi"},"finish_reason":"stop"},{"message":{"content":"hi"},"finish_reason":"stop"}]}`, false, "", ""},
		"whole, text and message":        {`{"choices":[{"message":{"content":"hi"},"text":"hi","finish_reason":"stop"}]}`, false, "", ""},
		"whole, without a reason to end": {`{"choices":[{"message":{"content":"hi"}}]}`, false, "", ""},
	} {
		a, err := readAnswer([]byte(x.body), x.stream)
		if refused := x.text == ""; (err != nil) != refused {
			t.Errorf("%s: %v", name, err)
		} else if !refused && (string(a.text) != x.text || a.finish != x.finish || len(a.ids) != 2 || a.tools || a.unended != nil) {
			t.Errorf("%s: %+v", name, a)
		}
	}
}

// FuzzReadAnswer: whatever the relay accepts can be read, with as many ids.
func FuzzReadAnswer(f *testing.F) {
	f.Add([]byte("data: {\"choices\":[{\"delta\":{\"content\":\"x\",\"a\":1,\"a\":2},\"token_ids\":[1]}]}\n\n"), true)
	f.Add([]byte("\xEF\xBB\xBFdata: {\"choices\":[{\"text\":\"x\",\"finish_reason\":\"stop\"}]}\r\n\r\ndata: [DONE]\n\n"), true)
	f.Add([]byte(`{"choices":[{"message":{"content":"x"},"token_ids":[300,7],"finish_reason":"stop"}]}`), false)
	f.Fuzz(func(t *testing.T, body []byte, stream bool) {
		var tally openai.Tally
		var accepted error
		if stream {
			s := openai.NewStream(openai.Options{Limit: mostEvent})
			_, accepted = s.Feed(nil, body)
			tally = s.Tally()
		} else {
			tally, accepted = openai.CountAnswer(body, openai.Bounds{})
		}
		a, err := readAnswer(body, stream)
		if (accepted == nil) != (err == nil) {
			t.Fatalf("the relay says %v, the checker %v", accepted, err)
		}
		if err == nil && !tally.Estimated && len(a.ids) > 0 && int64(len(a.ids)) != tally.Completion {
			t.Fatalf("%d ids, the relay counts %d", len(a.ids), tally.Completion)
		}
	})
}
