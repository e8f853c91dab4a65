package responses

import (
	"bytes"
	"slices"

	"vision/internal/fault"
	"vision/internal/openai"
)

// turns writes the messages of a chat. An assistant's text and the calls that
// follow it are one message there, and several items here.
type turns struct {
	out     []byte
	n       int
	open    bool   // an assistant's message waits for more calls
	content []byte // its content, as JSON; nil: none
	calls   []byte // its calls, each with a comma before it

	past     Past
	repeated int    // bytes of what is remembered, so far
	keep     bool   // items are kept
	kept     []byte // each with a comma before it
}

// messages writes instructions and input as messages.
func (r *reading) messages() error {
	t := turns{out: r.out, past: r.call.past, keep: r.call.Store}
	if v := r.given["instructions"]; v != nil {
		if !openai.IsString(v) {
			return fault.BadParam("instructions", "instructions must be a string.")
		}
		t.message("system", v)
	}
	if v := r.given["previous_response_id"]; v != nil {
		if err := t.previous(v); err != nil {
			return err
		}
	}
	input := r.given["input"]
	switch {
	case openai.IsString(input):
		t.message("user", input)
		if t.keep {
			t.kept = append(appendMember(append(t.kept, `,{"role":"user"`...), "content", input), '}')
		}
	case openai.IsArray(input):
		i := 0
		for e := range openai.Elements(input) {
			if err := t.item(element("input", i), e); err != nil {
				return err
			}
			i++
		}
		if i == 0 {
			return fault.BadParam("input", "input is empty: give a string or at least one item.")
		}
	default:
		return fault.BadParam("input", "input is required: a string, or an array of items.")
	}
	t.flush()
	r.out = t.out
	r.call.input = bytes.TrimPrefix(t.kept, []byte{','})
	return nil
}

// previous puts a response, and what it answered, before the input.
func (t *turns) previous(v []byte) error {
	const at = "previous_response_id"
	id, err := openai.Text(v, at)
	if err != nil {
		return err
	}
	var k *kept
	if t.past.Recent != nil {
		k = t.past.Recent.find(t.past.Owner, id, t.past.Now)
	}
	switch {
	case k == nil:
		e := fault.BadParam(at, "Previous response with id '%.80s' not found. %s Send the whole conversation in input instead.", id, t.past.why())
		e.Code = NoPrevious
		return e
	case k.input == nil:
		e := fault.BadParam(at, "What the response with id '%.80s' answered was too large to be remembered. Send the whole conversation in input instead.", id)
		e.Code = NoPrevious
		return e
	}
	if err := t.repeat(at, len(k.input)+len(k.object)); err != nil {
		return err
	}
	for e := range openai.Elements(slices.Concat([]byte{'['}, k.input, []byte{']'})) {
		if err := t.item(at, e); err != nil {
			return err
		}
	}
	for _, e := range k.output {
		if err := t.item(at, e); err != nil {
			return err
		}
	}
	return nil
}

// why is why something may not be remembered.
func (p *Past) why() string {
	if p.Recent == nil {
		return "Responses are not remembered here."
	}
	return "Responses are remembered for a while only, by the process that gave them, and not with store: false."
}

// repeat counts what is repeated of the past.
func (t *turns) repeat(at string, size int) error {
	if t.repeated += size; t.repeated > t.past.Most {
		e := fault.New(fault.TooLarge, "request_too_large", "With the responses that it refers to, the request has more than %d bytes.", t.past.Most)
		e.Param = at
		return e
	}
	return nil
}

// reference reads an item in whose place is its id.
func (t *turns) reference(o object) error {
	id, err := openai.Text(o.Given("id"), o.At+".id")
	if err != nil {
		return err
	}
	var v []byte
	if t.past.Recent != nil {
		v = t.past.Recent.item(t.past.Owner, id, t.past.Now)
	}
	if v == nil {
		e := fault.New(fault.NotFound, NoItem,
			"Item with id '%.80s' not found. %s Send the item itself instead; clients do so if told that store is false.", id, t.past.why())
		e.Param = o.At
		return e
	}
	if err := t.repeat(o.At, len(v)); err != nil {
		return err
	}
	return t.item(o.At, v)
}

// begin begins a message of the chat.
func (t *turns) begin(role string) {
	if t.n > 0 {
		t.out = append(t.out, ',')
	}
	t.n++
	t.out = append(t.out, `{"role":"`...)
	t.out = append(t.out, role...)
	t.out = append(t.out, '"')
}

func (t *turns) message(role string, content []byte) {
	t.flush()
	t.begin(role)
	t.out = append(appendMember(t.out, "content", content), '}')
}

// flush ends the assistant's message that is open.
func (t *turns) flush() {
	if !t.open {
		return
	}
	t.begin("assistant")
	if t.content != nil {
		t.out = appendMember(t.out, "content", t.content)
	}
	if t.calls != nil {
		t.out = append(append(append(t.out, `,"tool_calls":[`...), t.calls[1:]...), ']')
	}
	t.out = append(t.out, '}')
	t.open, t.content, t.calls = false, nil, nil
}

func (t *turns) item(at string, v []byte) error {
	o, err := objectAt(at, v)
	if err != nil {
		return err
	}
	kind, err := o.kind()
	if err != nil {
		return err
	}
	if kind == "item_reference" || kind == "" && o.Given("role") == nil && o.Given("id") != nil {
		return t.reference(o)
	}
	if t.keep {
		t.kept = openai.AppendCanonical(append(t.kept, ','), v)
	}
	switch kind {
	case "", "message":
		return t.spoken(o)
	case "function_call":
		return t.call(o)
	case "function_call_output":
		return t.result(o)
	case "reasoning": // was for the model that wrote it; a chat has no place for it
		return nil
	}
	return openai.Unsupported(at+".type", "input may hold items of the types message, function_call, function_call_output and reasoning")
}

// spoken reads an item that is a message.
func (t *turns) spoken(o object) error {
	role, err := openai.Text(o.Given("role"), o.At+".role")
	if err != nil {
		return err
	}
	switch role {
	case "user", "system", "developer", "assistant":
	default:
		return fault.BadParam(o.At+".role", `%s.role must be "user", "assistant", "system" or "developer".`, o.At)
	}
	content, err := contentOf(o.At+".content", o.Given("content"))
	if err != nil {
		return err
	}
	if role != "assistant" {
		t.message(role, content)
		return nil
	}
	t.flush()
	t.open, t.content = true, content
	return nil
}

// call reads a function call that the model made earlier.
func (t *turns) call(o object) error {
	id, err := o.text("call_id")
	if err != nil {
		return err
	}
	name, err := o.text("name")
	if err != nil {
		return err
	}
	arguments, err := o.text("arguments")
	if err != nil {
		return err
	}
	t.open = true
	t.calls = append(t.calls, `,{"type":"function"`...)
	t.calls = appendMember(t.calls, "id", id)
	t.calls = append(t.calls, `,"function":{"name":`...)
	t.calls = openai.AppendCanonical(t.calls, name)
	t.calls = append(appendMember(t.calls, "arguments", arguments), '}', '}')
	return nil
}

// result reads what a function that the model called gave.
func (t *turns) result(o object) error {
	id, err := o.text("call_id")
	if err != nil {
		return err
	}
	content, err := contentOf(o.At+".output", o.Given("output"))
	if err != nil {
		return err
	}
	t.flush()
	t.begin("tool")
	t.out = appendMember(t.out, "tool_call_id", id)
	t.out = append(appendMember(t.out, "content", content), '}')
	return nil
}

// contentOf gives what a chat has for the content of a message, as JSON.
func contentOf(at string, v []byte) ([]byte, error) {
	if openai.IsString(v) {
		return v, nil
	}
	if !openai.IsArray(v) {
		return nil, fault.BadParam(at, "%s must be a string or an array of parts.", at)
	}
	out := []byte{'['}
	i := 0
	for e := range openai.Elements(v) {
		if i > 0 {
			out = append(out, ',')
		}
		var err error
		if out, err = appendPart(out, element(at, i), e); err != nil {
			return nil, err
		}
		i++
	}
	return append(out, ']'), nil
}

func appendPart(out []byte, at string, v []byte) ([]byte, error) {
	o, err := objectAt(at, v)
	if err != nil {
		return nil, err
	}
	kind, err := o.kind()
	if err != nil {
		return nil, err
	}
	switch kind {
	case "input_text", "output_text", "text":
		text, err := o.text("text")
		if err != nil {
			return nil, err
		}
		return append(appendMember(append(out, `{"type":"text"`...), "text", text), '}'), nil
	case "refusal":
		text, err := o.text("refusal")
		if err != nil {
			return nil, err
		}
		return append(appendMember(append(out, `{"type":"refusal"`...), "refusal", text), '}'), nil
	case "input_image":
		if o.Given("file_id") != nil {
			return nil, openai.Unsupported(at+".file_id", "files are not stored; give the picture as image_url, which may be a data: URL")
		}
		url, err := o.text("image_url")
		if err != nil {
			return nil, err
		}
		out = append(out, `{"type":"image_url","image_url":{"url":`...)
		out = openai.AppendCanonical(out, url)
		if detail := o.Given("detail"); detail != nil {
			out = appendMember(out, "detail", detail)
		}
		return append(out, '}', '}'), nil
	}
	return nil, openai.Unsupported(at+".type", "a part may be of the type input_text, input_image, output_text or refusal")
}
