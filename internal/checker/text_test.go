package checker

import (
	"bytes"
	"math"
	"slices"
	"strings"
	"testing"

	"vision/internal/fault"
	"vision/internal/outcome"
	"vision/internal/proto"
	"vision/internal/refmodel"
)

// honestChat is an honest answer with its parts.
func honestChat(t testing.TB, body string) (proto.CheckRequest, *answer) {
	t.Helper()
	s := serve(t, stack(refmodel.Full), chatTask, 5, body)
	a, err := readAnswer(s.Sample.Response, s.Sample.Outcome.Stream)
	if err != nil || !a.hasIDs || !a.hasPrompt {
		t.Fatalf("an honest answer: %v, %+v", err, a)
	}
	return s, a
}

const oven = `{"messages":[{"role":"system","content":"Be kind."},{"role":"user","content":"How do I bake bread?"}],"temperature":0,"max_tokens":60,"stream":true`

func TestHonestAnswersOfEveryShapePass(t *testing.T) {
	c := newChecker(t)
	h := stack(refmodel.Full)
	for name, body := range map[string]string{
		"streamed":       oven + `}`,
		"whole":          strings.Replace(oven, `"stream":true`, `"stream":false`, 1) + `}`,
		"long":           strings.Replace(oven, `60`, `400`, 1) + `}`,
		"one token":      strings.Replace(oven, `60`, `1`, 1) + `}`,
		"stop string":    oven + `,"stop":[" the","."]}`,
		"logprobs":       oven + `,"logprobs":true,"top_logprobs":3}`,
		"top_p":          strings.Replace(oven, `"temperature":0`, `"temperature":0.9,"top_p":0.8`, 1) + `}`,
		"hot":            strings.Replace(oven, `"temperature":0`, `"temperature":2`, 1) + `}`,
		"no temperature": strings.Replace(oven, `"temperature":0,`, ``, 1) + `}`,
		"empty tools":    oven + `,"tools":[],"presence_penalty":0}`,
	} {
		s := serve(t, h, chatTask, 1<<62+11, body)
		r := judgeIt(t, c, s)
		if r.Quality != 1 || r.Work == 0 {
			t.Errorf("%s: %+v", name, r)
		}
		s.Spec = proto.Spec{Engine: "sglang"}
		if r := judgeIt(t, c, s); r.Quality != 1 {
			t.Errorf("%s, another engine: %+v", name, r)
		}
	}
	s := serve(t, h, completionTask, 3, `{"prompt":"The tide rises","temperature":0.5,"max_tokens":40,"stream":true}`)
	if r := judgeIt(t, c, s); r.Quality != 1 || r.Work != 40 && r.Work == 0 {
		t.Errorf("completion: %+v", r)
	}
}

// What is wrong with an answer, whatever the model thinks of its words.
func TestAnswersThatNoHonestServerGives(t *testing.T) {
	c := newChecker(t)
	honest, a := honestChat(t, oven+`}`)
	ids, text := a.ids, string(a.text)
	bread := strings.Replace(text, "e", "3", 1)
	for name, x := range map[string]struct {
		test     string
		response []byte
	}{
		"empty":                     {"malformed", nil},
		"not JSON":                  {"malformed", []byte("data: {]\n\n")},
		"an error":                  {"malformed", []byte(`data: {"error":{"message":"no"}}` + "\n\n")},
		"no finish_reason":          {"malformed", bytes.Replace(written(a.promptIDs, ids, text, "length"), []byte(`"length"`), []byte("null"), 1)},
		"other words than ids":      {"text-ids", written(a.promptIDs, ids, bread, a.finish)},
		"too many ids":              {"padded", written(a.promptIDs, append(slices.Clone(ids), ids...), text+text, a.finish)},
		"ids of another prompt":     {"prompt-ids", written(append(slices.Clone(a.promptIDs), 9), ids, text, a.finish)},
		"cut, says length":          {"truncated", written(a.promptIDs, ids[:20], textOf(ids[:20]), "length")},
		"ids outside of vocabulary": {"text-ids", written(a.promptIDs, []int{1 << 30}, text, a.finish)},
		"no ids":                    {"no-ids", written(a.promptIDs, nil, text, a.finish)},
		"a tool call":               {"malformed", bytes.Replace(written(a.promptIDs, ids, text, a.finish), []byte(`{"content"`), []byte(`{"tool_calls":[{"id":"1"}],"content"`), 1)},
		"two choices":               {"malformed", bytes.Replace(written(a.promptIDs, ids, text, a.finish), []byte(`"choices":[`), []byte(`"choices":[{"index":1,"delta":{}},`), 1)},
		"other case":                {"malformed", bytes.Replace(written(a.promptIDs, ids, text, a.finish), []byte(`"finish_reason":"`), []byte(`"Finish_reason":"`), 1)},
	} {
		s := honest
		s.Sample.Response = x.response
		r := judgeIt(t, c, s)
		if r.Quality != 0 || r.Work != 0 || r.Test != x.test {
			t.Errorf("%s: %+v, want quality 0 by %s", name, r, x.test)
		}
		if strings.Contains(r.Detail, "bread") || strings.Contains(r.Detail, text[:10]) {
			t.Errorf("%s: detail tells the text: %q", name, r.Detail)
		}
	}
}

// A customer who went away leaves part of an answer: it is judged as far as it goes.
func TestPartOfAnAnswer(t *testing.T) {
	c := newChecker(t)
	s, a := honestChat(t, oven+`}`)
	events := bytes.SplitAfter(s.Sample.Response, []byte("\n\n"))
	s.Sample.Response = bytes.Join(events[:20], nil)
	s.Sample.Outcome.Status = outcome.Canceled
	if r := judgeIt(t, c, s); r.Quality != 1 || r.Work < 15 || r.Work > int64(len(a.ids)) {
		t.Errorf("%+v", r)
	}
	s.Sample.Outcome.Status = outcome.OK
	if r := judgeIt(t, c, s); r.Quality != 0 {
		t.Errorf("the same, not cancelled: %+v", r)
	}
}

// What cannot be judged is neither guilt nor a pass.
func TestNotCheckable(t *testing.T) {
	c := newChecker(t)
	s, _ := honestChat(t, oven+`}`)
	for _, extra := range []string{`"presence_penalty":1`, `"tools":[{"type":"function"}]`, `"logit_bias":{"5":3}`, `"ignore_eos":true`, `"top_k":40`} {
		bad := s
		bad.Sample.Request = append(slices.Clone(s.Sample.Request[:len(s.Sample.Request)-1]), ","+extra+"}"...)
		if _, err := c.Judge(t.Context(), bad); fault.KindOf(err) != fault.Invalid || !strings.Contains(err.Error(), "cannot be checked") {
			t.Errorf("%s: %v", extra, err)
		}
	}
	bad := s
	bad.Sample.Request = []byte(`{"messages":`)
	if _, err := c.Judge(t.Context(), bad); fault.KindOf(err) != fault.Invalid {
		t.Errorf("half a request: %v", err)
	}
}

func TestQualityFallsWithEvidence(t *testing.T) {
	for e, want := range map[float64]float64{0: 1, 1: 1, 3: 1, 1e4: 0, 1e300: 0, math.Inf(1): 0, math.NaN(): 1} {
		if got := quality(e); got != want {
			t.Errorf("quality(%v) = %v, want %v", e, got, want)
		}
	}
	if q := quality(100); q < 0.5 || q > 0.6 {
		t.Errorf("quality(100) = %v", q)
	}
}

// FuzzJudge: whatever a miner sends, there is a verdict in range or an error of
// the sample's, and no panic (which would be an Internal error).
func FuzzJudge(f *testing.F) {
	honest, a := honestChat(f, strings.Replace(oven, "60", "12", 1)+`}`)
	f.Add(honest.Sample.Response, true)
	f.Add(written(a.promptIDs, a.ids, string(a.text), "stop"), true)
	f.Add([]byte(`{"choices":[{"message":{"content":"x"},"token_ids":[300,7],"finish_reason":"stop"}]}`), false)
	f.Add([]byte("data: {\"choices\":[{\"delta\":{\"content\":\"\\ud800\"},\"token_ids\":[-1]}]}\r\n\r\n"), true)
	c := newChecker(f)
	f.Fuzz(func(t *testing.T, response []byte, stream bool) {
		for _, status := range []outcome.Status{outcome.OK, outcome.Canceled} {
			s := honest
			s.Sample.Response, s.Sample.Outcome.Stream, s.Sample.Outcome.Status = response, stream, status
			r, err := c.Judge(t.Context(), s)
			if err != nil && fault.KindOf(err) != fault.Invalid {
				t.Fatal(err)
			}
			if !(r.Quality >= 0 && r.Quality <= 1) || r.Work > s.Sample.Outcome.Work {
				t.Fatalf("%+v", r)
			}
		}
	})
}
