package task

import (
	"encoding/json"
	"strings"

	"vision/internal/fault"
	"vision/internal/openai"
)

const maxTurns = 1024 // messages

// messages reads the conversation. Every message is written as role, content,
// then its other members sorted; parts of text become one text, with a line
// break between two of them, so that all servers see the same prompt. A message
// with pictures keeps its parts.
func messages(p *parsing, name string, v []byte) error {
	if !openai.IsArray(v) {
		return fault.BadParam(name, "messages is required: an array of at least one message.")
	}
	p.key(name)
	p.out = append(p.out, '[')
	p.r.head[0] = len(p.out)
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
	if p.r.head[1] == 0 { // nothing is the user's
		p.r.head[1] = len(p.out)
	}
	p.out = append(p.out, ']')
	p.r.features.Turns = n
	return nil
}

// turn is one message being read.
type turn struct {
	n       int // which one
	role    string
	content []byte
	refusal []byte // what an assistant said instead of a content
	calls   []byte // tool_calls; nil: none
	callID  []byte // tool_call_id
	others  []openai.Member

	pictured bool // the content has pictures
}

func message(p *parsing, n int, v []byte) error {
	members, err := openai.ObjectMembers(v, "messages")
	if err != nil {
		return badMessage(n, "must be an object with role and content")
	}
	t := turn{n: n, others: members[:0]}
	for _, m := range members {
		switch m.Name {
		case "role":
			t.role = roleOf(m.Value)
		case "content":
			t.content = m.Value
		case "refusal":
			t.refusal = m.Value
		case "tool_calls":
			if !openai.IsNull(m.Value) && !isEmpty(m.Value) {
				t.calls = m.Value
			}
		case "tool_call_id":
			t.callID = m.Value
		case "annotations": // of an answer, and of no interest to a model
		default:
			if !openai.IsNull(m.Value) {
				t.others = append(t.others, m)
			}
		}
	}
	if err := t.check(p); err != nil {
		return err
	}
	return t.write(p)
}

// isEmpty says whether a value is an array of nothing, which is as good as none.
func isEmpty(v []byte) bool {
	for range openai.Elements(v) {
		return false
	}
	return openai.IsArray(v)
}

// roleOf is the role that models know for a customer's; "" is none.
func roleOf(v []byte) string {
	switch string(v) {
	case `"user"`:
		return "user"
	case `"assistant"`:
		return "assistant"
	case `"system"`, `"developer"`:
		return "system"
	case `"tool"`:
		return "tool"
	}
	return ""
}

// check finds what does not go with the role, or with the messages before.
func (t *turn) check(p *parsing) error {
	if t.role == "" {
		return badMessage(t.n, `needs a role: "system", "developer", "user", "assistant" or "tool"`)
	}
	if t.calls != nil && t.role != "assistant" {
		return badMessage(t.n, `has tool_calls, which only messages of the role "assistant" have`)
	}
	if t.role != "tool" {
		return t.known()
	}
	id, err := openai.Text(t.callID, "tool_call_id")
	if err != nil || id == "" {
		return badMessage(t.n, "needs a tool_call_id: the id of the call that it answers")
	}
	if !p.calls[id] {
		return badMessage(t.n, "answers a tool_call_id that no message before it has among its tool_calls")
	}
	return t.known()
}

// known checks those of the other members that have a meaning.
func (t *turn) known() error {
	for _, m := range t.others {
		switch m.Name {
		case "name":
			if !openai.IsString(m.Value) {
				return badMessage(t.n, "has a name that is not a string")
			}
		case "function_call":
			return openai.Unsupported("messages", "message "+itoa(t.n)+" has a function_call; use tool_calls")
		case "audio":
			return openai.Unsupported("messages", "message "+itoa(t.n)+" has audio, and this model reads none")
		}
	}
	return nil
}

func (t *turn) write(p *parsing) error {
	p.out = append(p.out, `{"role":"`...)
	p.out = append(p.out, t.role...)
	p.out = append(p.out, `","content":`...)
	content := t.content
	if t.role == "assistant" && (content == nil || openai.IsNull(content)) && openai.IsString(t.refusal) {
		content = t.refusal
	}
	before := len(p.out)
	switch {
	case openai.IsString(content):
		p.out = openai.AppendCanonical(p.out, content)
		p.r.features.PromptBytes += len(p.out) - before - 2
	case openai.IsArray(content):
		if err := t.parts(p, content); err != nil {
			return err
		}
	case (content == nil || openai.IsNull(content)) && t.role == "assistant" && (t.calls != nil || len(t.others) > 0):
		p.out = append(p.out, `null`...)
	default:
		return badMessage(t.n, "needs a content: a string, or an array of parts")
	}
	said := len(p.out) - before - 2
	before = len(p.out)
	p.out = openai.AppendSorted(p.out, t.others)
	if t.calls != nil {
		if err := t.toolCalls(p); err != nil {
			return err
		}
	}
	if t.role == "tool" {
		p.key("tool_call_id")
		p.out = openai.AppendCanonical(p.out, t.callID)
	}
	p.r.features.PromptBytes += len(p.out) - before
	switch {
	case t.calls != nil:
		p.noteMessage('c', max(said-2, 0), len(p.out)-before)
	case t.pictured:
		p.noteMessage('p', said, 0)
	default:
		p.noteMessage(t.role[0], said, 0)
	}
	p.out = append(p.out, '}')
	if t.role == "user" && p.r.head[1] == 0 {
		p.r.head[1] = len(p.out)
	}
	return nil
}

// toolCalls writes the calls that the model made earlier, and remembers their ids.
func (t *turn) toolCalls(p *parsing) error {
	at := "messages[" + itoa(t.n) + "].tool_calls"
	if !openai.IsArray(t.calls) {
		return fault.BadParam(at, "%s must be an array.", at)
	}
	p.key("tool_calls")
	p.out = append(p.out, '[')
	n := 0
	for e := range openai.Elements(t.calls) {
		if n == maxTools {
			return fault.BadParam(at, "%s has more than %d calls.", at, maxTools)
		}
		if n > 0 {
			p.out = append(p.out, ',')
		}
		if err := toolCall(p, at+"["+itoa(n)+"]", e); err != nil {
			return err
		}
		n++
	}
	p.out = append(p.out, ']')
	return nil
}

func toolCall(p *parsing, at string, v []byte) error {
	o, err := membersOf(at, v)
	if err != nil {
		return err
	}
	id, err := openai.Text(o.Given("id"), at+".id")
	if err != nil {
		return err
	}
	if err := o.kind("function"); err != nil {
		return err
	}
	f, err := o.object("function")
	if err != nil {
		return err
	}
	name, err := f.name()
	if err != nil {
		return err
	}
	arguments, err := openai.Text(f.Given("arguments"), f.At+".arguments")
	if err != nil {
		return err
	}
	// Servers read them to write the prompt, and fail where they cannot.
	if text := strings.TrimSpace(arguments); text != "" && (text[0] != '{' || !json.Valid([]byte(text))) {
		return fault.BadParam(f.At+".arguments", "%s.arguments must be a JSON object, written as a string.", f.At)
	}
	if p.calls == nil {
		p.calls = map[string]bool{}
	}
	p.calls[id] = true
	p.out = append(p.out, `{"id":`...)
	p.out = openai.AppendString(p.out, id)
	p.out = append(p.out, `,"type":"function","function":{"name":`...)
	p.out = openai.AppendString(p.out, name)
	p.out = append(p.out, `,"arguments":`...)
	p.out = openai.AppendString(p.out, arguments)
	p.out = append(p.out, '}', '}')
	return nil
}

func badMessage(n int, format string, args ...any) error {
	return fault.BadParam("messages", "messages["+itoa(n)+"] "+format+".", args...)
}
