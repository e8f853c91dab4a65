package task

import (
	"math/rand/v2"
	"strings"

	"vision/internal/fault"
	"vision/internal/openai"
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
		{name: "modalities", read: unless("this model writes text only", `["text"]`)},
		{name: "audio", read: refused("this model writes text only")},
		{name: "functions", read: refused("use tools")},
		{name: "function_call", read: refused("use tool_choice")},
		{name: "chat_template", read: refused("the model's own template is used")},
		{name: "echo", read: unless("the prompt is not repeated", "false")},
	},
	lastFields,
)...)

func concat(lists ...[]field) (all []field) {
	for _, l := range lists {
		all = append(all, l...)
	}
	return all
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
	f := shape.Draw(r, Chat{}.Name())
	body := []byte(`{"messages":[`)
	for i, turn := range prompt.Turns(r, min(max(f.Turns, 1), maxTurns), promptBytes(f, t)) {
		if i > 0 {
			body = append(body, ',')
		}
		body = append(body, `{"role":"`...)
		body = append(body, turn.Role...)
		body = append(body, `","content":`...)
		body = openai.AppendString(body, turn.Text)
		body = append(body, '}')
	}
	body = append(body, ']')
	body = append(appendSampling(body, f, t), '}')
	return must(chatForm.parse(body, t))
}

const (
	maxTurns = 1024 // messages
	maxParts = 1024 // parts of one message
)

// messages reads the conversation. Every message is written as role, content,
// then its other members sorted; parts of text become one text, with a line
// break between two of them, so that all servers see the same prompt.
func messages(p *parsing, name string, v []byte) error {
	if !openai.IsArray(v) {
		return fault.BadParam(name, "messages is required: an array of at least one message.")
	}
	p.key(name)
	p.out = append(p.out, '[')
	n := 0
	for e := range openai.Elements(v) {
		if n == maxTurns {
			return fault.BadParam(name, "messages has more than %d messages.", maxTurns)
		}
		if n > 0 {
			p.out = append(p.out, ',')
		}
		if err := message(p, n, e); err != nil {
			return err
		}
		n++
	}
	if n == 0 {
		return fault.BadParam(name, "messages is empty: give at least one message.")
	}
	p.out = append(p.out, ']')
	p.r.features.Turns = n
	return nil
}

func message(p *parsing, n int, v []byte) error {
	members, err := openai.ObjectMembers(v, "messages")
	if err != nil {
		return badMessage(n, "must be an object with role and content")
	}
	var role, content []byte
	others := members[:0]
	for _, m := range members {
		switch {
		case m.Name == "role":
			role = m.Value
		case m.Name == "content":
			content = m.Value
		case !openai.IsNull(m.Value):
			others = append(others, m)
		}
	}
	p.out = append(p.out, `{"role":"`...)
	switch string(role) {
	case `"user"`:
		p.out = append(p.out, `user`...)
	case `"assistant"`:
		p.out = append(p.out, `assistant`...)
	case `"system"`, `"developer"`:
		p.out = append(p.out, `system`...)
	case `"tool"`:
		p.out = append(p.out, `tool`...)
	default:
		return badMessage(n, `needs a role: "system", "user", "assistant" or "tool"`)
	}
	p.out = append(p.out, `","content":`...)
	before := len(p.out)
	switch {
	case openai.IsString(content):
		p.out = openai.AppendCanonical(p.out, content)
	case openai.IsArray(content):
		text, err := parts(n, content)
		if err != nil {
			return err
		}
		p.out = openai.AppendString(p.out, text)
	case (content == nil || openai.IsNull(content)) && string(role) == `"assistant"` && len(others) > 0:
		p.out = append(p.out, `null`...)
	default:
		return badMessage(n, "needs a content: a string, or an array of parts")
	}
	p.r.features.PromptBytes += max(len(p.out)-before-2, 0)
	before = len(p.out)
	p.out = openai.AppendSorted(p.out, others)
	p.r.features.PromptBytes += len(p.out) - before
	p.out = append(p.out, '}')
	return nil
}

// parts joins the parts of a message's content.
func parts(n int, v []byte) (string, error) {
	var text strings.Builder
	count := 0
	for e := range openai.Elements(v) {
		if count++; count > maxParts {
			return "", badMessage(n, "has more than %d parts", maxParts)
		}
		members, err := openai.ObjectMembers(e, "messages")
		if err != nil {
			return "", badMessage(n, "has a part that is not an object")
		}
		var kind, value string
		for _, m := range members {
			switch m.Name {
			case "type":
				kind, err = openai.Text(m.Value, "type")
			case "text":
				value, err = openai.Text(m.Value, "text")
			}
			if err != nil {
				return "", badMessage(n, "has a part whose type or text is not a string")
			}
		}
		switch kind {
		case "text":
		case "image_url", "input_audio", "video_url", "file":
			return "", unsupported("messages", "this model reads text only, and message "+itoa(n)+" has a part of type "+kind)
		default:
			return "", badMessage(n, `has a part of an unknown type; use "text"`)
		}
		if count > 1 {
			text.WriteByte('\n')
		}
		text.WriteString(value)
	}
	if count == 0 {
		return "", badMessage(n, "has no parts")
	}
	return text.String(), nil
}

func badMessage(n int, format string, args ...any) error {
	return fault.BadParam("messages", "messages["+itoa(n)+"] "+format+".", args...)
}

func topLogprobs(p *parsing, name string, v []byte) error {
	if string(p.given("logprobs")) != "true" {
		return fault.BadParam(name, "top_logprobs may only be given together with \"logprobs\": true.")
	}
	return whole(0, 20)(p, name, v)
}
