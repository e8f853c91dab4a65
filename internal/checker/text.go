package checker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"vision/internal/checker/evidence"
	"vision/internal/outcome"
)

// judgeText judges chats and completions by all that assess finds.
func judgeText(ctx context.Context, ref Reference, s *sample) (verdict, error) {
	a, err := assess(ctx, ref, s)
	if err != nil {
		return verdict{}, err
	}
	if a.Guilt != "" {
		v := guilty(a.Guilt, "%s", a.detail)
		v.e = s.bounds.Weigh(&a.Response).E
		return v, nil
	}
	now, prompt := s.wrote(&a.Response)
	r := s.bounds.Weigh(&a.Response, s.copied(&a.Response, now, prompt)...)
	if r.Test == evidence.Untested {
		return verdict{}, notCheckable("the reference tells nothing of how likely it is, at temperature %v", a.Temperature)
	}
	v := verdict{e: r.E, test: r.Test, detail: r.Detail, quality: quality(r.E), copy: s.coincidence(&a.Response, now, prompt)}
	if a.detail != "" {
		v.detail += "; " + a.detail
	}
	if v.quality > 0 {
		v.work = a.work
	}
	return v, nil
}

// assessment is what there is to be weighed of an answer.
type assessment struct {
	evidence.Response
	detail string // for people: what is wrong, if Guilt is set
	work   int64  // units, if it is not guilty
}

// convicted is the assessment of an answer that is wrong in a way no honest server is.
func (a *assessment) convicted(v verdict) *assessment {
	a.Guilt, a.detail, a.Positions, a.Replay = v.test, v.detail, nil, nil
	return a
}

// assess asks the reference about a chat or completion. First what needs no
// model: an answer that is whole, as long as its finish_reason says, made of the
// ids that it shows. Then what the strongest test needs that the reference allows.
func assess(ctx context.Context, ref Reference, s *sample) (*assessment, error) {
	q, err := readTextQuery(s.request, &s.task.Model)
	if err != nil {
		return nil, err
	}
	proof := ref.Proves()
	q.noise = proof.Noise
	q.redraw = proof.Redraw && q.temperature > 0 && sameSampler(proof, s)
	out := &assessment{Response: evidence.Response{Temperature: q.temperature, TopP: q.topP, MaxTokens: q.maxTokens, Redraw: q.redraw}}
	a, err := readAnswer(s.response, s.outcome.Stream)
	if err != nil {
		return out.convicted(guilty("malformed", "%v", err)), nil
	}
	q.answer, out.Finish = a, a.finish
	a.partial = s.outcome.Status == outcome.Canceled
	if v, bad := judgeShape(q, s, proof); bad {
		return out.convicted(v), nil
	}
	if len(a.text) == 0 && len(a.ids) == 0 {
		if a.partial {
			return nil, notCheckable("nothing of it came")
		}
		return out.convicted(guilty("malformed", "it is empty")), nil
	}
	if !proof.Score {
		return out.replayed(ctx, ref, q, s)
	}
	if !proof.IDs || !a.hasIDs {
		a.ids, a.hasIDs, a.claimed = nil, false, nil // judged by its text
		if proof.IDs && len(a.reasoning) > 0 {
			return out.convicted(guilty("no-ids", "its reasoning is apart from its text, and no token ids show how they belong together")), nil
		}
		if a.cut() {
			a.text = []byte(wholeWords(string(a.text)))
		}
		switch {
		case len(a.text) == 0 && a.partial:
			return nil, notCheckable("too little of it came")
		case len(a.text) == 0:
			return out.convicted(guilty("malformed", "it has no text")), nil
		}
	}
	out.IDs = a.hasIDs
	q.keep = len(s.others) > 0 && proof.IDs && q.temperature > 0 && !q.redraw
	sc, err := ref.Score(ctx, q)
	if errors.Is(err, errNoTemplate) {
		return out.replayed(ctx, ref, q, s)
	}
	var fault *atFault
	if errors.As(err, &fault) {
		return out.convicted(guilty(fault.test, "%s", fault.detail)), nil
	}
	if err != nil {
		return nil, fmt.Errorf("score the answer: %w", err)
	}
	if v, bad := judgeIDs(q, sc); bad {
		return out.convicted(v), nil
	}
	out.Positions = sc.Positions
	if q.keep {
		if err := q.contrastOthers(ctx, s.others, out.Positions); err != nil {
			return nil, err
		}
	}
	out.Claims = len(a.claimed) > 0
	if len(a.claimed) == len(a.ids) { // else nobody knows which belongs where
		for i := range min(len(a.claimed), len(out.Positions)) {
			p := &out.Positions[i]
			if p.Claimed = a.claimed[i]; p.Claimed == nil { // what cannot be read counts as if it fitted, not as if it were not there
				own := p.Logprob
				p.Claimed = &own
			}
		}
	}
	// Whether it is replayed must not depend on the answer: not on where it was broken
	// off, nor on whether it fits into the reference's context.
	if q.temperature > 0 && !q.redraw && proof.Replay && sameSampler(proof, s) {
		if out.Replay, err = replay(ctx, ref, q); err != nil {
			return nil, err
		}
	}
	if sc.Cut {
		out.detail = "only its beginning fits into the reference's context"
	}
	out.work = int64(min(sc.Tokens, q.maxTokens))
	return out, nil
}

// replayed is for references, or answers, that can only be replayed.
func (a *assessment) replayed(ctx context.Context, ref Reference, q *textQuery, s *sample) (*assessment, error) {
	if err := replayable(ref.Proves(), q, s); err != nil {
		return nil, err
	}
	r, err := replay(ctx, ref, q)
	if err != nil {
		return nil, err
	}
	a.Replay, a.work = r, s.outcome.Work
	a.detail = fmt.Sprintf("the reference's own answer is the same for %d tokens", r.Same)
	if r.Parted {
		a.detail += ", then another"
	}
	return a, nil
}

// sameSampler says whether the reference draws as the miner says its server
// does. Speculative decoding draws otherwise.
func sameSampler(p Proof, s *sample) bool {
	return p.Engine != "" && s.spec.Engine == p.Engine && !s.spec.Speculative
}

// mostIDsAtOnce is how many token ids one event of a stream may hold where
// tokens are not speculated: servers that fall behind put a few into one; a
// second's worth is an answer that was made before.
const mostIDsAtOnce = 64

// briefly is how long a caller may have kept a stream waiting for its events to
// say how the miner's server sent them: one that cannot send puts what it writes
// meanwhile into one event.
const briefly = 100 * time.Millisecond

// judgeShape judges what needs no model.
func judgeShape(q *textQuery, s *sample, proof Proof) (verdict, bool) {
	a := q.answer
	switch {
	case a.unended != nil && !a.partial:
		return guilty("malformed", "%v", a.unended), true
	case a.tools:
		return guilty("malformed", "it calls a tool, and none was offered"), true
	case a.largest > mostIDsAtOnce && !s.spec.Speculative && s.outcome.Blocked < briefly:
		return guilty(evidence.ManyIDs, "%d token ids in one event, and the miner does not declare speculative decoding", a.largest), true
	case len(a.ids) > q.maxTokens:
		return guilty("padded", "%d token ids, max_tokens was %d", len(a.ids), q.maxTokens), true
	case s.task.Model.TokenIDs && !a.hasIDs && len(a.text) > 0:
		return guilty("no-ids", "the task wants token ids, and the answer shows none for its text"), true
	case s.spec.TokenIDs && proof.IDs && !a.hasIDs && len(a.text) > 0:
		return guilty("no-ids", "the miner declares token ids, and its answer shows none for its text"), true
	case a.finish != "" && !slices.Contains([]string{"stop", "length"}, a.finish):
		return guilty("malformed", "its finish_reason is neither stop nor length"), true
	}
	return verdict{}, false
}

// judgeIDs judges the ids against the reference's own reading: those of the
// prompt, and the text that those of the answer stand for.
func judgeIDs(q *textQuery, sc *scores) (verdict, bool) {
	a := q.answer
	if sc.Prompt != nil && a.hasPrompt && !slices.Equal(sc.Prompt, a.promptIDs) {
		return guilty(evidence.PromptIDs, "the prompt was read as %d ids, the reference reads %d; first difference at %d",
			len(a.promptIDs), len(sc.Prompt), commonPrefix(sc.Prompt, a.promptIDs)), true
	}
	if a.hasIDs && sc.HasText && !sameText(q, sc.Text) {
		return guilty("text-ids", "the text (%d bytes) is not what the ids stand for (%d bytes)", len(a.text), len(sc.Text)), true
	}
	switch {
	case sc.Cut && !a.hasIDs: // how many tokens the rest has is only a guess
	case a.finish == "length" && sc.Tokens < shortest(q, sc):
		return guilty("truncated", "finish_reason is length after %d of %d tokens", sc.Tokens, q.maxTokens), true
	case q.padded(sc.Tokens):
		return guilty("padded", "about %d tokens, max_tokens was %d", sc.Tokens, q.maxTokens), true
	}
	return verdict{}, false
}

// shortest is how many tokens an answer must have at least that ended for its
// length. Text read into tokens again may have some fewer than were written.
func shortest(q *textQuery, sc *scores) int {
	n := q.maxTokens
	if !q.answer.hasIDs {
		n -= q.slack()
	}
	if c := q.model.Context; c > 0 && sc.Prompt != nil {
		n = min(n, c-len(sc.Prompt)-1)
	}
	return n
}

// sameText says whether an answer's text is that of its ids: all of it, or up
// to a stop string, or, where a server puts reasoning apart, in parts.
func sameText(q *textQuery, text string) bool {
	a := q.answer
	for _, stop := range q.stop {
		if i := strings.Index(text, stop); stop != "" && i >= 0 {
			text = text[:i]
		}
	}
	if len(a.reasoning) > 0 && a.partial { // ids may be ahead of the text
		_, after, ok := strings.Cut(text, string(bytes.TrimSpace(a.reasoning)))
		return ok && strings.Contains(after, string(bytes.TrimSpace(a.text)))
	}
	if len(a.reasoning) > 0 {
		return strings.Contains(text, string(bytes.TrimSpace(a.reasoning))) &&
			strings.HasSuffix(strings.TrimSpace(text), string(bytes.TrimSpace(a.text)))
	}
	if a.partial {
		return strings.HasPrefix(text, string(a.text))
	}
	return text == string(a.text) || sameButForItsEnd(q, text)
}

// sameButForItsEnd allows for what honest servers differ in at an answer's end:
// some never send a character that was cut there, and a task that names no
// end tokens leaves the end token's own text in that of the ids.
func sameButForItsEnd(q *textQuery, text string) bool {
	const cut = "\uFFFD"
	if strings.TrimRight(text, cut) == strings.TrimRight(string(q.answer.text), cut) {
		return true
	}
	rest, ok := strings.CutPrefix(text, string(q.answer.text))
	return ok && q.answer.finish == "stop" && len(q.model.EndTokens) == 0 && len(rest) <= longestEnd
}

// longestEnd is the most bytes that the text of an end token may have.
const longestEnd = 64

// stopped says whether the answer ended at one of the request's stop strings.
func (q *textQuery) stopped(text string) bool {
	return slices.ContainsFunc(q.stop, func(s string) bool { return s != "" && strings.Contains(text, s) })
}

// ended says whether the answer claims that the model itself ended it, so that
// an end token belongs after its last one.
func (q *textQuery) ended(text string) bool {
	return q.answer.finish == "stop" && !q.stopped(text)
}

// quality turns evidence into a quality: 1 up to E = 3, then falling with the
// logarithm to 0 at E = 10^4. An honest miner whose noise is within bounds
// loses at most 0.04 in the mean whatever the tests (P(E > x) <= 1/x), and in
// practice almost nothing; see docs/verification.md.
func quality(e float64) float64 {
	const from, to = 3, 1e4
	if !(e > from) {
		return 1
	}
	return max(0, 1-math.Log(e/from)/math.Log(to/from))
}
