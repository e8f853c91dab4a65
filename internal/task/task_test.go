package task

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"vision/internal/fault"
	"vision/internal/prompt"
)

// tasks has a good task of each kind.
func tasks() []Task {
	base := Task{Weight: 1, Capacity: 1000, Typical: 10,
		Timeouts: Timeouts{time.Second, time.Second, time.Minute}, Speed: Speed{0, 1, 1}}
	with := func(name, kind string, l Limits, m Model) Task {
		t := base
		t.Name, t.Kind, t.Limits, t.Model = name, kind, l, m
		return t
	}
	return []Task{
		with("chatty", "chat", Limits{Output: 256}, Model{Context: 2048, SeedBits: 32}),
		with("complete", "completion", Limits{Output: 256}, Model{SeedBits: 16}),
		with("painter", "text-to-image", Limits{Steps: 30, Images: 4, Sizes: []string{"64x64", "128x64"}}, Model{SeedBits: 32}),
		with("vectors", "embedding", Limits{Items: 8, Dimensions: 4}, Model{Images: true}),
		with("edit", "image-to-image", Limits{Steps: 30, Images: 4, Sizes: []string{"64x64", "128x64"}}, Model{SeedBits: 32}),
		with("fill", "inpaint", Limits{Steps: 30, Images: 4, Sizes: []string{"64x64", "128x64"}}, Model{SeedBits: 32}),
		with("enlarge", "upscale", Limits{Scale: 2, Pixels: 128 * 128}, Model{SeedBits: 32}),
		with("face", "avatar", Limits{Steps: 30, Images: 4, Sizes: []string{"64x64", "128x64"}}, Model{SeedBits: 32}),
	}
}

func taskOf(t testing.TB, kind string) (*Task, Kind) {
	t.Helper()
	for _, tk := range tasks() {
		if tk.Kind == kind {
			k, ok := KindNamed(kind)
			if !ok {
				t.Fatalf("no kind %q", kind)
			}
			return &tk, k
		}
	}
	t.Fatalf("no task of kind %q: add one to tasks", kind)
	return nil, nil
}

func TestCatalogueFindsEveryMistake(t *testing.T) {
	if problems := Check(tasks()); len(problems) > 0 {
		t.Fatalf("good tasks have problems: %v", problems)
	}
	tests := []struct {
		field string
		spoil func([]Task)
	}{
		{"name", func(ts []Task) { ts[0].Name = "Not A Name" }},
		{"name", func(ts []Task) { ts[1].Name = ts[0].Name }},
		{"kind", func(ts []Task) { ts[0].Kind = "telepathy" }},
		{"weight", func(ts []Task) { ts[0].Weight = math.NaN() }},
		{"capacity", func(ts []Task) { ts[0].Capacity = 0 }},
		{"typical", func(ts []Task) { ts[0].Typical = 5000 }},
		{"timeouts.first", func(ts []Task) { ts[0].Timeouts.First = time.Hour }},
		{"speed.mean", func(ts []Task) { ts[0].Speed.Mean = 0 }},
		{"model.seed_bits", func(ts []Task) { ts[0].Model.SeedBits = 64 }},
		{"limits.output", func(ts []Task) { ts[0].Limits.Output = 0 }},
		{"limits.output", func(ts []Task) { ts[0].Limits.Output = 4096 }},
		{"limits.steps", func(ts []Task) { ts[2].Limits.Steps = 0 }},
		{"limits.images", func(ts []Task) { ts[2].Limits.Images = 0 }},
		{"limits.sizes", func(ts []Task) { ts[2].Limits.Sizes = nil }},
		{"limits.sizes", func(ts []Task) { ts[2].Limits.Sizes = []string{"64by64"} }},
		{"limits.items", func(ts []Task) { ts[3].Limits.Items = 0 }},
	}
	for _, tt := range tests {
		ts := tasks()
		tt.spoil(ts)
		problems := Check(ts)
		if len(problems) == 0 || problems[0].Field != tt.field {
			t.Errorf("spoiled %s: found %v", tt.field, problems)
		}
		if _, err := NewCatalogue(ts); err == nil {
			t.Errorf("spoiled %s: NewCatalogue takes it", tt.field)
		}
	}
	c, err := NewCatalogue(tasks())
	if err != nil {
		t.Fatal(err)
	}
	if got, ok := c.Lookup("painter"); !ok || got.Weight != 0.125 {
		t.Errorf("painter: %+v, %v", got, ok)
	}
}

// TestPayload shows what miners see of what customers write.
func TestPayload(t *testing.T) {
	const hi = `"messages":[{"role":"user","content":"hi"}]`
	chat := func(rest string) string {
		return `{"model":"chatty","messages":[{"role":"user","content":"hi"}],` + rest + `,"seed":7,"return_token_ids":true}`
	}
	tests := []struct {
		kind, in, want string
		work           int64
	}{
		{"chat", `{` + hi + `,"max_tokens":5}`, chat(`"max_tokens":5,"stream":false,"temperature":1,"top_p":1`), 5},
		{"chat", ` { "max_completion_tokens" : 9 , "stream":true,"model":"whatever",
			` + hi + ` } `, chat(`"max_tokens":9,"stream":true,"stream_options":{"include_usage":true},"temperature":1,"top_p":1`), 9},
		{"chat", `{` + hi + `,"stream":true,"max_tokens":5,"stream_options":{"include_usage":false},"return_token_ids":false}`, chat(`"max_tokens":5,"stream":true,"stream_options":{"include_usage":true},"temperature":1,"top_p":1`), 5},
		{"chat", `{` + hi + `,"top_p":0.50,"temperature":7e-1,"max_tokens":5,"stop":["\u0041\/",  "b"],"n":1,"tools":null}`, chat(`"max_tokens":5,"stream":false,"temperature":0.7,"top_p":0.5,"stop":["A/","b"]`), 5},
		{"chat", `{` + hi + `,"max_tokens":5,"zeta":[1, 2],"alpha":{"b": "\u00e9"},"user":"me","metadata":{}}`,
			`{"model":"chatty","messages":[{"role":"user","content":"hi"}],"max_tokens":5,"stream":false,"temperature":1,"top_p":1,"seed":7,"return_token_ids":true,"alpha":{"b":"é"},"zeta":[1,2]}`, 5},
		{"chat", `{"messages":[{"content":"be \"good\"","role":"developer"},{"role":"user","content":[{"type":"text","text":"a"},{"text":"b\n","type":"text"}]},
			{"role":"assistant","tool_calls":[{"index":0,"function":{"arguments":"{}","name":"f"},"id":"1","type":"function"}],"content":null,"name":null},{"tool_call_id":"1","role":"tool","content":""}],"max_tokens":5}`,
			`{"model":"chatty","messages":[{"role":"system","content":"be \"good\""},{"role":"user","content":"a\nb\n"},{"role":"assistant","content":null,"tool_calls":[{"id":"1","type":"function","function":{"name":"f","arguments":"{}"}}]},{"role":"tool","content":"","tool_call_id":"1"}],"max_tokens":5,"stream":false,"temperature":1,"top_p":1,"seed":7,"return_token_ids":true}`, 5},
		{"chat", `{` + hi + `,"logprobs":true,"top_logprobs":3,"response_format":{"type":"json_object"},"tools":[{"type":"function","function":{"name":"f"}}],"tool_choice":"auto","max_tokens":5}`,
			chat(`"max_tokens":5,"stream":false,"temperature":1,"top_p":1,"logprobs":true,"top_logprobs":3,"response_format":{"type":"json_object"},"tools":[{"type":"function","function":{"name":"f"}}],"tool_choice":"auto"`), 5},
		{"chat", `{` + hi + `,"max_tokens":5,"tools":[],"tool_choice":"auto","parallel_tool_calls":true}`, chat(`"max_tokens":5,"stream":false,"temperature":1,"top_p":1`), 5},
		{"chat", `{` + hi + `,"max_tokens":5,"parallel_tool_calls":false,"tool_choice":{"type":"function","function":{"name":"f"}},"tools":[{"function":{"strict":true,"name":"f","description":"d","parameters":{"type":"object"}},"type":"function"}]}`,
			chat(`"max_tokens":5,"stream":false,"temperature":1,"top_p":1,"tools":[{"function":{"strict":true,"name":"f","description":"d","parameters":{"type":"object"}},"type":"function"}],"tool_choice":{"type":"function","function":{"name":"f"}},"parallel_tool_calls":false`), 5},
		{"chat", `{` + hi + `,"max_tokens":5,"logit_bias":{"50256":-100},"response_format":{"type":"json_schema","json_schema":{"name":"n","schema":{},"strict":null}}}`,
			chat(`"max_tokens":5,"stream":false,"temperature":1,"top_p":1,"logit_bias":{"50256":-100},"response_format":{"type":"json_schema","json_schema":{"name":"n","schema":{},"strict":null}}`), 5},
		{"chat", `{` + hi + `}`, chat(`"max_tokens":256,"stream":false,"temperature":1,"top_p":1`), 256},
		{"completion", `{"prompt":["once"],"echo":false,"max_tokens":3,"logprobs":2}`, `{"model":"complete","prompt":"once","max_tokens":3,"stream":false,"temperature":1,"top_p":1,"logprobs":2,"seed":7,"return_token_ids":true}`, 3},
		{"text-to-image", `{"prompt":"a cat"}`, `{"model":"painter","prompt":"a cat","n":1,"size":"64x64","num_inference_steps":30,"response_format":"b64_json","seed":7}`, 30},
		{"text-to-image", `{"steps":4,"n":2,"size":"128x64","prompt":"a cat","guidance":3.5,"negative_prompt":"dog","response_format":"b64_json"}`, `{"model":"painter","prompt":"a cat","negative_prompt":"dog","n":2,"size":"128x64","num_inference_steps":4,"guidance_scale":3.5,"response_format":"b64_json","seed":7}`, 8},
		{"embedding", `{"input":"a"}`, `{"model":"vectors","input":["a"],"encoding_format":"float"}`, 1},
		{"embedding", `{"input":["a","b"],"encoding_format":"base64"}`, `{"model":"vectors","input":["a","b"],"encoding_format":"float"}`, 2},
	}
	for _, tt := range tests {
		tk, kind := taskOf(t, tt.kind)
		r, err := kind.Parse([]byte(tt.in), tk)
		if err != nil {
			t.Errorf("%s: %v", tt.in, err)
			continue
		}
		if got := string(r.Payload(7)); got != tt.want || r.Work() != tt.work {
			t.Errorf("%s\ngives %s (work %d)\nwant  %s (work %d)", tt.in, got, r.Work(), tt.want, tt.work)
		}
	}
}

func TestWants(t *testing.T) {
	tk, kind := taskOf(t, "chat")
	r, err := kind.Parse([]byte(`{"messages":[{"role":"user","content":"hello"},{"role":"user","content":"you"}],"stream":true,"stream_options":{"include_usage":true},"return_token_ids":true,"seed":-1,"temperature":0.5,"max_tokens":9}`), tk)
	if err != nil {
		t.Fatal(err)
	}
	if r.Wants() != (Wants{Usage: true, TokenIDs: true}) || !r.Stream() {
		t.Errorf("wants %+v", r.Wants())
	}
	if seed, ok := r.Seed(); !ok || seed != math.MaxUint32 {
		t.Errorf("seed %d %v, want it cut to 32 bits", seed, ok)
	}
	if f := r.Features(); f != (Features{Stream: true, Turns: 2, PromptBytes: 8, Output: 9, Temperature: 0.5, TopP: -1, Task: tk.Name, Options: "m=u5,u3 seed=-1"}) {
		t.Errorf("features %+v", f)
	}
}

// TestRefusals says which field is named for what a customer did wrong.
func TestRefusals(t *testing.T) {
	const hi = `"messages":[{"role":"user","content":"hi"}]`
	tests := []struct{ kind, in, param string }{
		{"chat", ``, ""},
		{"chat", `[]`, ""},
		{"chat", `{` + hi + `}x`, ""},
		{"chat", "{\"a\":\"\xff\"}", ""},
		{"chat", `{` + hi + `,"x":` + strings.Repeat("[", 70) + strings.Repeat("]", 70) + `}`, ""},
		{"chat", `{"temperature":1,"temperature":1,` + hi + `}`, "temperature"},
		{"chat", `{}`, "messages"},
		{"chat", `{"messages":[]}`, "messages"},
		{"chat", `{"messages":"hi"}`, "messages"},
		{"chat", `{"messages":["hi"]}`, "messages"},
		{"chat", `{"messages":[{"role":"king","content":"hi"}]}`, "messages"},
		{"chat", `{"messages":[{"role":"user"}]}`, "messages"},
		{"chat", `{"messages":[{"role":"user","content":1}]}`, "messages"},
		{"chat", `{"messages":[{"role":"user","content":[]}]}`, "messages"},
		{"chat", `{"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"x"}}]}]}`, "messages"},
		{"chat", `{` + hi + `,"max_tokens":0}`, "max_tokens"},
		{"chat", `{` + hi + `,"max_tokens":257}`, "max_tokens"},
		{"chat", `{` + hi + `,"max_tokens":"5"}`, "max_tokens"},
		{"chat", `{` + hi + `,"max_completion_tokens":1.5}`, "max_completion_tokens"},
		{"chat", `{` + hi + `,"temperature":2.1}`, "temperature"},
		{"chat", `{` + hi + `,"temperature":"1"}`, "temperature"},
		{"chat", `{` + hi + `,"top_p":-0.1}`, "top_p"},
		{"chat", `{` + hi + `,"top_p":0}`, "top_p"},
		{"chat", `{` + hi + `,"stream":1}`, "stream"},
		{"chat", `{` + hi + `,"stream_options":{"include_usage":true}}`, "stream_options"},
		{"chat", `{` + hi + `,"n":17}`, "n"},
		{"chat", `{` + hi + `,"n":0}`, "n"},
		{"chat", `{` + hi + `,"stop":[1]}`, "stop"},
		{"chat", `{` + hi + `,"stop":{}}`, "stop"},
		{"chat", `{` + hi + `,"tools":{}}`, "tools"},
		{"chat", `{` + hi + `,"tools":[1]}`, "tools[0]"},
		{"chat", `{` + hi + `,"tools":[{"type":"function"}]}`, "tools[0].function"},
		{"chat", `{` + hi + `,"tools":[{"function":{"name":"f"}}]}`, "tools[0].type"},
		{"chat", `{` + hi + `,"tools":[{"type":"custom","custom":{"name":"f"}}]}`, "tools[0].type"},
		{"chat", `{` + hi + `,"tools":[{"type":"function","function":{"name":"f"}},{"type":"function","function":{"name":"a b"}}]}`, "tools[1].function.name"},
		{"chat", `{` + hi + `,"tools":[{"type":"function","function":{}}]}`, "tools[0].function.name"},
		{"chat", `{` + hi + `,"tools":[{"type":"function","function":{"name":""}}]}`, "tools[0].function.name"},
		{"chat", `{` + hi + `,"tools":[{"type":"function","function":{"name":"f","parameters":"{}"}}]}`, "tools[0].function.parameters"},
		{"chat", `{` + hi + `,"tools":[` + strings.Repeat(`{"type":"function","function":{"name":"f"}},`, 128) + `{"type":"function","function":{"name":"f"}}]}`, "tools"},
		{"chat", `{` + hi + `,"tool_choice":"required"}`, "tool_choice"},
		{"chat", `{` + hi + `,"tool_choice":"always"}`, "tool_choice"},
		{"chat", `{` + hi + `,"tool_choice":7}`, "tool_choice"},
		{"chat", `{` + hi + `,"tool_choice":{"type":"function"}}`, "tool_choice.function"},
		{"chat", `{` + hi + `,"tool_choice":{"type":"allowed_tools"}}`, "tool_choice.type"},
		{"chat", `{` + hi + `,"tools":[{"type":"function","function":{"name":"f"}}],"tool_choice":{"type":"function","function":{"name":"g"}}}`, "tool_choice.function.name"},
		{"chat", `{` + hi + `,"response_format":"json"}`, "response_format"},
		{"chat", `{` + hi + `,"response_format":{}}`, "response_format.type"},
		{"chat", `{` + hi + `,"response_format":{"type":"grammar"}}`, "response_format.type"},
		{"chat", `{` + hi + `,"response_format":{"type":"json_schema"}}`, "response_format.json_schema"},
		{"chat", `{` + hi + `,"response_format":{"type":"json_schema","json_schema":{"name":"n"}}}`, "response_format.json_schema.schema"},
		{"chat", `{` + hi + `,"response_format":{"type":"json_schema","json_schema":{"schema":{}}}}`, "response_format.json_schema.name"},
		{"chat", `{` + hi + `,"logit_bias":{"the":1}}`, "logit_bias"},
		{"chat", `{` + hi + `,"logit_bias":{"5":101}}`, "logit_bias"},
		{"chat", `{` + hi + `,"top_logprobs":3}`, "top_logprobs"},
		{"chat", `{` + hi + `,"logprobs":true,"top_logprobs":21}`, "top_logprobs"},
		{"chat", `{` + hi + `,"logit_bias":[]}`, "logit_bias"},
		{"chat", `{` + hi + `,"seed":"x"}`, "seed"},
		{"chat", `{` + hi + `,"return_token_ids":1}`, "return_token_ids"},
		{"chat", `{"messages":[{"role":"user","content":"` + strings.Repeat("long ", 4000) + `"}]}`, "messages"},
		{"completion", `{}`, "prompt"},
		{"completion", `{"prompt":""}`, "prompt"},
		{"completion", `{"prompt":["a","b"]}`, "prompt"},
		{"completion", `{"prompt":[1,2]}`, "prompt"},
		{"completion", `{"prompt":"a","echo":true}`, "echo"},
		{"completion", `{"prompt":"a","suffix":"b"}`, "suffix"},
		{"completion", `{"prompt":"a","best_of":3}`, "best_of"},
		{"text-to-image", `{}`, "prompt"},
		{"text-to-image", `{"prompt":"a","n":5}`, "n"},
		{"text-to-image", `{"prompt":"a","size":"65x65"}`, "size"},
		{"text-to-image", `{"prompt":"a","steps":31}`, "steps"},
		{"text-to-image", `{"prompt":"a","num_inference_steps":0}`, "num_inference_steps"},
		{"text-to-image", `{"prompt":"a","response_format":"url"}`, "response_format"},
		{"text-to-image", `{"prompt":"a","stream":true}`, "stream"},
		{"embedding", `{}`, "input"},
		{"embedding", `{"input":[]}`, "input"},
		{"embedding", `{"input":[1,2]}`, "input"},
		{"embedding", `{"input":[""]}`, "input"},
		{"embedding", `{"input":["1","2","3","4","5","6","7","8","9"]}`, "input"},
		{"embedding", `{"input":"a","dimensions":9}`, "dimensions"},
		{"embedding", `{"input":"a","encoding_format":"int8"}`, "encoding_format"},
	}
	for _, tt := range tests {
		tk, kind := taskOf(t, tt.kind)
		r, err := kind.Parse([]byte(tt.in), tk)
		var e *fault.Error
		if r != nil || !errors.As(err, &e) || e.Kind != fault.Invalid || e.Param != tt.param || e.Message == "" {
			t.Errorf("%s %.80s: %v (%+v), want a mistake in %q", tt.kind, tt.in, err, e, tt.param)
		}
	}
}

type features Features

func (f features) Draw(*rand.Rand, *Task) Features                   { return Features(f) }
func (f features) Written(*rand.Rand, *Task, int, int) []prompt.Turn { return nil }

// TestSynthesise draws any features, and wants requests that are valid, follow
// them, and have the form of customers' requests.
func TestSynthesise(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		f := Features{
			Stream: rapid.Bool().Draw(rt, "stream"), Turns: rapid.IntRange(-1, 12).Draw(rt, "turns"),
			PromptBytes: rapid.IntRange(-1, 5000).Draw(rt, "bytes"), Output: rapid.IntRange(-1, 400).Draw(rt, "output"),
			Temperature: rapid.Float64Range(-1, 2).Draw(rt, "temperature"), TopP: rapid.Float64Range(-1, 1).Draw(rt, "top_p"),
			Size: rapid.SampledFrom([]string{"", "64x64", "128x64", "1x1"}).Draw(rt, "size"),
		}
		seed := rapid.Uint64().Draw(rt, "seed")
		for _, kind := range Kinds() {
			if slices.ContainsFunc([]Kind{ImageToImage{}, Inpaint{}, Upscale{}, Avatar{}}, func(k Kind) bool { return k == kind }) && seed%16 > 0 {
				continue // these take long to make up
			}
			tk, _ := taskOf(t, kind.Name())
			tk.Model.Images = tk.Model.Images && seed%16 == 0
			r := kind.Synthesise(rand.New(rand.NewPCG(seed, 1)), features(f), tk)
			again := kind.Synthesise(rand.New(rand.NewPCG(seed, 1)), features(f), tk)
			p := r.Payload(3)
			if !json.Valid(p) || !bytes.Equal(p, again.Payload(3)) {
				rt.Fatalf("%s: %s", kind.Name(), p)
			}
			// As a customer it would be read again with the same result.
			back, err := kind.Parse(p, tk)
			if err != nil {
				rt.Fatalf("%s: %v: %s", kind.Name(), err, p)
			}
			if !bytes.Equal(back.Payload(3), p) {
				rt.Fatalf("%s: %s\nbecomes %s", kind.Name(), p, back.Payload(3))
			}
			got := r.Features()
			if kind.Unit() == Token {
				if got.Stream != f.Stream || got.Output != min(max(f.Output, 1), 256) || math.Abs(max(f.TopP, -1)-got.TopP) > 1 {
					rt.Fatalf("%s: asked %+v, got %+v", kind.Name(), f, got)
				}
			}
			if r.Work() < 1 || got.PromptBytes < 1 && kind.Name() != "upscale" && kind.Name() != "embedding" {
				rt.Fatalf("%s: work %d, features %+v", kind.Name(), r.Work(), got)
			}
			if _, ok := r.Seed(); ok {
				rt.Fatal("a made up request has a seed of its own")
			}
		}
	})
}

func parsed(t testing.TB, kind, body string) (Request, *Task, Kind) {
	t.Helper()
	tk, k := taskOf(t, kind)
	r, err := k.Parse([]byte(body), tk)
	if err != nil {
		t.Fatal(err)
	}
	return r, tk, k
}

func codeOf(err error) string {
	var e *fault.Error
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

// FuzzParse checks that whatever is accepted becomes a payload that is valid
// and, read again, stays the same.
func FuzzParse(f *testing.F) {
	f.Add(uint8(0), []byte(`{"messages":[{"role":"user","content":"hi"}],"stream":true,"x":"\ud800"}`))
	f.Add(uint8(1), []byte(`{"prompt":["\u00e9"],"temperature":1e-3,"stop":["a"]}`))
	f.Add(uint8(2), []byte(`{"prompt":"cat","size":"64x64","steps":3,"seed":-5}`))
	f.Add(uint8(3), []byte(`{"input":["a","b"],"encoding_format":"base64"}`))
	given := "data:image/png;base64," + pictureOf(64, 64, false)
	f.Add(uint8(3), []byte(`{"input":["a",{"type":"image_url","image_url":{"url":"`+given+`"}}],"dimensions":3}`))
	f.Add(uint8(4), []byte(`{"prompt":"a","image":["`+given+`"],"strength":0.5}`))
	f.Add(uint8(5), []byte(`{"prompt":"a","images":[{"image_url":"`+given+`"}],"mask":"https://x/y"}`))
	f.Add(uint8(6), []byte(`{"image":"`+given+`","size":"128x128"}`))
	f.Add(uint8(7), []byte(`{"prompt":"a","image":"`+given+`","adapter_strength":0.5,"control_strength":1,"size":"auto"}`))
	f.Add(uint8(0), []byte(`{"messages":[{"role":"user","content":[{"type":"text","text":"a"},{"type":"image_url","image_url":{"url":"`+given+`","detail":"low"}}]},
		{"role":"assistant","refusal":"no","tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":" {} "}}]},{"role":"tool","tool_call_id":"c","content":"1"}],"reasoning_effort":"low"}`))
	f.Fuzz(func(t *testing.T, which uint8, in []byte) {
		kind := Kinds()[int(which)%len(Kinds())]
		tk, _ := taskOf(t, kind.Name())
		tk.Model.Images = tk.Model.Images || kind == Kind(Chat{})
		r, err := kind.Parse(in, tk)
		if err != nil {
			if fault.KindOf(err) != fault.Invalid {
				t.Fatal(err)
			}
			return
		}
		if r.(Linked).Links() != nil {
			return // it will be read again, without them
		}
		p := r.Payload(3)
		var v map[string]any
		if err := json.Unmarshal(p, &v); err != nil {
			t.Fatalf("%v: %s", err, p)
		}
		back, err := kind.Parse(p, tk)
		if err != nil {
			t.Fatalf("%v: %s", err, p)
		}
		if again := back.Payload(3); !bytes.Equal(p, again) || back.Work() != r.Work() {
			t.Fatalf("%s\nbecomes %s", p, again)
		}
	})
}

func BenchmarkParseAndPayload(b *testing.B) {
	tk, kind := taskOf(b, "chat")
	body := []byte(`{"model":"chatty","messages":[{"role":"system","content":"You are helpful."},{"role":"user","content":"` +
		strings.Repeat("The quick brown fox jumps. ", 32) + `"}],"temperature":0.7,"max_tokens":128,"stream":true}`)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		r, err := kind.Parse(body, tk)
		if err != nil {
			b.Fatal(err)
		}
		r.Payload(1)
	}
}
