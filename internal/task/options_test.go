package task

import (
	"encoding/json"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"vision/internal/prompt"
)

// Whatever optional fields customers' requests have, made up ones have too, with
// the same parameters and nearly the same lengths.
func TestMadeUpRequestsHaveTheOptionsOfCustomers(t *testing.T) {
	tool := `[{"type":"function","function":{"name":"lookup","description":"Looks something up","parameters":{"type":"object","properties":{"key":{"type":"string"}},"required":["key"]}}},` +
		`{"type":"function","function":{"name":"store","parameters":{"type":"object","properties":{}}}}]`
	for name, body := range map[string]string{
		"numbers":   `{"messages":[{"role":"user","content":"Hi there, how are you?"}],"top_k":40,"min_p":0.05,"presence_penalty":-0.5,"frequency_penalty":1,"repetition_penalty":1.1}`,
		"logprobs":  `{"messages":[{"role":"user","content":"Hi there, how are you?"}],"logprobs":true,"top_logprobs":5,"reasoning_effort":"low","verbosity":"high"}`,
		"stop":      `{"messages":[{"role":"system","content":"Be brief and polite."},{"role":"user","content":"Hi there, how are you?"}],"stop":["\n\n","###"],"logit_bias":{"17":-100,"300":5}}`,
		"one stop":  `{"messages":[{"role":"user","content":"Hi there, how are you?"}],"stop":"User:","seed":42}`,
		"long seed": `{"messages":[{"role":"user","content":"Hi there, how are you?"}],"seed":1729384950,"min_tokens":3,"ignore_eos":true}`,
		"form":      `{"messages":[{"role":"user","content":"Extract all of it as JSON, please."}],"response_format":{"type":"json_schema","json_schema":{"name":"x","schema":{"type":"object","properties":{"title":{"type":"string"},"minutes":{"type":"integer"},"steps":{"type":"array","items":{"type":"string"}}}}}}}`,
		"object":    `{"messages":[{"role":"user","content":"Extract all of it as JSON, please."}],"response_format":{"type":"json_object"}}`,
		"tools":     `{"messages":[{"role":"user","content":"Look it up."}],"tools":` + tool + `,"tool_choice":"auto","parallel_tool_calls":false}`,
		"one tool":  `{"messages":[{"role":"user","content":"Look it up."}],"tools":` + tool + `,"tool_choice":{"type":"function","function":{"name":"store"}}}`,
		"calls": `{"messages":[{"role":"user","content":"Look it up."},{"role":"assistant","content":null,"tool_calls":[{"id":"a","type":"function","function":{"name":"lookup","arguments":"{\"key\": \"the thing\"}"}}]},` +
			`{"role":"tool","tool_call_id":"a","content":"{\"value\":17,\"unit\":\"kg\"}"},{"role":"assistant","content":"It is 17 kg."},{"role":"user","content":"And how much is that in pounds?"}],"tools":` + tool + `}`,
	} {
		tk, kind := taskOf(t, "chat")
		r, err := kind.Parse([]byte(body), tk)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		f := r.Features()
		if f.Task != tk.Name || f.Plain() || strings.Contains(f.Options, "ook") {
			t.Errorf("%s: features %+v", name, f)
		}
		made := kind.Synthesise(rand.New(rand.NewPCG(1, 2)), features(f), tk)
		if a, b := keysOf(t, r.Payload(1)), keysOf(t, made.Payload(1)); a != b {
			t.Errorf("%s: a customer's fields are\n%s\nmade up ones\n%s", name, a, b)
		}
		for what, value := range options(f.Options) {
			got := valueOf(made.Features().Options, what)
			switch what {
			case "m", "tools", "response_format", "stop": // lengths are near
				if strings.Count(got, ",") != strings.Count(value, ",") || !near(got, value) {
					t.Errorf("%s: %s is %s, made up %s", name, what, value, got)
				}
			default:
				if got != value {
					t.Errorf("%s: %s is %s, made up %s", name, what, value, got)
				}
			}
		}
		if n := made.Features().PromptBytes; n < f.PromptBytes/2-60 || n > 2*f.PromptBytes+200 {
			t.Errorf("%s: %d bytes, made up %d", name, f.PromptBytes, n)
		}
	}
}

// near compares the first numbers after each colon or letter, loosely.
func near(a, b string) bool {
	numbers := func(s string) (list []int) {
		for _, f := range strings.FieldsFunc(s, func(r rune) bool { return r < '0' || r > '9' }) {
			n, _ := strconv.Atoi(f)
			list = append(list, n)
		}
		return list
	}
	x, y := numbers(a), numbers(b)
	if len(x) != len(y) {
		return false
	}
	for i := range x {
		if d := x[i] - y[i]; d > 160 || d < -160 {
			return false
		}
	}
	return true
}

// keysOf gives the fields of a payload in their order.
func keysOf(t *testing.T, payload []byte) string {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(string(payload)))
	var keys []string
	depth, key := 0, false
	for {
		token, err := d.Token()
		if err != nil {
			return strings.Join(keys, " ")
		}
		switch v := token.(type) {
		case json.Delim:
			if v == '{' || v == '[' {
				depth++
			} else {
				depth--
			}
			key = depth == 1
		default:
			if depth != 1 {
				continue
			}
			if key {
				keys = append(keys, v.(string))
			}
			key = !key
		}
	}
}

// Options that make no valid request, from a database of other times, cost the options only.
func TestOptionsThatFitNoMoreAreLeftOut(t *testing.T) {
	tk, kind := taskOf(t, "chat")
	for _, line := range []string{"top_k=nonsense", "m=x17", "m=t5", "stop=99:1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1", "top_logprobs=3", "tool_choice=function", "tools=9999999:1", "seed=*99", "m=", "=,=", "logit_bias=900:1000"} {
		f := Features{Turns: 1, PromptBytes: 60, Output: 20, Temperature: -1, TopP: -1, Task: tk.Name, Options: line}
		if r := kind.Synthesise(rand.New(rand.NewPCG(1, 2)), features(f), tk); !json.Valid(r.Payload(1)) {
			t.Errorf("%q: %s", line, r.Payload(1))
		}
	}
}

// TestOptionsAreBounded: however much a request has, its features stay small.
func TestOptionsAreBounded(t *testing.T) {
	tk, kind := taskOf(t, "chat")
	body := `{"messages":[` + strings.Repeat(`{"role":"user","content":"one of very many"},`, 400) + `{"role":"user","content":"the last"}],"stop":["` + strings.Repeat(`a","`, 15) + `b"],"top_k":3}`
	r, err := kind.Parse([]byte(body), tk)
	if err != nil {
		t.Fatal(err)
	}
	if o := r.Features().Options; len(o) > mostOptions || strings.Contains(o, "m=") || !strings.Contains(o, "top_k=3") {
		t.Errorf("options %q", o)
	}
}

type writtenShape struct {
	features
	turns []prompt.Turn
}

func (w writtenShape) Written(*rand.Rand, *Task, int, int) []prompt.Turn { return w.turns }

// Where somebody wrote messages, they are what is asked, word for word.
func TestWrittenMessagesAreAsked(t *testing.T) {
	f := features{Turns: 1, PromptBytes: 60, Output: 20, Temperature: -1, TopP: -1}
	shape := writtenShape{f, []prompt.Turn{{Role: "system", Text: "Answer in verse."}, {Role: "user", Text: "Why is the sky blue?"}}}
	for _, name := range []string{"chat", "completion", "embedding"} {
		tk, kind := taskOf(t, name)
		payload := string(kind.Synthesise(rand.New(rand.NewPCG(1, 2)), shape, tk).Payload(1))
		if !strings.Contains(payload, "Why is the sky blue?") || strings.Contains(payload, "in verse") != (name == "chat") {
			t.Errorf("%s: %s", name, payload)
		}
	}
}
