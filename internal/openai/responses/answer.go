package responses

import (
	"strconv"

	"vision/internal/openai"
)

// Answer gives the response for a whole chat answer that openai.CountAnswer has
// accepted and that shows our usage. id is the request's, now in Unix seconds,
// model as responses are to name it.
func (c *Call) Answer(answer []byte, id string, now int64, model string) []byte {
	o := newOutput(c, id, now, model)
	var usage Usage
	for name, v := range openai.AnswerMembers(answer) {
		switch name {
		case "choices":
			for e := range openai.Elements(v) {
				o.choice(e)
				break
			}
		case "usage":
			usage = readUsage(v)
		}
	}
	status, reason := o.status()
	for i := range o.items {
		o.items[i].done = true
	}
	return o.appendResponse(make([]byte, 0, len(answer)+1024), status, reason, &usage, nil)
}

func (o *output) choice(v []byte) {
	p := readPiece(v, "message")
	o.finish = p.finish
	if len(p.reasoning) > 0 {
		o.items[o.add(thought)].text = p.reasoning
	}
	if len(p.refusal) > 0 {
		o.items[o.add(declined)].text = p.refusal
	}
	if len(p.content) > 0 || len(o.items) == 0 && !openai.IsArray(p.calls) {
		it := &o.items[o.add(said)]
		it.text, it.logprobs = p.content, p.logprobs
	}
	for e := range openai.Elements(p.calls) {
		c := readCall(e)
		it := &o.items[o.add(called)]
		it.callID, it.name, it.text = c.id, c.name, c.arguments
	}
}

func readUsage(v []byte) (u Usage) {
	if len(v) == 0 || v[0] != '{' {
		return u
	}
	for name, n := range openai.AnswerMembers(v) {
		count, err := strconv.ParseInt(string(n), 10, 64)
		switch {
		case err != nil:
		case name == "prompt_tokens":
			u.Prompt = count
		case name == "completion_tokens":
			u.Completion = count
		}
	}
	return u
}

// piece is what one choice of a chunk, or of a whole answer, holds. Texts are the
// insides of JSON strings; nil is none.
type piece struct {
	content, reasoning, refusal []byte
	calls                       []byte // an array, as JSON
	logprobs                    []byte // the inside of an array, as JSON
	finish                      string
}

// readPiece reads a choice whose message is a member of the given name.
func readPiece(choice []byte, message string) (p piece) {
	if len(choice) == 0 || choice[0] != '{' {
		return p
	}
	for name, v := range openai.AnswerMembers(choice) {
		switch name {
		case message:
			p.message(v)
		case "finish_reason":
			p.finish = string(inside(v))
		case "logprobs":
			if len(v) > 0 && v[0] == '{' {
				for name, v := range openai.AnswerMembers(v) {
					if name == "content" && openai.IsArray(v) {
						p.logprobs = v[1 : len(v)-1]
					}
				}
			}
		}
	}
	return p
}

func (p *piece) message(v []byte) {
	if len(v) == 0 || v[0] != '{' {
		return
	}
	for name, v := range openai.AnswerMembers(v) {
		switch name {
		case "content":
			p.content = inside(v)
		case "refusal":
			p.refusal = inside(v)
		case "reasoning", "reasoning_content":
			if t := inside(v); len(t) > 0 && len(p.reasoning) == 0 { // some servers show it by both names
				p.reasoning = t
			}
		case "tool_calls":
			p.calls = v
		}
	}
}

// callPiece is one element of tool_calls.
type callPiece struct {
	nth                 int64
	id, name, arguments []byte
}

func readCall(v []byte) (c callPiece) {
	if len(v) == 0 || v[0] != '{' {
		return c
	}
	for name, v := range openai.AnswerMembers(v) {
		switch {
		case name == "index":
			c.nth, _ = strconv.ParseInt(string(v), 10, 64)
		case name == "id":
			c.id = inside(v)
		case name == "function" && len(v) > 0 && v[0] == '{':
			for name, v := range openai.AnswerMembers(v) {
				switch name {
				case "name":
					c.name = inside(v)
				case "arguments":
					c.arguments = inside(v)
				}
			}
		}
	}
	return c
}

// inside is what is between the quotes of a JSON string; nil for anything else.
func inside(v []byte) []byte {
	if !openai.IsString(v) || len(v) < 2 {
		return nil
	}
	return v[1 : len(v)-1]
}
