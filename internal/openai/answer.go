package openai

import (
	"iter"
	"strconv"

	"vision/internal/fault"
)

// Tally is what an answer held, counted by us.
type Tally struct {
	Completion int64  // tokens
	Prompt     int64  // tokens
	Estimated  bool   // the answer showed no token ids: Completion is a lower bound or the upstream's own word, bounded
	Excess     bool   // the answer held more tokens than were asked for; Completion is cut to what was asked
	Finish     string // finish_reason
}

// Bounds are the most that an answer may be counted as. 0 is no bound.
type Bounds struct {
	Completion int64 // max_tokens
	Prompt     int64 // of prompt tokens that the upstream claims without showing their ids
}

// CountAnswer checks that body is a whole answer of a chat or a completion
// that was not streamed, one choice with some output and a finish_reason, and
// counts it. Where token ids are missing, the upstream's usage is taken, bound
// by the bytes of text and by max. Its errors are of kind Upstream.
func CountAnswer(body []byte, max Bounds) (Tally, error) {
	var c chunk
	var room [4]cut
	if err := c.walkWhole(body, true, room[:0], edits{}); err != nil {
		return Tally{}, err
	}
	switch {
	case c.failed:
		return Tally{}, malformed("upstream_error", "the answer is an error")
	case c.choices != 1:
		return Tally{}, malformed("malformed_answer", "the answer has %d choices, want 1", max0(c.choices))
	case c.finish == "":
		return Tally{}, malformed("truncated", "the answer has no finish_reason")
	case !c.said():
		return Tally{}, malformed("empty", "the answer is empty")
	}
	t := Tally{Completion: int64(c.ids), Prompt: int64(c.promptIDs), Finish: c.finish, Estimated: !c.hasIDs}
	if t.Estimated {
		t.Completion = int64(c.text+3) / 4
		if c.claimed > 0 {
			t.Completion = min(c.claimed, int64(c.text)+1)
		}
	}
	if !c.hasPrompt {
		t.Prompt = bounded(c.claimedPrompt, max.Prompt)
	}
	if max.Completion > 0 && t.Completion > max.Completion {
		t.Excess = !t.Estimated
		t.Completion = max.Completion
	}
	return t, nil
}

// RewriteAnswer appends to dst an answer that CountAnswer has accepted, with
// our counts in place of the upstream's usage, model (unless "") as its model,
// and without token ids unless they are wanted.
func RewriteAnswer(dst, body []byte, prompt, completion int64, model string, tokenIDs bool) ([]byte, error) {
	var c chunk
	var room [4]cut
	var text [96]byte
	c.cuts = room[:0]
	e := edits{keepIDs: tokenIDs, usage: appendUsage(text[:0], prompt, completion)}
	if model != "" {
		e.model = AppendString(nil, model)
	}
	if err := c.walkWhole(body, true, c.cuts, e); err != nil {
		return dst, err
	}
	return c.appendEdited(dst, body), nil
}

// Meta is what the chunks of one stream say of themselves.
type Meta struct {
	ID      string // may be empty
	Created int64  // seconds since 1970
	Object  string // "chat.completion.chunk"
	Model   string
}

// AppendUsageChunk appends the event that shows the usage of a whole stream.
func AppendUsageChunk(dst []byte, m Meta, prompt, completion int64) []byte {
	dst = append(dst, `data: {"id":`...)
	dst = AppendString(dst, m.ID)
	dst = append(dst, `,"object":`...)
	dst = AppendString(dst, m.Object)
	dst = append(dst, `,"created":`...)
	dst = strconv.AppendInt(dst, m.Created, 10)
	dst = append(dst, `,"model":`...)
	dst = AppendString(dst, m.Model)
	dst = append(dst, `,"choices":[],"usage":`...)
	dst = appendUsage(dst, prompt, completion)
	return append(dst, "}\n\n"...)
}

func appendUsage(dst []byte, prompt, completion int64) []byte {
	dst = append(dst, `{"prompt_tokens":`...)
	dst = strconv.AppendInt(dst, prompt, 10)
	dst = append(dst, `,"completion_tokens":`...)
	dst = strconv.AppendInt(dst, completion, 10)
	dst = append(dst, `,"total_tokens":`...)
	dst = strconv.AppendInt(dst, prompt+completion, 10)
	return append(dst, '}')
}

// AppendDone appends the event that closes a whole stream.
func AppendDone(dst []byte) []byte { return append(dst, "data: [DONE]\n\n"...) }

// malformed is an upstream's mistake; code is short and stable.
func malformed(code, format string, args ...any) *fault.Error {
	return fault.New(fault.Upstream, code, "The upstream's answer cannot be used: "+format+".", args...)
}

func max0(n int) int { return max(n, 0) }

// bounded cuts a number that an upstream claims to [0, most]; 0 is no bound.
func bounded(claimed, most int64) int64 {
	if most > 0 {
		claimed = min(claimed, most)
	}
	return max(claimed, 0)
}

// AnswerMembers ranges over the members of an object of an answer that a Stream
// or CountAnswer has accepted. In those that are looked at no name is written
// with escapes, and none that matters twice: names are given as they were written.
func AnswerMembers(v []byte) iter.Seq2[string, []byte] {
	return func(yield func(name string, value []byte) bool) {
		o := open(v, space(v, 0))
		for o.next() {
			if o.i = skipValue(v, o.val, MaxDepth); o.i == bad || !yield(string(v[o.key:o.keyEnd]), v[o.val:o.i]) {
				return
			}
		}
	}
}
