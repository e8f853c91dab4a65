package task

import (
	"bytes"
	"strconv"
	"strings"

	"vision/internal/openai"
)

// What a request has beyond the fields that all have is remembered in
// Features.Options, so that made up requests can have it as often: lengths,
// counts and parameters, and never a word of text. It is a line of
//
//	name=value name=value …
//
// in the order of the kind's form. Values hold digits, letters of fixed words
// and ".,:*-" only:
//
//	m=s120,u48,c9:35,t210,u20   messages: role and bytes; c is a call of tools, its
//	                       content's bytes and its arguments'; p is a user's pictures
//	tools=3:1420           how many, and bytes in all
//	tool_choice=auto       or none, required; function for a named one
//	stop=2:4,7             how many, and the bytes of each
//	response_format=json_schema:350
//	logit_bias=3:-100      how many, and the first one's bias
//	seed=42                up to 6 digits as they are; more as *digits
//	top_k=40               numbers, true and false as they are

// mostOptions is how many bytes Options has at most. What does not fit is left out.
const mostOptions = 240

// mostMessages is how many bytes of them may tell of messages.
const mostMessages = 160

// noter writes what is remembered of a field's value; "" is nothing.
type noter func(v []byte) string

// noters are the fields that are remembered, by name, whatever the kind.
var noters = map[string]noter{
	"top_k": noteNumber, "min_p": noteNumber, "presence_penalty": noteNumber, "frequency_penalty": noteNumber,
	"repetition_penalty": noteNumber, "logprobs": noteNumber, "top_logprobs": noteNumber, "parallel_tool_calls": noteNumber,
	"guidance_scale": noteNumber, "n": noteNumber, "strength": noteNumber, "adapter_strength": noteNumber, "control_strength": noteNumber,
	"stop": noteStop, "logit_bias": noteBias, "response_format": noteFormat, "tools": noteTools, "tool_choice": noteChoice,
	"reasoning_effort": noteWord("none", "minimal", "low", "medium", "high", "xhigh"), "verbosity": noteWord("low", "medium", "high"),
	"seed": noteSeed, "negative_prompt": noteLength,
}

// passedOn are the fields that no kind knows, which are passed on and
// remembered: those of model servers that many send.
var passedOn = map[string]noter{
	"min_tokens": noteNumber, "ignore_eos": noteNumber, "skip_special_tokens": noteNumber, "include_stop_str_in_output": noteNumber,
	"typical_p": noteNumber, "top_a": noteNumber, "repeat_penalty": noteNumber, "length_penalty": noteNumber,
}

// note remembers a field of the request.
func (p *parsing) note(name string, how noter, v []byte) {
	value := how(v)
	if value == "" || len(p.options)+len(name)+len(value)+2 > mostOptions {
		return
	}
	if len(p.options) > 0 {
		p.options = append(p.options, ' ')
	}
	p.options = append(append(append(p.options, name...), '='), value...)
}

// noteMessage remembers a message: its role and its bytes.
func (p *parsing) noteMessage(role byte, content, calls int) {
	if p.unsaid {
		return
	}
	if len(p.options) == 0 {
		p.options = append(p.options, "m="...)
	} else {
		p.options = append(p.options, ',')
	}
	p.options = append(p.options, role)
	p.options = strconv.AppendInt(p.options, int64(content), 10)
	if role == 'c' {
		p.options = append(p.options, ':')
		p.options = strconv.AppendInt(p.options, int64(calls), 10)
	}
	if len(p.options) > mostMessages {
		p.options, p.unsaid = p.options[:0], true
	}
}

func noteNumber(v []byte) string {
	if len(v) > 12 || openai.IsString(v) || openai.IsArray(v) || v[0] == '{' {
		return ""
	}
	return string(v)
}

// noteWord remembers one of some words.
func noteWord(words ...string) noter {
	return func(v []byte) string {
		for _, w := range words {
			if len(v) == len(w)+2 && string(v[1:len(v)-1]) == w {
				return w
			}
		}
		return ""
	}
}

func noteLength(v []byte) string { return strconv.Itoa(max(len(v)-2, 0)) }

func noteStop(v []byte) string {
	if openai.IsString(v) {
		return "1:" + strconv.Itoa(textBytes(v))
	}
	n, lengths := 0, ""
	for e := range openai.Elements(v) {
		if n++; n > 1 {
			lengths += ","
		}
		lengths += strconv.Itoa(textBytes(e))
	}
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n) + ":" + lengths
}

// textBytes is how long a JSON string is once it is read.
func textBytes(v []byte) int {
	s, err := openai.Text(v, "")
	if err != nil {
		return 0
	}
	return len(s)
}

func noteBias(v []byte) string {
	members, err := openai.ObjectMembers(v, "")
	if err != nil || len(members) == 0 {
		return ""
	}
	if first := noteNumber(members[0].Value); first != "" {
		return strconv.Itoa(len(members)) + ":" + first
	}
	return ""
}

func noteFormat(v []byte) string {
	o, err := membersOf("", v)
	if err != nil {
		return ""
	}
	switch string(o.Given("type")) {
	case `"json_schema"`:
		return "json_schema:" + strconv.Itoa(len(v))
	case `"json_object"`:
		return "json_object"
	case `"text"`:
		return "text"
	}
	return ""
}

func noteTools(v []byte) string {
	n := 0
	for range openai.Elements(v) {
		n++
	}
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n) + ":" + strconv.Itoa(len(v))
}

func noteChoice(v []byte) string {
	if v[0] == '{' {
		return "function"
	}
	return noteWord("auto", "none", "required")(v)
}

func noteSeed(v []byte) string {
	if len(bytes.TrimLeft(v, "-0123456789")) > 0 {
		return ""
	}
	if len(v) <= 6 {
		return string(v)
	}
	return "*" + strconv.Itoa(len(v))
}

// Plain says whether a request with these features has nothing but what every
// request of its kind has, so that no server can have a reason to refuse it.
func (f Features) Plain() bool {
	for name := range options(f.Options) {
		if name != "m" {
			return false
		}
	}
	return !strings.ContainsAny(valueOf(f.Options, "m"), "ctp")
}

// options gives the names and values of a line.
func options(line string) func(yield func(name, value string) bool) {
	return func(yield func(name, value string) bool) {
		for pair := range strings.SplitSeq(line, " ") {
			if name, value, ok := strings.Cut(pair, "="); ok && !yield(name, value) {
				return
			}
		}
	}
}

// valueOf is the value of one option, "" if it is not there.
func valueOf(line, name string) string {
	for n, v := range options(line) {
		if n == name {
			return v
		}
	}
	return ""
}
