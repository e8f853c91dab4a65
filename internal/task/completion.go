package task

import (
	"math/rand/v2"
	"strconv"

	"vision/internal/fault"
	"vision/internal/openai"
)

// Completion is the kind of texts continued by a language model.
type Completion struct{}

func (Completion) Name() string                                 { return "completion" }
func (Completion) Path() string                                 { return "/v1/completions" }
func (Completion) Unit() Unit                                   { return Token }
func (Completion) Evidence() Evidence                           { return Tokens }
func (Completion) Check(t *Task) []Problem                      { return checkText(t) }
func (Completion) Count(body []byte, req Request) (Work, error) { return countText(body, req) }
func (Completion) Show(body []byte, w Work, req Request, t *Task) ([]byte, error) {
	return showText(body, w, req, t)
}

var completionForm = newForm(concat(
	[]field{
		{name: "model", read: ignored},
		{name: "prompt", read: textPrompt, always: true},
	},
	textFields,
	[]field{
		{name: "logprobs", read: whole(0, 20)},
		{name: "echo", read: unless("the prompt is not repeated; put it before the answer yourself", "false")},
		{name: "suffix", read: unless("text is continued only, not filled in", `""`)},
	},
	lastFields,
)...)

// Knows says whether a field is one that the kind reads; others are passed on.
func (Completion) Knows(field string) bool { return completionForm.knows(field) }

// Describe implements Kind.
func (Completion) Describe(*Task) Description {
	return Description{onlyText, onlyText, samplingParameters}
}

// Parse reads a completion request. Unknown fields are passed on; null is as
// good as absent.
func (Completion) Parse(body []byte, t *Task) (Request, error) {
	r, err := completionForm.parse(body, t)
	if err != nil {
		return nil, err
	}
	return r, nil
}

// Synthesise makes up a text to be continued.
func (Completion) Synthesise(r *rand.Rand, shape Shape, t *Task) Request {
	f := shape.Draw(r, t)
	text := written(r, shape, t, promptBytes(f, t))
	return either(completionForm, t, func(f Features) []byte {
		body := openai.AppendString([]byte(`{"prompt":`), text)
		body = appendSampling(body, f, t)
		return append(appendOptions(body, r, f, t, nil), '}')
	}, f)
}

// Plausible draws a text, of which some pages are asked for.
func (Completion) Plausible(r *rand.Rand) Features {
	return plausibleText(r, Features{
		Stream:      r.IntN(2) == 0,
		Turns:       1,
		PromptBytes: plausibleLength(r, 40, 1600),
		Output:      []int{16, 32, 64, 100, 128, 256, 512}[r.IntN(7)],
	})
}

// textPrompt reads a prompt: a string, or an array of one.
func textPrompt(p *parsing, name string, v []byte) error {
	if openai.IsArray(v) {
		n := 0
		var only []byte
		for e := range openai.Elements(v) {
			only = e
			n++
		}
		if n != 1 || !openai.IsString(only) {
			return openai.Unsupported(name, "give one prompt, as a string; several, and token ids, are not taken")
		}
		v = only
	}
	if !openai.IsString(v) || len(v) == 2 {
		return fault.BadParam(name, "prompt is required: a string that is not empty.")
	}
	p.key(name)
	before := len(p.out)
	p.out = openai.AppendCanonical(p.out, v)
	p.r.head = [2]int{before, len(p.out) - 1}
	p.r.features.PromptBytes = len(p.out) - before - 2
	p.r.features.Turns = 1
	return nil
}

func itoa(n int) string { return strconv.Itoa(n) }
