package checker

import (
	"bytes"
	"errors"

	"vision/internal/openai"
)

// answer is what a text answer says, streamed or not.
type answer struct {
	text      []byte     // content
	reasoning []byte     // what the server put apart from it
	tools     bool       // it calls tools
	ids       []int      // token ids of the answer, in order
	hasIDs    bool       // there are ids, and none of the text came before them
	largest   int        // most ids of one event of a stream; 0 for a whole answer
	claimed   []*float64 // log-probability of each token as the miner gives it, nil for one that it gives none of
	promptIDs []int
	hasPrompt bool
	finish    string // finish_reason; "" if it never came
	partial   bool   // the customer went away before the end
	unended   error  // why a stream is not whole; nil for one that is

	idless bool // text came before any ids
	stream bool // it is being read from events
}

// cut says that what there is may end within a word of the model's: the customer
// went away, and no finish_reason tells that all had come.
func (a *answer) cut() bool { return a.partial && a.finish == "" }

// maxIDs is the most token ids that an answer or a prompt may hold. It is far
// above any context.
const maxIDs = 1 << 21

// readAnswer reads what a miner sent, as far as the relay accepts it: its own
// translator goes over it first. An error says what is malformed, for people,
// without quoting any of it.
func readAnswer(body []byte, stream bool) (*answer, error) {
	a := &answer{}
	if !stream {
		if _, err := openai.CountAnswer(body, openai.Bounds{}); err != nil {
			return nil, err
		}
		if err := a.object(body); err != nil {
			return nil, err
		}
	} else if err := a.events(body); err != nil {
		return nil, err
	}
	a.hasIDs = len(a.ids) > 0 && !a.idless
	return a, nil
}

// mostEvent is the most bytes of one event that validators pass on.
const mostEvent = 1 << 20

// events reads server-sent events as they were passed on: what the relay drops
// from a stream is not looked at here, and what it refuses is malformed.
func (a *answer) events(body []byte) error {
	a.stream = true
	stream := openai.NewStream(openai.Options{Limit: mostEvent, TokenIDs: true})
	passed, err := stream.Feed(nil, body)
	if err != nil {
		return err
	}
	a.unended = stream.End()
	for event := range bytes.SplitSeq(passed, []byte("\n\n")) { // one line each
		if data, ok := bytes.CutPrefix(event, []byte("data: ")); ok {
			if err := a.object(data); err != nil {
				return err
			}
		}
	}
	return nil
}

var (
	errNotJSON = errors.New("it is not JSON of the right shape")
	errIDs     = errors.New("its token ids are not a list of numbers")
	errManyIDs = errors.New("it has too many token ids")
)

// object reads a chunk or a whole answer, of which the relay has made sure that
// it has one choice at most, and each name that matters once.
func (a *answer) object(b []byte) (err error) {
	for name, v := range openai.AnswerMembers(b) {
		switch name {
		case "prompt_token_ids":
			err = a.readPromptIDs(v)
		case "choices":
			for e := range openai.Elements(v) {
				err = errors.Join(err, a.choice(e))
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (a *answer) choice(b []byte) (err error) {
	before := len(a.text) + len(a.reasoning)
	for name, v := range openai.AnswerMembers(b) {
		switch name {
		case "text":
			err = appendText(&a.text, v)
		case "delta", "message":
			err = a.delta(v)
		case "token_ids":
			var ids []int
			if ids, err = readIDs(v); err == nil && len(a.ids)+len(ids) > maxIDs {
				err = errManyIDs
			}
			a.ids = append(a.ids, ids...)
			if a.stream {
				a.largest = max(a.largest, len(ids))
			}
		case "logprobs":
			a.readClaimed(v)
		case "prompt_token_ids":
			err = a.readPromptIDs(v)
		case "finish_reason":
			if !openai.IsNull(v) {
				a.finish, err = openai.Text(v, name)
			}
		}
		if err != nil {
			return err
		}
	}
	if len(a.text)+len(a.reasoning) > before && len(a.ids) == 0 {
		a.idless = true // text later on without ids of its own is what a decoder held back
	}
	return nil
}

func (a *answer) delta(b []byte) (err error) {
	for name, v := range openai.AnswerMembers(b) {
		switch name {
		case "content":
			err = appendText(&a.text, v)
		case "reasoning", "reasoning_content", "refusal":
			err = appendText(&a.reasoning, v)
		case "tool_calls", "function_call":
			if s := string(openai.AppendCanonical(nil, v)); s != "[]" && s != "{}" && s != "null" {
				a.tools = true
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// appendText appends a string; null is none.
func appendText(to *[]byte, v []byte) error {
	if openai.IsNull(v) {
		return nil
	}
	s, err := openai.Text(v, "text")
	if err != nil {
		return errNotJSON
	}
	*to = append(*to, s...)
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

// readClaimed reads the log-probabilities that a miner gives of its tokens, of
// a chat or in the older form. They are evidence only against it: what cannot be
// read is left out, and then those of the whole answer are.
func (a *answer) readClaimed(v []byte) {
	for name, list := range openai.AnswerMembers(v) {
		switch {
		case !openai.IsArray(list):
		case name == "content":
			for e := range openai.Elements(list) {
				var own *float64
				for name, x := range openai.AnswerMembers(e) {
					if name == "logprob" {
						own = claimedNumber(x)
					}
				}
				a.claimed = append(a.claimed, own)
			}
		case name == "token_logprobs":
			for e := range openai.Elements(list) {
				a.claimed = append(a.claimed, claimedNumber(e))
			}
		}
	}
}

// claimedNumber is a log-probability; nil if it is none.
func claimedNumber(v []byte) *float64 {
	x, err := openai.Float(v, "logprob", -1e4, 0.01)
	if err != nil {
		return nil
	}
	return &x
}
