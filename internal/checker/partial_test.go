package checker

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"unicode/utf8"

	"vision/internal/fault"
	"vision/internal/outcome"
	"vision/internal/proto"
	"vision/internal/refmodel"
)

// brokenOff is a sample of a stream of which only the first n bytes came before
// the customer went away.
func brokenOff(s proto.CheckRequest, n int) proto.CheckRequest {
	s.Sample.Response = s.Sample.Response[:n]
	s.Sample.Outcome.Status = outcome.Canceled
	return s
}

// Wherever a customer goes away, within an event or a word, an honest miner
// is not convicted of what did not come.
func TestBrokenOffAnywhere(t *testing.T) {
	t.Parallel()
	server := referenceServer(t)
	hot := strings.Replace(oven, `"temperature":0`, `"temperature":0.8`, 1)
	body := `{"prompt":"The sea is","max_tokens":60,"stream":true,"temperature":0`
	ids := func(body string) proto.CheckRequest {
		return serve(t, stack(refmodel.Full), chatTask, 4, body)
	}
	another := ids(hot + `}`)
	another.Spec.Engine = "sglang"
	for name, x := range map[string]struct {
		checker *Checker
		sample  proto.CheckRequest
		step    int
	}{
		"ids":             {newChecker(t), ids(oven + `}`), 151},
		"ids, hot":        {newChecker(t), ids(hot + `}`), 307},
		"ids, likelihood": {newChecker(t), another, 907},
		"ids, stop":       {newChecker(t), ids(oven + `,"stop":["."," zzz"]}`), 97},
		"text":            {newChecker(t), serveWithoutIDs(t, stack(refmodel.Full), 4, oven+`}`), 151},
		"text, hot":       {newChecker(t), serveWithoutIDs(t, stack(refmodel.Full), 4, hot+`}`), 907},
		"vllm":            {judgedBy(t, "vllm", server.URL, "ref-chat", ""), ids(oven + `}`), 997},
		"vllm, hot":       {judgedBy(t, "vllm", server.URL, "ref-chat", "vision-ref"), ids(hot + `}`), 1501},
		"vllm, hot text":  {judgedBy(t, "vllm", server.URL, "ref-chat", "vision-ref"), serveWithoutIDs(t, stack(refmodel.Full), 4, hot+`}`), 1009},
		"vllm, text":      {judgedBy(t, "vllm", server.URL, "ref-chat", ""), serveWithoutIDs(t, stack(refmodel.Full), 4, oven+`}`), 497},
		"echo":            {judgedBy(t, "completions-echo", server.URL, "ref-completion", ""), serveWithoutIDs(t, stack(refmodel.Full), 4, body+`}`), 997},
		"replay":          {judgedBy(t, "openai", server.URL, "ref-chat", ""), ids(oven + `}`), 997},
	} {
		judged := 0
		for n := 1; n < len(x.sample.Sample.Response); n += x.step {
			r, err := x.checker.Judge(t.Context(), brokenOff(x.sample, n))
			switch {
			case err != nil && fault.KindOf(err) != fault.Invalid:
				t.Fatalf("%s, after %d bytes: %v", name, n, err)
			case err == nil && r.Quality < 0.99:
				t.Errorf("%s, after %d bytes: %+v", name, n, r)
			case err == nil:
				judged++
			}
		}
		if judged == 0 {
			t.Errorf("%s: nothing was judged", name)
		}
	}
}

// Text that stops within a word, as from a server that holds some back, is judged
// up to the word.
func TestHalfAWordIsNotHeldAgainstAnyone(t *testing.T) {
	server := referenceServer(t)
	for name, c := range map[string]*Checker{"builtin": newChecker(t), "vllm": judgedBy(t, "vllm", server.URL, "ref-chat", "")} {
		s, a := honestChat(t, oven+`}`)
		s.Spec = proto.Spec{Engine: "sglang"}
		judged := 0
		for n := range len(a.text) {
			if !utf8.RuneStart(a.text[n]) || n%19 > 1 {
				continue
			}
			text, _ := json.Marshal(string(a.text[:n]))
			x := s
			x.Sample.Response = fmt.Appendf(nil, "data: {\"choices\":[{\"delta\":{\"content\":%s}}]}\n\n", text)
			x.Sample.Outcome.Status = outcome.Canceled
			r, err := c.Judge(t.Context(), x)
			if err != nil && fault.KindOf(err) != fault.Invalid || err == nil && r.Quality < 0.99 {
				t.Errorf("%s, %d bytes of text: %+v, %v", name, n, r, err)
			}
			if err == nil {
				judged++
			}
		}
		if judged == 0 {
			t.Errorf("%s: nothing was judged", name)
		}
	}
}

// A model's thoughts, apart from its text, with ids that run ahead of both.
func TestBrokenOffInThought(t *testing.T) {
	q := &textQuery{answer: &answer{partial: true}}
	for _, x := range []struct {
		reasoning, text string
		want            bool
	}{
		{"we need fl", "", true},
		{"we need flour", "", true},
		{"we need flour", "Take fl", true},
		{"we need flour", "Give fl", false},
		{"we want flour", "Take fl", false},
		{"Take flour", "we need", false}, // the other way round
	} {
		q.answer.reasoning, q.answer.text = []byte(x.reasoning), []byte(x.text)
		if got := sameText(q, "<think>\nwe need flour\n</think>\n\nTake flour and"); got != x.want {
			t.Errorf("%q, %q: %v, want %v", x.reasoning, x.text, got, x.want)
		}
	}
	s, a := honestChat(t, oven+`}`)
	text, _ := json.Marshal(string(a.text[:20]))
	s.Spec = proto.Spec{Engine: "sglang"}
	s.Sample.Response = fmt.Appendf(nil, "data: {\"choices\":[{\"delta\":{\"reasoning_content\":%s}}]}\n\n", text)
	s.Sample.Outcome.Status = outcome.Canceled
	s.Task = completionTask
	c := judgedBy(t, "completions-echo", referenceServer(t).URL, "ref-completion", "")
	s.Sample.Request = []byte(`{"prompt":"a","max_tokens":60,"stream":true,"temperature":0}`)
	if r, err := c.Judge(t.Context(), s); fault.KindOf(err) != fault.Invalid {
		t.Errorf("thoughts alone, by text: %+v, %v", r, err)
	}
}

// A stream that was abandoned is no refuge.
func TestBrokenOffCheats(t *testing.T) {
	server := referenceServer(t)
	for name, c := range map[string]*Checker{"builtin": newChecker(t), "vllm": judgedBy(t, "vllm", server.URL, "ref-chat", "")} {
		for kind, s := range map[string]proto.CheckRequest{
			"ids":  serve(t, stack(refmodel.Sibling), chatTask, 4, oven+`}`),
			"text": serveWithoutIDs(t, stack(refmodel.Sibling), 4, oven+`}`),
		} {
			if r := judgeIt(t, c, brokenOff(s, len(s.Sample.Response)*2/3)); r.Quality > 0.1 {
				t.Errorf("%s, another model, %s: %+v", name, kind, r)
			}
		}
		s, a := honestChat(t, oven+`}`)
		s.Sample.Response = written(a.promptIDs, a.ids, strings.Replace(string(a.text), "e", "3", 1), "stop")
		if r := judgeIt(t, c, brokenOff(s, len(s.Sample.Response)-10)); r.Quality != 0 || r.Test != "text-ids" {
			t.Errorf("%s, other words than ids: %+v", name, r)
		}
	}
}

// narrow is the reference server with a smaller context: it refuses what has
// more than so many tokens, by ids or in a prompt given as text, or asks for more.
func narrow(t *testing.T, tokens, textTokens, output int) string {
	inner := referenceServer(t).Config.Handler
	return listen(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		var asked struct {
			Prompt    json.RawMessage
			MaxTokens int `json:"max_tokens"`
			Messages  []struct{ Content string }
		}
		_ = json.Unmarshal(body, &asked)
		var text string
		_ = json.Unmarshal(asked.Prompt, &text)
		for _, m := range asked.Messages {
			text += m.Content
		}
		if r.URL.Path != "/tokenize" && (len(idsAsked(body)) > tokens && r.URL.Path != "/detokenize" || len(refmodel.Encode(text)) > textTokens || asked.MaxTokens > output) {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		inner.ServeHTTP(w, r)
	})).URL
}

// An answer longer than the reference takes is judged as far as it does.
func TestLongerThanTheReferenceTakes(t *testing.T) {
	honest, cheat := stack(refmodel.Full), stack(refmodel.Sibling)
	// tells is a request that has a long answer.
	tells := func(form string) string {
		for i := range 100 {
			body := fmt.Sprintf(form, i)
			a, err := readAnswer(serveWithoutIDs(t, honest, 4, body).Sample.Response, true)
			if err != nil {
				t.Fatal(err)
			}
			if len(a.text) >= 700 {
				return body
			}
		}
		t.Fatal("no answer is long")
		return ""
	}
	long := tells(`{"messages":[{"role":"user","content":"Tell me %d things of bread"}],"temperature":0,"max_tokens":300,"stream":true}`)
	text := tells(`{"prompt":"In the year %d","max_tokens":300,"stream":true,"temperature":0}`)
	const most = 1 << 20
	vllm := judgedBy(t, "vllm", narrow(t, 120, most, most), "ref-chat", "")
	echo := judgedBy(t, "completions-echo", narrow(t, most, 100, most), "ref-completion", "")
	plain := judgedBy(t, "openai", narrow(t, most, most, 100), "ref-chat", "")
	ids := serve(t, honest, chatTask, 4, long)
	a, _ := readAnswer(ids.Sample.Response, true)
	if len(a.ids) < 150 {
		t.Fatalf("an answer of %d tokens is not long", len(a.ids))
	}
	for name, x := range map[string]struct {
		c             *Checker
		honest, cheat proto.CheckRequest
		note          string
	}{
		"vllm":   {vllm, ids, serve(t, cheat, chatTask, 4, long), "prefill-t0"},
		"text":   {vllm, serveWithoutIDs(t, honest, 4, long), serveWithoutIDs(t, cheat, 4, long), "prefill-t0"},
		"echo":   {echo, serveWithoutIDs(t, honest, 4, text), serveWithoutIDs(t, cheat, 4, text), "prefill-t0"},
		"replay": {plain, ids, serve(t, cheat, chatTask, 4, long), "replay"},
	} {
		r := judgeIt(t, x.c, x.honest)
		if r.Quality < 0.99 || r.Test != x.note || r.Work < int64(len(a.ids))*2/3 {
			t.Errorf("%s, honest: %+v", name, r)
		}
		if r := judgeIt(t, x.c, x.cheat); r.Quality > 0.95 || name != "replay" && r.Quality > 0.1 {
			t.Errorf("%s, another model: %+v", name, r)
		}
	}
	// Broken off as well.
	if r := judgeIt(t, vllm, brokenOff(ids, len(ids.Sample.Response)*3/4)); r.Quality < 0.99 {
		t.Errorf("broken off and too long: %+v", r)
	}
	// How long the answer says it is counts all the same.
	short := ids
	short.Sample.Response = written(a.promptIDs, a.ids[:140], textOf(a.ids[:140]), "length")
	if r := judgeIt(t, vllm, short); r.Quality != 0 || r.Test != "truncated" {
		t.Errorf("cut, says length: %+v", r)
	}
	// A prompt that does not fit leaves nothing to judge; nor is it tried for ever.
	for engine, c := range map[string]*Checker{
		"vllm": judgedBy(t, "vllm", narrow(t, most, 3, most), "ref-chat", ""),
		"any":  judgedBy(t, "openai", narrow(t, most, 3, most), "ref-chat", ""),
	} {
		if r, err := c.Judge(t.Context(), ids); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%s, a prompt too long: %+v, %v", engine, r, err)
		}
	}
	tide := serveWithoutIDs(t, honest, 4, text)
	if r, err := judgedBy(t, "completions-echo", narrow(t, most, 3, most), "ref-completion", "").Judge(t.Context(), tide); fault.KindOf(err) != fault.Invalid {
		t.Errorf("echo, a prompt too long: %+v, %v", r, err)
	}
}

func TestWholeWords(t *testing.T) {
	for text, want := range map[string]string{
		"":                             "",
		"half":                         "",
		"a half":                       "a",
		"a whole \n":                   "a",
		"two words, and a ha":          "two words, and a",
		"one\n\n":                      "",
		strings.Repeat("語", 40):        strings.Repeat("語", 32),
		"x " + strings.Repeat("語", 40): "x " + strings.Repeat("語", 32),
	} {
		if got := wholeWords(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
	half := strings.Repeat("語", 40)
	if got := wholeWords(half[:len(half)-1]); !utf8.ValidString(got) || got == "" {
		t.Errorf("a character cut in two: %q", got)
	}
}
