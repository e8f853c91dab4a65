package checker

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"vision/internal/checker/evidence"
	"vision/internal/fault"
)

// atFault is the one error of a Reference that is a verdict: nothing but what
// the miner wrote explains why its answer cannot be scored.
type atFault struct{ test, detail string }

func (f *atFault) Error() string { return f.test + ": " + f.detail }

// refusal is a server's answer that it does not take a query: a status from 400
// on but 429. Of these only 400, 413, 422 and 500, by which some fail on what
// they should refuse, are about the query; others are of whoever stands before it.
type refusal struct {
	path   string
	status int
}

func (r *refusal) Error() string {
	return fmt.Sprintf("reference server answered %s with status %d: check its model and options", r.path, r.status)
}

// blame finds whose fault it is that a server refused a query made of a
// miner's bytes. The miner's only if the server takes as many harmless ones,
// and then refuses the query again. If it takes but a few it is too small for
// what the task allows (errContext); if not even those, it is
// unwell or set up wrongly, and the sample stays.
func blame(err error, again, asMany, few func() error) error {
	var r *refusal
	if !errors.As(err, &r) || !slices.Contains([]int{400, 413, 422, 500}, r.status) {
		return err
	}
	switch other := asMany(); {
	case other == nil:
		switch second := again(); {
		case errors.As(second, &r):
			return &atFault{evidence.Refused, fmt.Sprintf("the reference refuses what the miner wrote (status %d), and takes as much of something else", r.status)}
		case second != nil:
			return second
		}
		return fault.New(fault.Unavailable, "reference_unsteady", "The reference server refused a query and then took it: try again later.")
	case !errors.As(other, &r) || r.status == 500:
		return other
	}
	if other := few(); other != nil {
		return other
	}
	return errContext
}

// errContext is blame's finding that an answer is longer than the reference
// takes. Its beginning may still be judged.
var errContext = notCheckable("the reference refuses as much of any text: its context may be smaller than the task's")

// leastTokens is how few tokens of an answer too long for the reference are
// worth being judged. Halves are tried down to that, so that at least half of
// what fits is judged.
const leastTokens = 16

// refused says that a server finds fault with a query as such.
func refused(err error) bool {
	var r *refusal
	return errors.As(err, &r) && slices.Contains([]int{400, 413, 422}, r.status)
}

// blamePrompt finds why a server refused a query made of our own request alone. If it
// takes a short one, it is the request that it does not take, most probably
// for its length, and the sample is dropped; else the trouble is its own.
func (s *server) blamePrompt(ctx context.Context, q *textQuery, err error) error {
	if !refused(err) {
		return err
	}
	short := map[string]any{"model": s.model, "max_tokens": 1, "prompt": "a"}
	if q.chat {
		delete(short, "prompt")
		short["messages"] = []map[string]string{{"role": "user", "content": "a"}}
	}
	if _, other := s.post(ctx, q.path(), short); other != nil {
		return err
	}
	return notCheckable("the reference refuses its prompt, and takes a short one: its context may be smaller than the task's")
}

// harmless is n token ids that a server is known to take: those of the prompt,
// over and over.
func harmless(prompt []int, n int) []int {
	ids := make([]int, n)
	for i := range ids {
		ids[i] = prompt[i%len(prompt)]
	}
	return ids
}

// harmlessText is a text of about n tokens.
func harmlessText(n int) string { return strings.Repeat(" a", n) }

// tooLong is the error for an answer that with its prompt has more tokens than
// the model's own context holds (and an end token): no honest server writes on.
// (What a task's catalogue says may be less than an honest server has room for.)
// Text read into tokens again may have some more than were written; nil if that
// may be.
func (q *textQuery) tooLong(prompt, answer, context int) error {
	over := prompt + answer - context - 1
	if !q.answer.hasIDs {
		over -= q.slack()
	}
	if over <= 0 {
		return nil
	}
	return &atFault{"too-long", fmt.Sprintf("%d tokens after a prompt of %d, the context holds %d", answer, prompt, context)}
}

// slack is by how many tokens a text that is read into tokens again may differ
// from how it was written.
func (q *textQuery) slack() int { return q.maxTokens/10 + 4 }

// padded says that a text, read into tokens again, is longer than was asked for.
func (q *textQuery) padded(tokens int) bool {
	return !q.answer.hasIDs && tokens > q.maxTokens+q.slack()
}
