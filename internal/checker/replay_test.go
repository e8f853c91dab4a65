package checker

import (
	"context"
	"strings"
	"testing"

	"vision/internal/proto"
	"vision/internal/refmodel"
)

// Which tests judge an answer, and so how much each weighs, does not depend on the
// answer: not on where it was broken off, nor on whether it fits into the reference.
func TestTheTestsAreChosenBeforeTheAnswer(t *testing.T) {
	hot := `{"messages":[{"role":"user","content":"Tell me of the sea"}],"max_tokens":200,"stream":true,"temperature":0.9,"logprobs":true}`
	const want, most = "likelihood+replay+logprobs", 1 << 20
	wide := judgedBy(t, "vllm", referenceServer(t).URL, "ref-chat", "vision-ref")
	small := judgedBy(t, "vllm", narrow(t, 48, most, 60), "ref-chat", "vision-ref")
	for name, v := range map[string]refmodel.Variant{"honest": refmodel.Full, "another model": refmodel.Sibling} {
		s := serve(t, stack(v), chatTask, 5, hot)
		for what, r := range map[string]proto.CheckResponse{
			"whole":      judgeIt(t, wide, s),
			"broken off": judgeIt(t, wide, brokenOff(s, len(s.Sample.Response)/2)),
			"too long":   judgeIt(t, small, s),
		} {
			if r.Test != want || (name == "honest") != (r.Quality == 1) {
				t.Errorf("%s, %s: %+v", name, what, r)
			}
			if (what == "too long") != strings.Contains(r.Detail, "only its beginning") {
				t.Errorf("%s, %s: %s", name, what, r.Detail)
			}
		}
	}
}

// counting tells how many tokens its reference was asked to write.
type counting struct {
	Reference
	asked int
}

func (c *counting) Answer(ctx context.Context, q *textQuery) (*answer, error) {
	c.asked = q.maxTokens
	return c.Reference.Answer(ctx, q)
}

// Of an answer that was broken off no more is written again than came, and the end
// of what was written is no parting.
func TestReplayOfABrokenOffAnswer(t *testing.T) {
	b, err := openBuiltin(ReferenceConfig{}, Deps{})
	if err != nil {
		t.Fatal(err)
	}
	_, a := honestChat(t, oven+`}`)
	for _, shows := range []bool{true, false} {
		ref := &counting{Reference: b}
		part := &answer{ids: a.ids[:10], text: []byte(textOf(a.ids[:10])), hasIDs: shows, partial: true}
		q := &textQuery{chat: true, messages: []message{{"user", "How do I start an oven?"}}, maxTokens: 60, model: &chatTask.Model, answer: part}
		own, err := ref.Answer(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		part.ids, part.text = own.ids[:10], []byte(textOf(own.ids[:10]))
		r, err := replay(t.Context(), ref, q)
		if err != nil || r.Parted || r.Same == 0 || ref.asked >= 60 {
			t.Errorf("ids %v: %+v, %v, %d tokens asked for", shows, r, err, ref.asked)
		}
		part.ids[3]++
		part.text[5] ^= 1
		if r, err := replay(t.Context(), ref, q); err != nil || !r.Parted {
			t.Errorf("ids %v, another token: %+v, %v", shows, r, err)
		}
	}
}
