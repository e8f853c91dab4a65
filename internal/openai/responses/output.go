package responses

import (
	"strconv"

	"vision/internal/openai"
)

// kind is what an item of output holds.
type kind uint8

const (
	said     kind = iota // text
	declined             // a refusal
	thought              // reasoning
	called               // a function call
)

// item is one item of output. Texts are the insides of JSON strings.
type item struct {
	kind     kind
	id       string
	text     []byte // said so far; of a call, its arguments
	logprobs []byte // elements of an array, with commas between them
	nth      int64  // of a call: which one of the chat's
	callID   []byte
	name     []byte
	done     bool
}

// output is what a response holds.
type output struct {
	call    *Call
	id      string // the request's
	created int64  // Unix seconds
	model   []byte // as JSON
	items   []item
	finish  string // the chat's finish_reason
}

func newOutput(call *Call, id string, created int64, model string) output {
	return output{call: call, id: id, created: created, model: openai.AppendString(nil, model)}
}

var prefixes = [...]string{said: "msg_", declined: "msg_", thought: "rs_", called: "fc_"}

// add begins an item and gives its index.
func (o *output) add(k kind) int {
	n := len(o.items)
	o.items = append(o.items, item{kind: k, id: prefixes[k] + o.id + "_" + strconv.Itoa(n)})
	return n
}

// status is how a response ended, as its finish_reason has it.
func (o *output) status() (status, reason string) {
	switch o.finish {
	case "length":
		return "incomplete", "max_output_tokens"
	case "content_filter":
		return "incomplete", "content_filter"
	}
	return "completed", ""
}

// part appends a content part of an item.
func (it *item) part(dst []byte) []byte {
	switch it.kind {
	case declined:
		dst = append(dst, `{"type":"refusal","refusal":"`...)
		return append(append(dst, it.text...), '"', '}')
	case thought:
		dst = append(dst, `{"type":"reasoning_text","text":"`...)
		return append(append(dst, it.text...), '"', '}')
	}
	dst = append(dst, `{"type":"output_text","annotations":[],"logprobs":[`...)
	dst = append(dst, it.logprobs...)
	dst = append(dst, `],"text":"`...)
	return append(append(dst, it.text...), '"', '}')
}

// appendItem appends an item; empty shows it as it was when it began.
func (it *item) appendItem(dst []byte, status string, empty bool) []byte {
	dst = append(append(append(dst, `{"id":"`...), it.id...), '"')
	if it.kind == called {
		dst = append(dst, `,"type":"function_call","status":"`...)
		dst = append(append(dst, status...), `","arguments":"`...)
		if !empty {
			dst = append(dst, it.text...)
		}
		dst = append(append(dst, `","call_id":"`...), it.callID...)
		dst = append(append(dst, `","name":"`...), it.name...)
		return append(dst, '"', '}')
	}
	if it.kind == thought {
		dst = append(dst, `,"type":"reasoning","summary":[],"status":"`...)
	} else {
		dst = append(dst, `,"type":"message","role":"assistant","status":"`...)
	}
	dst = append(append(dst, status...), `","content":[`...)
	if !empty {
		dst = it.part(dst)
	}
	return append(dst, ']', '}')
}

// Usage is what was counted of a response, in tokens.
type Usage struct {
	Prompt     int64
	Completion int64
}

// failure is why a response failed, as it is shown.
type failure struct{ code, message string }

// appendResponse appends the response object. usage may be nil: not known yet.
func (o *output) appendResponse(dst []byte, status, reason string, usage *Usage, f *failure) []byte {
	shown := func(name, otherwise string) {
		dst = append(append(append(dst, ',', '"'), name...), '"', ':')
		if v, ok := o.call.shown[name]; ok {
			dst = append(dst, v...)
		} else {
			dst = append(dst, otherwise...)
		}
	}
	dst = append(append(dst, `{"id":"`...), idOf(o.id)...)
	dst = append(dst, `","object":"response","created_at":`...)
	dst = strconv.AppendInt(dst, o.created, 10)
	dst = append(append(append(dst, `,"status":"`...), status...), '"')
	dst = append(dst, `,"background":false,"error":`...)
	if f == nil {
		dst = append(dst, `null`...)
	} else {
		dst = append(append(append(dst, `{"code":"`...), f.code...), `","message":`...)
		dst = append(openai.AppendString(dst, f.message), '}')
	}
	dst = append(dst, `,"incomplete_details":`...)
	if reason == "" {
		dst = append(dst, `null`...)
	} else {
		dst = append(append(append(dst, `{"reason":"`...), reason...), '"', '}')
	}
	shown("instructions", "null")
	shown("max_output_tokens", "null")
	dst = append(append(dst, `,"max_tool_calls":null,"model":`...), o.model...)
	dst = append(dst, `,"output":[`...)
	for i := range o.items {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = o.items[i].appendItem(dst, o.ended(i, status), false)
	}
	dst = append(dst, ']')
	shown("parallel_tool_calls", "true")
	shown("previous_response_id", "null")
	shown("prompt_cache_key", "null")
	shown("reasoning", `{"effort":null,"summary":null}`)
	shown("safety_identifier", "null")
	dst = append(dst, `,"service_tier":"default","store":`...)
	dst = strconv.AppendBool(dst, o.call.Store)
	shown("temperature", "1")
	shown("text", `{"format":{"type":"text"}}`)
	shown("tool_choice", `"auto"`)
	shown("tools", "[]")
	shown("top_logprobs", "0")
	shown("top_p", "1")
	dst = append(dst, `,"truncation":"disabled","usage":`...)
	if usage == nil {
		dst = append(dst, `null`...)
	} else {
		dst = usage.appendTo(dst)
	}
	shown("user", "null")
	shown("metadata", "{}")
	return append(dst, '}')
}

// ended is the status of an item of a response with a status. An answer that
// was cut off was cut off in its last item.
func (o *output) ended(i int, status string) string {
	last := i == len(o.items)-1
	switch {
	case status == "completed", status == "incomplete" && !last, status == "failed" && o.items[i].done && !last:
		return "completed"
	case status == "in_progress":
		return "in_progress"
	}
	return "incomplete"
}

// appendTo appends the usage. Tokens of reasoning are counted, but not told apart.
func (u *Usage) appendTo(dst []byte) []byte {
	dst = append(dst, `{"input_tokens":`...)
	dst = strconv.AppendInt(dst, u.Prompt, 10)
	dst = append(dst, `,"input_tokens_details":{"cached_tokens":0},"output_tokens":`...)
	dst = strconv.AppendInt(dst, u.Completion, 10)
	dst = append(dst, `,"output_tokens_details":{"reasoning_tokens":0},"total_tokens":`...)
	dst = strconv.AppendInt(dst, u.Prompt+u.Completion, 10)
	return append(dst, '}')
}
