package openai

import (
	"encoding/json"
	"testing"
)

func TestAppendAsChoice(t *testing.T) {
	in := `data: {"id":"a","object":"chat.completion.chunk","choices":[{"delta":{"content":"x\u0000\"]}"},"index":0,"finish_reason":null}],"model":"m"}` + "\n\n" +
		`data: {"id":"a","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}` + "\n\n"
	want := `data: {"id":"the\"one","object":"chat.completion.chunk","choices":[{"index":3,"delta":{"content":"x\u0000\"]}"},"finish_reason":null}],"model":"m"}` + "\n\n" +
		`data: {"id":"the\"one","choices":[{"index":3,"delta":{},"finish_reason":"stop"}]}` + "\n\n"
	if got := string(AppendAsChoice(nil, []byte(in), 3, `the"one`)); got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
}

func TestAppendMerged(t *testing.T) {
	answer := func(text string) []byte {
		return []byte(`{"id":"` + text + `","choices":[{"index":0,"message":{"role":"assistant","content":"` + text + `"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2},"model":"m"}`)
	}
	got := AppendMerged(nil, [][]byte{answer("one"), answer("two"), answer("three")}, 7, 30)
	var a struct {
		ID, Model string
		Choices   []struct {
			Index   int
			Message struct{ Content string }
		}
		Usage map[string]int
	}
	if err := json.Unmarshal(got, &a); err != nil {
		t.Fatalf("%v: %s", err, got)
	}
	if a.ID != "one" || a.Model != "m" || len(a.Choices) != 3 || a.Usage["prompt_tokens"] != 7 || a.Usage["completion_tokens"] != 30 || a.Usage["total_tokens"] != 37 {
		t.Errorf("%s", got)
	}
	for i, want := range []string{"one", "two", "three"} {
		if a.Choices[i].Index != i || a.Choices[i].Message.Content != want {
			t.Errorf("choice %d is %+v", i, a.Choices[i])
		}
	}
}
