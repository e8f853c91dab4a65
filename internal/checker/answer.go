package checker

import (
	"bytes"
	"errors"
	"strings"

	"vision/internal/openai"
)

// answer is what a text answer says, streamed or not.
type answer struct {
	text      []byte // content
	reasoning []byte // what the server put apart from it
	tools     bool   // it calls tools
	ids       []int  // token ids of the answer, in order
	hasIDs    bool   // there are ids, and none of the text came before them
	promptIDs []int
	hasPrompt bool
	finish    string // finish_reason; "" if it never came
	partial   bool   // the customer went away before the end
	usage     int    // completion tokens that the server claims; -1 if it does not say

	idless bool // text came before any ids
}

// maxIDs is the most token ids that an answer or a prompt may hold. It is far
// above any context.
const maxIDs = 1 << 21

// readAnswer reads what a miner sent. An error says what is malformed, for
// people, without quoting any of it. Names count only as written: neither
// another case nor escapes, as everywhere else a stream is looked at.
func readAnswer(body []byte, stream bool) (*answer, error) {
	a := &answer{usage: -1}
	if !stream {
		if err := a.object(body, true); err != nil {
			return nil, err
		}
	} else if err := a.events(body); err != nil {
		return nil, err
	}
	a.hasIDs = len(a.ids) > 0 && !a.idless
	return a, nil
}

// events reads server-sent events. An unfinished last one is dropped, as
// browsers do.
func (a *answer) events(body []byte) error {
	body = bytes.ReplaceAll(body, []byte("\r\n"), []byte("\n"))
	for len(body) > 0 {
		event, rest, whole := bytes.Cut(body, []byte("\n\n"))
		if body = rest; !whole && len(bytes.TrimSpace(event)) == 0 {
			return nil
		}
		var data []byte
		for line := range bytes.SplitSeq(event, []byte("\n")) {
			if field, ok := bytes.CutPrefix(line, []byte("data:")); ok {
				data = append(data, bytes.TrimPrefix(field, []byte(" "))...)
			}
		}
		switch {
		case len(data) == 0: // a comment or another field
		case string(bytes.TrimSpace(data)) == "[DONE]":
			return nil
		case !whole:
			return nil
		default:
			if err := a.object(data, false); err != nil {
				return err
			}
		}
	}
	return nil
}

var (
	errNotJSON   = errors.New("it is not JSON of the right shape")
	errChoices   = errors.New("it has more than one choice")
	errUpstream  = errors.New("it is an error")
	errIDs       = errors.New("its token ids are not a list of numbers")
	errLate      = errors.New("it goes on after its finish_reason")
	errManyIDs   = errors.New("it has too many token ids")
	errTwoShapes = errors.New("its choice has both text and a message")
)

// object reads a chunk or a whole answer.
func (a *answer) object(b []byte, whole bool) error {
	members, err := openai.Members(b)
	if err != nil {
		return errNotJSON
	}
	for _, m := range members {
		switch m.Name {
		case "error":
			if !openai.IsNull(m.Value) {
				return errUpstream
			}
		case "prompt_token_ids":
			if err := a.readPromptIDs(m.Value); err != nil {
				return err
			}
		case "usage":
			a.readUsage(m.Value)
		case "choices":
			n := 0
			for e := range openai.Elements(m.Value) {
				if n++; n > 1 {
					return errChoices
				}
				if err := a.choice(e, whole); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (a *answer) readUsage(v []byte) {
	members, err := openai.ObjectMembers(v, "usage")
	if err != nil {
		return
	}
	for _, m := range members {
		if m.Name == "completion_tokens" {
			if n, err := openai.Int(m.Value, m.Name, 0, maxIDs); err == nil {
				a.usage = int(n)
			}
		}
	}
}

func (a *answer) choice(b []byte, whole bool) error {
	members, err := openai.ObjectMembers(b, "choices")
	if err != nil {
		return errNotJSON
	}
	before := len(a.text) + len(a.reasoning)
	finished := a.finish != ""
	ids, shapes := 0, 0
	for _, m := range members {
		switch m.Name {
		case "text":
			shapes++
			if !openai.IsNull(m.Value) {
				s, err := openai.Text(m.Value, "text")
				if err != nil {
					return errNotJSON
				}
				a.text = append(a.text, s...)
			}
		case "delta", "message":
			if (m.Name == "message") != whole {
				return errNotJSON
			}
			shapes++
			if err := a.delta(m.Value); err != nil {
				return err
			}
		case "token_ids":
			got, err := readIDs(m.Value)
			if err != nil {
				return err
			}
			if ids = len(got); len(a.ids)+ids > maxIDs {
				return errManyIDs
			}
			a.ids = append(a.ids, got...)
		case "prompt_token_ids":
			if err := a.readPromptIDs(m.Value); err != nil {
				return err
			}
		case "finish_reason":
			if !openai.IsNull(m.Value) {
				if a.finish, err = openai.Text(m.Value, "finish_reason"); err != nil {
					return errNotJSON
				}
			}
		}
	}
	if shapes > 1 {
		return errTwoShapes
	}
	wrote := len(a.text)+len(a.reasoning) > before
	if finished && (wrote || ids > 0) {
		return errLate
	}
	if wrote && len(a.ids) == 0 {
		a.idless = true // text later on without ids of its own is what a decoder held back
	}
	return nil
}

func (a *answer) delta(v []byte) error {
	members, err := openai.ObjectMembers(v, "delta")
	if err != nil {
		return errNotJSON
	}
	for _, m := range members {
		if openai.IsNull(m.Value) {
			continue
		}
		switch m.Name {
		case "content":
			s, err := openai.Text(m.Value, m.Name)
			if err != nil {
				return errNotJSON
			}
			a.text = append(a.text, s...)
		case "reasoning", "reasoning_content", "refusal":
			s, err := openai.Text(m.Value, m.Name)
			if err != nil {
				return errNotJSON
			}
			a.reasoning = append(a.reasoning, s...)
		case "tool_calls", "function_call":
			if s := strings.TrimSpace(string(m.Value)); s != "[]" && s != "{}" {
				a.tools = true
			}
		}
	}
	return nil
}

func (a *answer) readPromptIDs(v []byte) error {
	if openai.IsNull(v) {
		return nil
	}
	ids, err := readIDs(v)
	if err != nil {
		return err
	}
	if len(ids) > maxIDs {
		return errManyIDs
	}
	a.promptIDs, a.hasPrompt = ids, true
	return nil
}

// readIDs reads a list of token ids; null is none.
func readIDs(v []byte) (ids []int, err error) {
	if openai.IsNull(v) {
		return nil, nil
	}
	if !openai.IsArray(v) {
		return nil, errIDs
	}
	for e := range openai.Elements(v) {
		n, err := openai.Int(e, "token_ids", 0, 1<<31-1)
		if err != nil {
			return nil, errIDs
		}
		ids = append(ids, int(n))
	}
	return ids, nil
}
