package checker

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"vision/internal/checker/evidence"
	"vision/internal/fault"
	"vision/internal/refmodel"
	"vision/internal/task"
)

// What honest servers differ in at an answer's end is no guilt.
func TestAnEndMayBeWrittenInWaysThatDiffer(t *testing.T) {
	ends := &task.Model{EndTokens: []int{2}}
	for _, x := range []struct {
		name, own, text, finish string
		model                   *task.Model
		same                    bool
	}{
		{"the same", "ab", "ab", "stop", ends, true},
		{"a character that was cut is held back", "ab", "ab\uFFFD", "length", ends, true},
		{"and sent", "ab\uFFFD", "ab", "length", ends, true},
		{"another text", "ab", "ac", "length", ends, false},
		{"more text", "ab", "abc", "stop", ends, false},
		{"the end token's text, of a task that names none", "ab", "ab<|im_end|>", "stop", new(task.Model), true},
		{"not at a cut", "ab", "ab<|im_end|>", "length", new(task.Model), false},
		{"much more text", "ab", "ab" + strings.Repeat("c", 65), "stop", new(task.Model), false},
	} {
		q := &textQuery{model: x.model, answer: &answer{text: []byte(x.own), finish: x.finish}}
		if got := sameText(q, x.text); got != x.same {
			t.Errorf("%s: %v, want %v", x.name, got, x.same)
		}
	}
}

// A customer who does not read makes the miner's server put much into one event.
func TestASlowReaderBlamesNobody(t *testing.T) {
	q := &textQuery{maxTokens: 500, answer: &answer{largest: mostIDsAtOnce + 1, finish: "stop", text: []byte("a")}}
	s := serve(t, stack(refmodel.Full), chatTask, 1, oven+`}`)
	one := &sample{task: &chatTask, outcome: &s.Sample.Outcome}
	if _, bad := judgeShape(q, one, Proof{}); !bad {
		t.Error("many ids in one event, and nobody was slow: not guilty")
	}
	s.Sample.Outcome.Blocked = 3 * time.Second
	if v, bad := judgeShape(q, one, Proof{}); bad {
		t.Errorf("the customer was slow: %+v", v)
	}
}

// What an honest server may do once in a while convicts nobody by itself.
func TestSomeGuiltIsNoProof(t *testing.T) {
	for test, proof := range map[string]bool{evidence.PromptIDs: false, evidence.Refused: false, evidence.ManyIDs: false, "text-ids": true} {
		r := new(evidence.Bounds).Weigh(&evidence.Response{Guilt: test})
		if got := r.E >= evidence.Guilty; got != proof {
			t.Errorf("%s: E = %v", test, r.E)
		}
	}
}

// unfit is a reference that can prove nothing of an answer.
type unfit struct{ unable }

func (unfit) Proves() Proof { return Proof{} }

// Where the reference whose turn it is cannot judge an answer, another that
// matches its task does.
func TestAnotherReferenceJudges(t *testing.T) {
	c := newChecker(t)
	s := serve(t, stack(refmodel.Full), chatTask, 1, oven+`}`)
	first := c.able(&s.Task)
	if len(first) != 1 {
		t.Fatalf("%d references match", len(first))
	}
	second := *first[0]
	second.Reference, second.name = unfit{}, "unfit"
	c.references = append(c.references, &second)
	for turn := range 2 {
		s.Turn = turn
		if r, err := c.Judge(t.Context(), s); err != nil || r.Reference != first[0].name {
			t.Errorf("turn %d: %+v, %v", turn, r, err)
		}
	}
	c.references = c.references[1:]
	for i, r := range c.references {
		other := *r
		other.Reference = unfit{}
		c.references[i] = &other
	}
	if _, err := c.Judge(t.Context(), s); fault.KindOf(err) != fault.Invalid {
		t.Errorf("none can judge it: %v", err)
	}
}

// A status that is not about the query is of whoever stands before the server.
func TestWhoStandsBeforeAReferenceBlamesNobody(t *testing.T) {
	forbidden := &refusal{"/tokenize", 403}
	fails, takes := func() error { return forbidden }, func() error { return nil }
	if err := blame(forbidden, fails, takes, takes); err != error(forbidden) {
		t.Errorf("403 is %v", err)
	}
}

func TestTheDayInATemplateIsPinned(t *testing.T) {
	tpl, ok := templateNamed("llama3.1")
	if !ok {
		t.Fatal("no template llama3.1")
	}
	dates := "<|start_header_id|>system<|end_header_id|>\n\nCutting Knowledge Date: December 2023\nToday Date: 26 Jul 2024\n\n"
	rest := "<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n"
	for system, messages := range map[string][]message{
		"":          {{"user", "Hi"}},
		"Be brief.": {{"system", "Be brief."}, {"user", "Hi"}},
	} {
		if got := tpl.Render(messages); got != dates+system+rest {
			t.Errorf("%q", got)
		}
	}
	s := server{dated: true}
	chat, err := s.write([]byte(`{"messages":[]}`), nil)
	if err != nil || fmt.Sprint(chat["chat_template_kwargs"]) != "map[date_string:26 Jul 2024]" {
		t.Errorf("a chat's query is %v, %v", chat, err)
	}
	if text, err := s.write([]byte(`{"prompt":"a"}`), nil); err != nil || text["chat_template_kwargs"] != nil {
		t.Errorf("a completion's query is %v, %v", text, err)
	}
}

// Vectors that the reference cannot be compared with speak against the miner,
// but are no proof: it may be the reference that is set up wrongly.
func TestVectorsOfAnotherSizeAreNoProof(t *testing.T) {
	c := newChecker(t)
	s := serve(t, stack(refmodel.Full), embedTask, 1, `{"input":["a","b"]}`)
	s.Sample.Response = []byte(`{"object":"list","model":"m","data":[{"object":"embedding","index":0,"embedding":[1,0,0]},{"object":"embedding","index":1,"embedding":[0,1,0]}],"usage":{"prompt_tokens":2,"total_tokens":2}}`)
	if r := judgeIt(t, c, s); r.Quality != 0 || r.E >= evidence.Guilty {
		t.Errorf("%+v", r)
	}
}

// A check that had no time left is a timeout; only a caller that left is gone.
func TestATimeoutIsNotTheCallersLeaving(t *testing.T) {
	c := newChecker(t)
	late, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	defer cancel()
	if err := c.explain(late, context.DeadlineExceeded); fault.KindOf(err) != fault.Timeout {
		t.Errorf("late: %v", fault.KindOf(err))
	}
	gone, leave := context.WithCancel(t.Context())
	leave()
	if err := c.explain(gone, context.Canceled); fault.KindOf(err) != fault.Canceled {
		t.Errorf("gone: %v", fault.KindOf(err))
	}
}
