package gateway

import (
	"bytes"
	"time"

	"vision/internal/openai/responses"
	"vision/internal/task"
)

// dialect is another way of asking for what a kind gives: a request is
// translated before the kind reads it, and an answer before the customer sees
// it. Between the two everything is as it is for the kind's own API, whose
// requests have no dialect.
type dialect interface {
	// Named gives an error that the kind found in what was translated the names
	// of fields that the customer knows.
	Named(err error) error
	// Answer translates a whole answer.
	Answer(answer []byte) []byte
	// Events appends what whole events of the kind mean.
	Events(dst, events []byte) []byte
	// End appends what ends a stream that is whole.
	End(dst []byte, work task.Work) []byte
	// Served is told once the answer is recorded, before its end is sent.
	Served(now time.Time)
	// Fail appends what ends a stream that has failed.
	Fail(dst []byte, err error) []byte
}

// responsesPath is where chats are asked by the Responses API.
const responsesPath = "/v1/responses"

// translate gives what the kind is to read for a body: the body itself unless
// its path has a dialect.
func (x *exchange) translate(b *body, t *task.Task) ([]byte, error) {
	if x.event.Path != responsesPath {
		return b.bytes, nil
	}
	call, err := responses.Read(b.bytes, x.past())
	if err != nil {
		return nil, err
	}
	if more := len(call.Chat) - len(b.bytes); more > keptBody && !b.charge(int64(more)) {
		return nil, tooManyLarge()
	}
	x.dialect = &viaResponses{call: call, id: x.id, now: x.arrived.Unix(), model: t.Name}
	chat := call.Chat
	call.Chat = nil // the call lives as long as the answer, and only the kind reads this
	return chat, nil
}

// named gives an error of the kind's the names that the customer knows.
func (x *exchange) named(err error) error {
	if x.dialect == nil {
		return err
	}
	return x.dialect.Named(err)
}

// viaResponses is the Responses API.
type viaResponses struct {
	call   *responses.Call
	id     string
	now    int64 // Unix seconds
	model  string
	events *responses.Stream // nil until it is needed
	answer []byte            // a whole one
}

func (v *viaResponses) stream() *responses.Stream {
	if v.events == nil {
		v.events = v.call.NewStream(v.id, v.now, v.model)
	}
	return v.events
}

func (v *viaResponses) Named(err error) error { return v.call.Fault(err) }

func (v *viaResponses) Answer(answer []byte) []byte {
	v.answer = v.call.Answer(answer, v.id, v.now, v.model)
	return v.answer
}

func (v *viaResponses) Events(dst, events []byte) []byte { return v.stream().Feed(dst, events) }

func (v *viaResponses) End(dst []byte, work task.Work) []byte {
	return v.stream().End(dst, responses.Usage{Prompt: work.Prompt, Completion: work.Units})
}

func (v *viaResponses) Served(now time.Time) {
	switch {
	case !v.call.Store:
	case v.call.Stream:
		v.call.Remember(v.id, v.stream().Whole(), now)
	default:
		v.call.Remember(v.id, bytes.Clone(v.answer), now) // which has room to spare
	}
}

func (v *viaResponses) Fail(dst []byte, err error) []byte { return v.stream().Fail(dst, err) }
