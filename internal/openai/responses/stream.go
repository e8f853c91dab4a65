package responses

import (
	"bytes"
	"strconv"

	"vision/internal/fault"
	"vision/internal/openai"
)

// Stream translates the events of one streamed chat answer. What it keeps is
// the answer so far, which the events that end its items repeat.
type Stream struct {
	output
	next  int64 // sequence number
	begun bool
	open  int    // the item that text is added to; -1: none
	whole []byte // the response, once it has ended well and if it is to be remembered
}

// maxCalls is how many function calls an answer may hold; more are left out.
const maxCalls = 128

// NewStream begins a stream. id is the request's, now in Unix seconds, model as
// responses are to name it.
func (c *Call) NewStream(id string, now int64, model string) *Stream {
	return &Stream{output: newOutput(c, id, now, model), open: -1}
}

// Feed takes whole events of a chat, as openai.Stream gives them, and appends
// what they mean.
func (s *Stream) Feed(dst, p []byte) []byte {
	dst = s.begin(dst)
	for len(p) > 0 {
		line := p
		if i := bytes.IndexByte(p, '\n'); i >= 0 {
			line, p = p[:i], p[i+1:]
		} else {
			p = nil
		}
		if data, ok := bytes.CutPrefix(line, []byte("data: ")); ok && len(data) > 0 && data[0] == '{' {
			dst = s.chunk(dst, data)
		}
	}
	return dst
}

// End appends what ends a stream whose chat is whole.
func (s *Stream) End(dst []byte, usage Usage) []byte {
	dst = s.begin(dst)
	if len(s.items) == 0 { // the model ended at once
		dst = s.add(dst, said, nil)
	}
	status, reason := s.status()
	for i := range s.items {
		dst = s.close(dst, i, s.ended(i, status))
	}
	dst = s.event(dst, "response."+status)
	dst = append(dst, `,"response":`...)
	begun := len(dst)
	dst = s.appendResponse(dst, status, reason, &usage, nil)
	if s.call.Store {
		s.whole = bytes.Clone(dst[begun:])
	}
	return endEvent(dst)
}

// Whole is the response that the stream has given, if Call.Store and once it has
// ended well.
func (s *Stream) Whole() []byte { return s.whole }

// Fail appends what ends a stream that has failed with err.
func (s *Stream) Fail(dst []byte, err error) []byte {
	dst = s.begin(dst)
	e := openai.Shown(err)
	dst = s.event(dst, "error")
	dst = append(dst, `,"code":`...)
	dst = openai.AppendString(dst, e.Code)
	dst = append(dst, `,"message":`...)
	dst = openai.AppendString(dst, e.Message)
	dst = endEvent(append(dst, `,"param":null`...))
	f := failure{"server_error", e.Message}
	if e.Kind == fault.RateLimited {
		f.code = "rate_limit_exceeded"
	}
	dst = s.event(dst, "response.failed")
	dst = append(dst, `,"response":`...)
	dst = s.appendResponse(dst, "failed", "", nil, &f)
	return endEvent(dst)
}

func (s *Stream) begin(dst []byte) []byte {
	if s.begun {
		return dst
	}
	s.begun = true
	for _, name := range []string{"response.created", "response.in_progress"} {
		dst = s.event(dst, name)
		dst = append(dst, `,"response":`...)
		dst = s.appendResponse(dst, "in_progress", "", nil, nil)
		dst = endEvent(dst)
	}
	return dst
}

// event begins an event.
func (s *Stream) event(dst []byte, name string) []byte {
	dst = append(append(dst, "event: "...), name...)
	dst = append(append(dst, "\ndata: {\"type\":\""...), name...)
	dst = append(dst, `","sequence_number":`...)
	dst = strconv.AppendInt(dst, s.next, 10)
	s.next++
	return dst
}

func endEvent(dst []byte) []byte { return append(dst, "}\n\n"...) }

func (s *Stream) chunk(dst, data []byte) []byte {
	for name, v := range openai.AnswerMembers(data) {
		if name != "choices" {
			continue
		}
		for e := range openai.Elements(v) {
			p := readPiece(e, "delta")
			if p.finish != "" {
				s.finish = p.finish
			}
			dst = s.text(dst, thought, p.reasoning, nil)
			dst = s.text(dst, declined, p.refusal, nil)
			dst = s.text(dst, said, p.content, p.logprobs)
			for e := range openai.Elements(p.calls) {
				dst = s.function(dst, readCall(e))
			}
		}
	}
	return dst
}

// text adds to the text that is being said, or begins one of another kind.
func (s *Stream) text(dst []byte, k kind, text, logprobs []byte) []byte {
	if len(text) == 0 {
		return dst
	}
	if s.open < 0 || s.items[s.open].kind != k {
		dst = s.add(dst, k, nil)
	}
	it := &s.items[s.open]
	it.text = append(it.text, text...)
	if len(logprobs) > 0 {
		if len(it.logprobs) > 0 {
			it.logprobs = append(it.logprobs, ',')
		}
		it.logprobs = append(it.logprobs, logprobs...)
	}
	dst = s.about(s.event(dst, textEvents[k]+".delta"), s.open)
	dst = append(dst, `,"content_index":0,"delta":"`...)
	dst = append(append(dst, text...), '"')
	if k == said {
		dst = append(append(append(dst, `,"logprobs":[`...), logprobs...), ']')
	}
	return endEvent(dst)
}

var textEvents = [...]string{said: "response.output_text", declined: "response.refusal", thought: "response.reasoning_text",
	called: "response.function_call_arguments"}

// about appends which item an event is about.
func (s *Stream) about(dst []byte, i int) []byte {
	dst = append(append(dst, `,"item_id":"`...), s.items[i].id...)
	dst = append(dst, `","output_index":`...)
	return strconv.AppendInt(dst, int64(i), 10)
}

// add begins an item, after the text before it, if there is one, has ended.
func (s *Stream) add(dst []byte, k kind, c *callPiece) []byte {
	if s.open >= 0 {
		dst = s.close(dst, s.open, "completed")
		s.open = -1
	}
	i := s.output.add(k)
	it := &s.items[i]
	if c != nil {
		it.nth, it.callID, it.name = c.nth, bytes.Clone(c.id), bytes.Clone(c.name)
	}
	dst = s.event(dst, "response.output_item.added")
	dst = append(dst, `,"output_index":`...)
	dst = strconv.AppendInt(dst, int64(i), 10)
	dst = append(dst, `,"item":`...)
	dst = endEvent(it.appendItem(dst, "in_progress", true))
	if k == called {
		return dst
	}
	s.open = i
	dst = s.about(s.event(dst, "response.content_part.added"), i)
	dst = append(dst, `,"content_index":0,"part":`...)
	return endEvent(it.part(dst))
}

// function adds to a function call, or begins it.
func (s *Stream) function(dst []byte, c callPiece) []byte {
	i, calls := -1, 0
	for j := range s.items {
		if s.items[j].kind != called {
			continue
		}
		if calls++; s.items[j].nth == c.nth {
			i = j
		}
	}
	if i < 0 {
		if calls == maxCalls || len(c.name) == 0 {
			return dst
		}
		i = len(s.items)
		dst = s.add(dst, called, &c)
	}
	if len(c.arguments) == 0 {
		return dst
	}
	it := &s.items[i]
	it.text = append(it.text, c.arguments...)
	dst = s.about(s.event(dst, textEvents[called]+".delta"), i)
	dst = append(append(append(dst, `,"delta":"`...), c.arguments...), '"')
	return endEvent(dst)
}

// close ends an item, unless it has ended.
func (s *Stream) close(dst []byte, i int, status string) []byte {
	it := &s.items[i]
	if it.done {
		return dst
	}
	it.done = true
	dst = s.about(s.event(dst, textEvents[it.kind]+".done"), i)
	switch it.kind {
	case called:
		dst = append(append(append(dst, `,"name":"`...), it.name...), `","arguments":"`...)
	case declined:
		dst = append(dst, `,"content_index":0,"refusal":"`...)
	default:
		dst = append(dst, `,"content_index":0,"text":"`...)
	}
	dst = append(append(dst, it.text...), '"')
	if it.kind == said {
		dst = append(append(append(dst, `,"logprobs":[`...), it.logprobs...), ']')
	}
	dst = endEvent(dst)
	if it.kind != called {
		dst = s.about(s.event(dst, "response.content_part.done"), i)
		dst = append(dst, `,"content_index":0,"part":`...)
		dst = endEvent(it.part(dst))
	}
	dst = s.event(dst, "response.output_item.done")
	dst = append(dst, `,"output_index":`...)
	dst = strconv.AppendInt(dst, int64(i), 10)
	dst = append(dst, `,"item":`...)
	return endEvent(it.appendItem(dst, status, false))
}
