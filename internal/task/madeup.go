package task

import (
	"math/rand/v2"
	"strconv"
	"strings"

	"vision/internal/openai"
	"vision/internal/prompt"
)

// Requests are made up here from Options: the other direction of options.go.

// parts are the messages that options tell of; nil if they tell of none.
func (f Features) parts() []prompt.Part {
	line := valueOf(f.Options, "m")
	if line == "" {
		return nil
	}
	var parts []prompt.Part
	for one := range strings.SplitSeq(line, ",") {
		if one == "" || len(parts) == maxTurns {
			return nil
		}
		size, args, _ := strings.Cut(one[1:], ":")
		p := prompt.Part{}
		p.Bytes, _ = strconv.Atoi(size)
		p.Arguments, _ = strconv.Atoi(args)
		switch one[0] {
		case 's':
			p.Role = "system"
		case 'u', 'p':
			p.Role = "user"
		case 'a':
			p.Role = "assistant"
		case 'c':
			p.Role, p.Calls = "assistant", true
		case 't':
			p.Role = "tool"
		default:
			return nil
		}
		parts = append(parts, p)
	}
	return parts
}

// fitted moves the lengths of parts so that they come to about n bytes.
func fitted(parts []prompt.Part, n int) {
	sum := 0
	for _, p := range parts {
		sum += p.Bytes + p.Arguments
	}
	if sum == 0 {
		return
	}
	scale := float64(n) / float64(sum)
	for i := range parts {
		parts[i].Bytes = int(float64(parts[i].Bytes) * scale)
		parts[i].Arguments = int(float64(parts[i].Arguments) * scale)
	}
}

// talk makes up a conversation: the messages that somebody wrote, if shape has
// such, or made up ones of the lengths of f. The second is how many of them call
// tools or are their results.
func talk(r *rand.Rand, shape Shape, f Features, t *Task, tools []prompt.Tool, bytes int) []prompt.Turn {
	parts := f.parts()
	calls := false
	for _, p := range parts {
		calls = calls || p.Calls || p.Role == "tool"
	}
	if !calls {
		if turns := shape.Written(r, t, max(f.Turns, 1), bytes); turns != nil {
			return turns
		}
	}
	if parts == nil {
		return prompt.Turns(r, min(max(f.Turns, 1), maxTurns), bytes)
	}
	fitted(parts, bytes)
	return prompt.Talk(r, parts, tools)
}

// appendTurns appends the messages of a conversation.
func appendTurns(body []byte, r *rand.Rand, turns []prompt.Turn) []byte {
	body = append(body, `"messages":[`...)
	call := ""
	for i, turn := range turns {
		if i > 0 {
			body = append(body, ',')
		}
		body = append(body, `{"role":"`...)
		body = append(body, turn.Role...)
		body = append(body, `","content":`...)
		switch {
		case turn.Calls != "" && turn.Text == "":
			body = append(body, "null"...)
		default:
			body = openai.AppendString(body, turn.Text)
		}
		if turn.Calls != "" {
			call = callID(r)
			body = append(body, `,"tool_calls":[{"id":"`...)
			body = append(body, call...)
			body = append(body, `","type":"function","function":{"name":`...)
			body = openai.AppendString(body, turn.Calls)
			body = append(body, `,"arguments":`...)
			body = openai.AppendString(body, turn.Arguments)
			body = append(body, `}}]`...)
		}
		if turn.Role == "tool" {
			body = append(body, `,"tool_call_id":"`...)
			body = append(append(body, call...), '"')
		}
		body = append(body, '}')
	}
	return append(body, ']')
}

// callID makes up an id as vLLM and OpenAI's own API make them.
func callID(r *rand.Rand) string {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	id := []byte("call_")
	for range 24 {
		id = append(id, letters[r.IntN(len(letters))])
	}
	return string(id)
}

// madeTools are the tools that options tell of.
func (f Features) madeTools(r *rand.Rand) []prompt.Tool {
	n, bytes := pairOf(valueOf(f.Options, "tools"))
	if n < 1 || n > maxTools {
		return nil
	}
	return prompt.Tools(r, n, min(bytes, 1<<16))
}

// pairOf reads "3:140".
func pairOf(v string) (a, b int) {
	left, right, _ := strings.Cut(v, ":")
	a, _ = strconv.Atoi(left)
	b, _ = strconv.Atoi(right)
	return a, b
}

// appendOptions appends the fields that options tell of, each ",…".
func appendOptions(body []byte, r *rand.Rand, f Features, t *Task, tools []prompt.Tool) []byte {
	for name, value := range options(f.Options) {
		switch name {
		case "m", "n", "negative_prompt":
		case "tools":
			if tools != nil {
				body = append(body, `,"tools":`...)
				body = prompt.AppendTools(body, tools)
			}
		case "tool_choice":
			switch {
			case tools == nil:
			case value == "function":
				body = append(body, `,"tool_choice":{"type":"function","function":{"name":`...)
				body = openai.AppendString(body, tools[r.IntN(len(tools))].Name)
				body = append(body, `}}`...)
			default:
				body = appendWord(body, name, value)
			}
		case "response_format":
			kind, size, _ := strings.Cut(value, ":")
			body = append(body, `,"response_format":{"type":"`...)
			body = append(append(body, kind...), '"')
			if kind == "json_schema" {
				bytes, _ := strconv.Atoi(size)
				body = append(body, `,"json_schema":`...)
				body = prompt.AppendSchema(body, r, min(bytes-46, 1<<16))
			}
			body = append(body, '}')
		case "stop":
			body = appendStops(body, r, value)
		case "logit_bias":
			body = appendBias(body, r, value)
		case "seed":
			body = append(body, `,"seed":`...)
			body = append(body, madeSeed(r, value)...)
		case "reasoning_effort", "verbosity":
			body = appendWord(body, name, value)
		default: // numbers, true and false
			body = append(append(append(body, `,"`...), name...), `":`...)
			body = append(body, value...)
		}
	}
	return body
}

func appendWord(body []byte, name, value string) []byte {
	body = append(append(append(body, `,"`...), name...), `":"`...)
	return append(append(body, value...), '"')
}

func appendStops(body []byte, r *rand.Rand, value string) []byte {
	_, lengths, _ := strings.Cut(value, ":")
	body = append(body, `,"stop":[`...)
	n := 0
	for one := range strings.SplitSeq(lengths, ",") {
		size, err := strconv.Atoi(one)
		if err != nil || n == maxStops {
			continue
		}
		if n++; n > 1 {
			body = append(body, ',')
		}
		body = openai.AppendString(body, prompt.Stop(r, size))
	}
	return append(body, ']')
}

// appendBias appends a logit_bias of as many tokens as value says, of ids that
// every vocabulary has.
func appendBias(body []byte, r *rand.Rand, value string) []byte {
	left, bias, _ := strings.Cut(value, ":")
	n, _ := strconv.Atoi(left)
	body = append(body, `,"logit_bias":{`...)
	for i, id := range r.Perm(1000)[:min(max(n, 0), 300)] {
		if i > 0 {
			body = append(body, ',')
		}
		body = append(body, '"')
		body = strconv.AppendInt(body, int64(id+200), 10)
		body = append(append(body, `":`...), bias...)
	}
	return append(body, '}')
}

// madeSeed is a customer's own seed: short ones as they were, long ones with as
// many digits.
func madeSeed(r *rand.Rand, value string) string {
	digits, long := strings.CutPrefix(value, "*")
	if !long {
		return value
	}
	n, _ := strconv.Atoi(digits)
	n = min(max(n, 1), 18)
	seed := []byte{'1' + byte(r.IntN(9))}
	for len(seed) < n {
		seed = append(seed, '0'+byte(r.IntN(10)))
	}
	return string(seed)
}

// either gives the request with options, or, should they not be valid together
// (they come from what was stored, under other rules perhaps), the one without.
func either(form *form, t *Task, body func(f Features) []byte, f Features) Request {
	if r, err := form.parse(body(f), t); err == nil {
		return r
	}
	f.Options = ""
	return must(form.parse(body(f), t))
}
