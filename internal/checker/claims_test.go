package checker

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"vision/internal/refmodel"
)

// A stream whose tokens come all at once is one that was made before, unless
// the miner declares that it speculates.
func TestManyIDsAtOnceMustBeDeclared(t *testing.T) {
	c := newChecker(t)
	s, a := honestChat(t, strings.Replace(oven, "60", "80", 1)+`}`)
	if len(a.ids) <= mostIDsAtOnce {
		t.Fatalf("the answer has only %d tokens", len(a.ids))
	}
	p, _ := json.Marshal(a.promptIDs)
	k, _ := json.Marshal(a.ids)
	text, _ := json.Marshal(string(a.text))
	s.Sample.Response = fmt.Appendf(nil, `data: {"id":"x","prompt_token_ids":%s,"choices":[{"index":0,"delta":{"content":%s},"token_ids":%s,"finish_reason":%q}]}`+"\n\ndata: [DONE]\n\n", p, text, k, a.finish)
	if r := judgeIt(t, c, s); r.Quality != 0 || r.Test != "many-ids" {
		t.Errorf("undeclared: %+v", r)
	}
	s.Spec.Speculative = true
	if r := judgeIt(t, c, s); r.Quality != 1 {
		t.Errorf("declared: %+v", r)
	}
}

// Log-probabilities that a miner returns may only incriminate it: true ones
// earn nothing, those of another model tell on it, those that
// cannot be read count no more than if they fitted.
func TestLogprobsOnlyIncriminate(t *testing.T) {
	c := newChecker(t)
	for _, kind := range []struct{ body, task, unreadable string }{
		{oven + `,"logprobs":true}`, "chat", "prefill-t0+logprobs"},
		{`{"prompt":"The tide rises","temperature":0,"max_tokens":40,"stream":true,"logprobs":1}`, "completion", "prefill-t0"},
	} {
		tk := chatTask
		if kind.task == "completion" {
			tk = completionTask
		}
		silent := judgeIt(t, c, serve(t, stack(refmodel.Full), tk, 5, strings.NewReplacer(`,"logprobs":true`, ``, `,"logprobs":1`, ``).Replace(kind.body)))
		s := serve(t, stack(refmodel.Full), tk, 5, kind.body)
		honest := judgeIt(t, c, s)
		if honest.Test != "prefill-t0+logprobs" || honest.Quality != 1 {
			t.Errorf("%s, honest: %+v", kind.task, honest)
		}
		if honest.E < 0.79*silent.E {
			t.Errorf("%s: true log-probabilities take evidence from %v to %v", kind.task, silent.E, honest.E)
		}
		other := s
		other.Sample.Response = bytes.ReplaceAll(s.Sample.Response, []byte(`"logprob":-`), []byte(`"logprob":-1`))
		other.Sample.Response = bytes.ReplaceAll(other.Sample.Response, []byte(`"token_logprobs":[-`), []byte(`"token_logprobs":[-1`))
		if r := judgeIt(t, c, other); r.E < 1e3 {
			t.Errorf("%s, made-up log-probabilities: %+v", kind.task, r)
		}
		broken := s
		broken.Sample.Response = bytes.ReplaceAll(s.Sample.Response, []byte(`"logprob":-`), []byte(`"logprob":"x","was":-`))
		broken.Sample.Response = bytes.ReplaceAll(broken.Sample.Response, []byte(`"token_logprobs":[-`), []byte(`"token_logprobs":["x",-`))
		if r := judgeIt(t, c, broken); r.Quality != 1 || r.Test != kind.unreadable || r.E > honest.E {
			t.Errorf("%s, unreadable: %+v", kind.task, r)
		}
	}
}
