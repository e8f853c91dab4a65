package checker

import (
	"slices"

	"vision/internal/fault"
	"vision/internal/openai"
	"vision/internal/task"
)

// textQuery is a request for text, as the miner saw it, with the answer to it
// that is to be judged.
type textQuery struct {
	chat        bool
	messages    []message // of a chat
	prompt      string    // of a completion
	maxTokens   int
	temperature float64 // 1 if not given
	topP        float64 // (0, 1], 1 if not given
	seed        uint64
	stop        []string
	payload     []byte

	model  *task.Model
	answer *answer
	redraw bool    // the miner samples as the reference does
	keep   bool    // positions are to hold what the reference lists
	noise  float64 // the reference's bound on honest noise, nats
}

// message is one turn of a conversation.
type message struct{ role, content string }

// neutral fields change nothing of the distribution that an answer's tokens
// come from. A payload with any other field, unless it holds a value that
// means nothing, cannot be judged against that distribution.
var neutral = []string{"model", "messages", "prompt", "max_tokens", "stream", "stream_options", "temperature", "top_p",
	"seed", "stop", "return_token_ids", "logprobs", "top_logprobs", "n", "user"}

// meaningless are values of other fields that change nothing.
var meaningless = map[string][]string{
	"presence_penalty":    {"0"},
	"frequency_penalty":   {"0"},
	"repetition_penalty":  {"1"},
	"top_k":               {"0", "-1"},
	"min_p":               {"0"},
	"logit_bias":          {"{}"},
	"tools":               {"[]"},
	"tool_choice":         {`"none"`, `"auto"`}, // without tools
	"parallel_tool_calls": {"true", "false"},
	"response_format":     {`{"type":"text"}`},
}

// readTextQuery reads a payload that we wrote ourselves: what is wrong with it
// is an error, not the miner's.
func readTextQuery(payload []byte, model *task.Model) (*textQuery, error) {
	members, err := openai.Members(payload)
	if err != nil {
		return nil, badSample("its request is not one of ours: %v", err)
	}
	q := &textQuery{temperature: 1, topP: 1, payload: payload, model: model}
	for _, m := range members {
		if !slices.Contains(neutral, m.Name) {
			if !slices.Contains(meaningless[m.Name], string(openai.AppendCanonical(nil, m.Value))) {
				return nil, notCheckable("its field %s changes what a model writes", m.Name)
			}
			continue
		}
		if err := q.read(m); err != nil {
			return nil, err
		}
	}
	if q.maxTokens < 1 || q.chat == (q.prompt != "") {
		return nil, badSample("its request lacks max_tokens, or messages or a prompt")
	}
	return q, nil
}

func (q *textQuery) read(m openai.Member) (err error) {
	var n int64
	switch m.Name {
	case "messages":
		q.chat = true
		q.messages, err = readMessages(m.Value)
	case "prompt":
		q.prompt, err = openai.Text(m.Value, m.Name)
	case "max_tokens":
		n, err = openai.Int(m.Value, m.Name, 1, 1<<31)
		q.maxTokens = int(n)
	case "temperature":
		q.temperature, err = openai.Float(m.Value, m.Name, 0, 2)
	case "top_p":
		if q.topP, err = openai.Float(m.Value, m.Name, 0, 1); q.topP == 0 {
			return notCheckable("its top_p is 0")
		}
	case "seed":
		n, err = openai.Int(m.Value, m.Name, -1<<63, 1<<63-1)
		q.seed = uint64(n)
	case "stop":
		if openai.IsString(m.Value) {
			q.stop = make([]string, 1)
			q.stop[0], err = openai.Text(m.Value, m.Name)
			break
		}
		for e := range openai.Elements(m.Value) {
			s, err := openai.Text(e, m.Name)
			if err != nil {
				return badSample("its stop is not a list of strings")
			}
			q.stop = append(q.stop, s)
		}
	}
	if err != nil && fault.KindOf(err) == fault.Invalid {
		return badSample("its request's %s cannot be read", m.Name)
	}
	return err
}

func readMessages(v []byte) (list []message, err error) {
	for e := range openai.Elements(v) {
		members, err := openai.ObjectMembers(e, "messages")
		if err != nil {
			return nil, err
		}
		var t message
		for _, m := range members {
			switch m.Name {
			case "role":
				t.role, err = openai.Text(m.Value, "role")
			case "content":
				t.content, err = openai.Text(m.Value, "content")
			default:
				return nil, notCheckable("a message has the member %q, which templates treat in their own ways", m.Name)
			}
			if err != nil {
				return nil, notCheckable("a message holds something else than text")
			}
		}
		list = append(list, t)
	}
	return list, nil
}

// badSample is the error for a sample that our own side got wrong.
func badSample(format string, args ...any) error {
	e := fault.New(fault.Invalid, "bad_sample", "The sample cannot be judged: "+format+".", args...)
	return e
}
