package responses

import (
	"bytes"
	"errors"
	"strings"
	"time"

	"vision/internal/fault"
	"vision/internal/openai"
)

// Call is one request to the Responses API.
type Call struct {
	// Chat is the body of a chat request that asks for the same.
	Chat []byte
	// Stream says whether events were asked for.
	Stream bool
	// Store says whether the response is to be remembered.
	Store bool

	past  Past
	input []byte            // items, with commas between, for whoever goes on from the response
	shown map[string][]byte // members of the request that responses show again
}

// reading is a request being translated.
type reading struct {
	call  *Call
	given map[string][]byte // members that are not null
	out   []byte            // the chat body
}

// field is what becomes of one member of a request.
type field func(r *reading, name string, v []byte) error

// fields are all that the Responses API has. What is not named here goes on to
// the chat request as it is: the servers' own fields, and seed.
var fields = map[string]field{
	"model":                  same,
	"input":                  done,
	"instructions":           done,
	"stream":                 stream,
	"max_output_tokens":      renamed("max_completion_tokens"),
	"temperature":            same,
	"top_p":                  same,
	"parallel_tool_calls":    same,
	"tools":                  tools,
	"tool_choice":            toolChoice,
	"text":                   text,
	"reasoning":              reasoning,
	"include":                include,
	"top_logprobs":           done,
	"truncation":             only(`"disabled"`, "shorten the input instead; nothing of it is left out"),
	"background":             only("false", "wait for the response, or have it streamed"),
	"previous_response_id":   done,
	"conversation":           refused("conversations are not stored; send the whole conversation in input"),
	"prompt":                 refused("prompt templates are not stored; send instructions and input"),
	"context_management":     refused("nothing is left out of the input"),
	"store":                  done,
	"metadata":               ignored(isObject, "an object"),
	"user":                   ignored(openai.IsString, "a string"),
	"safety_identifier":      ignored(openai.IsString, "a string"),
	"prompt_cache_key":       ignored(openai.IsString, "a string"),
	"prompt_cache_retention": ignored(openai.IsString, "a string"),
	"prompt_cache_options":   ignored(isObject, "an object"),
	"service_tier":           ignored(openai.IsString, "a string"),
	"stream_options":         ignored(isObject, "an object"),
	"moderation":             ignored(isObject, "an object"),
	"access_programs":        ignored(isObject, "an object"),
	"max_tool_calls":         done,                                  // of hosted tools, which there are none of
	"n":                      only("1", "ask once for each answer"), // of chats, whose several choices no response can hold

	// Of chat requests; here they would be read as something else than was meant.
	"messages":              mistaken("input"),
	"max_tokens":            mistaken("max_output_tokens"),
	"max_completion_tokens": mistaken("max_output_tokens"),
	"response_format":       mistaken("text.format"),
	"logprobs":              mistaken("include"),
	"reasoning_effort":      mistaken("reasoning.effort"),
	"verbosity":             mistaken("text.verbosity"),
	"functions":             mistaken("tools"),
	"function_call":         mistaken("tool_choice"),
}

// again are the members that responses show as they were asked.
var again = []string{"instructions", "max_output_tokens", "temperature", "top_p", "parallel_tool_calls", "tools",
	"tool_choice", "text", "reasoning", "metadata", "user", "safety_identifier", "prompt_cache_key", "top_logprobs", "previous_response_id"}

// Read translates a request's body, with what it refers to of the past. What
// only a chat request's reader finds wrong with it is told by Fault.
func Read(body []byte, past Past) (*Call, error) {
	members, err := openai.Members(body)
	if err != nil {
		return nil, err
	}
	r := &reading{call: &Call{past: past, shown: map[string][]byte{}}, given: make(map[string][]byte, len(members))}
	for _, m := range members {
		if !openai.IsNull(m.Value) {
			r.given[m.Name] = m.Value
		}
	}
	r.out = make([]byte, 0, len(body)+256)
	r.out = append(r.out, `{"messages":[`...)
	if err := r.store(); err != nil {
		return nil, err
	}
	if err := r.messages(); err != nil {
		return nil, err
	}
	r.out = append(r.out, ']')
	for _, m := range members { // in their order, so that the first mistake is named
		if openai.IsNull(m.Value) {
			continue
		}
		read, known := fields[m.Name]
		if !known {
			r.out = append(r.out, ',')
			r.out = openai.AppendString(r.out, m.Name)
			r.out = append(r.out, ':')
			r.out = openai.AppendCanonical(r.out, m.Value)
			continue
		}
		if err := read(r, m.Name, m.Value); err != nil {
			return nil, err
		}
	}
	for _, name := range again {
		if v := r.given[name]; v != nil {
			r.call.shown[name] = openai.AppendCanonical(nil, v)
		}
	}
	r.call.Chat = append(r.out, '}')
	return r.call, nil
}

// store reads whether the response is to be remembered, which it is unless the
// request says otherwise.
func (r *reading) store() (err error) {
	stored := true
	if v := r.given["store"]; v != nil {
		stored, err = openai.Bool(v, "store")
	}
	r.call.Store = stored && r.call.past.Recent != nil
	return err
}

// Remember remembers what a request with this id was answered.
func (c *Call) Remember(id string, response []byte, now time.Time) {
	if c.Store {
		c.past.Recent.put(c.past.Owner, idOf(id), response, c.input, now)
	}
}

// What becomes of members.

func done(*reading, string, []byte) error { return nil }

func same(r *reading, name string, v []byte) error {
	r.out = appendMember(r.out, name, v)
	return nil
}

func renamed(to string) field {
	return func(r *reading, _ string, v []byte) error { return same(r, to, v) }
}

func refused(hint string) field {
	return func(_ *reading, name string, _ []byte) error { return openai.Unsupported(name, hint) }
}

func only(allowed, hint string) field {
	return func(_ *reading, name string, v []byte) error {
		if string(v) != allowed {
			return openai.Unsupported(name, hint)
		}
		return nil
	}
}

func ignored(fits func([]byte) bool, want string) field {
	return func(_ *reading, name string, v []byte) error {
		if !fits(v) {
			return fault.BadParam(name, "%s must be %s.", name, want)
		}
		return nil
	}
}

func mistaken(want string) field {
	return func(_ *reading, name string, _ []byte) error {
		e := fault.BadParam(name, "%s is not a field of the Responses API: use %s.", name, want)
		e.Code = "unknown_parameter"
		return e
	}
}

func isObject(v []byte) bool { return len(v) > 0 && v[0] == '{' }

func stream(r *reading, name string, v []byte) (err error) {
	if r.call.Stream, err = openai.Bool(v, name); err != nil {
		return err
	}
	return same(r, name, v)
}

// reasoning gives the effort to the model. Summaries are not made: the
// reasoning itself is shown, where a model shows it.
func reasoning(r *reading, name string, v []byte) error {
	o, err := objectAt(name, v)
	if err != nil {
		return err
	}
	if o.Given("effort") == nil {
		return nil
	}
	effort, err := o.text("effort")
	if err != nil {
		return err
	}
	return same(r, "reasoning_effort", effort)
}

const wantLogprobs = "message.output_text.logprobs"

// include names what else is to be shown. Only log-probabilities can be; what
// is said of hosted tools and stored reasoning means nothing here.
func include(r *reading, name string, v []byte) error {
	if !openai.IsArray(v) {
		return fault.BadParam(name, "include must be an array of strings.")
	}
	for e := range openai.Elements(v) {
		what, err := openai.Text(e, name)
		if err != nil {
			return err
		}
		if what == wantLogprobs && !bytes.Contains(r.out, []byte(`,"logprobs":true`)) {
			r.out = append(r.out, `,"logprobs":true`...)
			if n := r.given["top_logprobs"]; n != nil {
				r.out = appendMember(r.out, "top_logprobs", n)
			}
		}
	}
	return nil
}

// names are those of chat requests' fields as the Responses API has them.
var names = map[string]string{
	"messages": "input", "max_completion_tokens": "max_output_tokens", "max_tokens": "max_output_tokens",
	"reasoning_effort": "reasoning.effort", "verbosity": "text.verbosity",
}

// Fault gives an error that a chat request's reader has found in Call.Chat the
// names that the caller knows.
func (c *Call) Fault(err error) error {
	var e *fault.Error
	if !errors.As(err, &e) || e.Param == "" {
		return err
	}
	param := e.Param
	head, rest, _ := strings.Cut(param, ".")
	switch {
	case strings.HasPrefix(head, "messages["): // of the chat, whose numbers are others
		param = "input"
	case names[head] != "":
		param = names[head]
	case head == "response_format":
		rest = strings.TrimPrefix(strings.TrimPrefix(rest, "json_schema"), ".")
		param = strings.TrimSuffix("text.format."+rest, ".")
	case strings.HasPrefix(head, "tools[") || head == "tool_choice":
		param = strings.TrimSuffix(head+"."+strings.TrimPrefix(strings.TrimPrefix(rest, "function"), "."), ".")
	}
	if param == e.Param {
		return err
	}
	told := *e
	told.Message = strings.ReplaceAll(e.Message, e.Param, param)
	told.Param = param
	return &told
}
