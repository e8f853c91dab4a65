package task

import (
	"math/rand/v2"

	"vision/internal/fault"
	"vision/internal/prompt"
)

// Chat is the kind of conversations with a language model.
type Chat struct{}

func (Chat) Name() string                                 { return "chat" }
func (Chat) Path() string                                 { return "/v1/chat/completions" }
func (Chat) Unit() Unit                                   { return Token }
func (Chat) Evidence() Evidence                           { return Tokens }
func (Chat) Check(t *Task) []Problem                      { return checkText(t) }
func (Chat) Count(body []byte, req Request) (Work, error) { return countText(body, req) }
func (Chat) Show(body []byte, w Work, req Request, t *Task) ([]byte, error) {
	return showText(body, w, req, t)
}

var chatForm = newForm(concat(
	[]field{
		{name: "model", read: ignored},
		{name: "messages", read: messages, always: true},
	},
	textFields,
	[]field{
		{name: "logprobs", read: boolean},
		{name: "top_logprobs", read: topLogprobs},
		{name: "response_format", read: answerFormat},
		{name: "tools", read: tools},
		{name: "tool_choice", read: withTools(toolChoice)},
		{name: "parallel_tool_calls", read: withTools(boolean)},
		{name: "reasoning_effort", read: text},
		{name: "verbosity", read: text},
		{name: "prediction", read: ignored}, // makes an answer faster where it can be used, and none other
		{name: "modalities", read: unless("this model writes text only", `["text"]`)},
		{name: "audio", read: refused("this model writes text only")},
		{name: "web_search_options", read: refused("nothing is searched; offer a function that does, in tools")},
		{name: "functions", read: refused("use tools")},
		{name: "function_call", read: refused("use tool_choice")},
		{name: "chat_template", read: refused("the model's own template is used")},
		{name: "echo", read: unless("the prompt is not repeated", "false")},
	},
	lastFields,
)...)

func concat[T any](lists ...[]T) (all []T) {
	for _, l := range lists {
		all = append(all, l...)
	}
	return all
}

// Knows says whether a field is one that the kind reads; others are passed on.
func (Chat) Knows(field string) bool { return chatForm.knows(field) }

// Describe implements Kind.
func (Chat) Describe(t *Task) Description {
	return Description{reads(t), onlyText, concat(samplingParameters, []string{"top_logprobs", "response_format", "structured_outputs",
		"tools", "tool_choice", "parallel_tool_calls", "reasoning_effort", "verbosity"})}
}

// Parse reads a chat request. Unknown fields are passed on; null is as good as
// absent.
func (Chat) Parse(body []byte, t *Task) (Request, error) {
	r, err := chatForm.parse(body, t)
	if err != nil {
		return nil, err
	}
	return r, nil
}

// Synthesise makes up a conversation.
func (Chat) Synthesise(r *rand.Rand, shape Shape, t *Task) Request {
	f := shape.Draw(r, t)
	bytes := promptBytes(f, t)
	return either(chatForm, t, func(f Features) []byte {
		tools := f.madeTools(r)
		body := []byte{'{'}
		left := bytes
		if tools != nil {
			left = max(left-len(prompt.AppendTools(nil, tools)), min(left, 64))
		}
		body = appendTurns(body, r, talk(r, shape, f, t, tools, left))
		body = appendSampling(body, f, t)
		return append(appendOptions(body, r, f, t, tools), '}')
	}, f)
}

// Plausible draws a conversation of a few turns.
func (Chat) Plausible(r *rand.Rand) Features {
	return plausibleText(r, Features{
		Stream:      r.IntN(10) < 7,
		Turns:       1 + []int{0, 0, 0, 1, 1, 2, 3, 4, 6}[r.IntN(9)],
		PromptBytes: plausibleLength(r, 40, 2400),
		Output:      []int{64, 100, 128, 200, 256, 400, 512, 1000, 1024}[r.IntN(9)],
	})
}

func topLogprobs(p *parsing, name string, v []byte) error {
	if string(p.given("logprobs")) != "true" {
		return fault.BadParam(name, "top_logprobs may only be given together with \"logprobs\": true.")
	}
	return whole(0, 20)(p, name, v)
}
