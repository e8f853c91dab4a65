package checker

import (
	"context"
	"fmt"

	"vision/internal/checker/evidence"
)

// replay is what test B needs on a server that only answers: the reference
// answers the same request with the same seed, and the answers are compared up to
// where they part. Beyond that the prompts differ, so to say. Of an answer that was
// broken off no more is written again than came.
func replay(ctx context.Context, ref Reference, q *textQuery) (*evidence.Replay, error) {
	again := *q
	if most := q.answer.most(); q.answer.partial && most < q.maxTokens {
		again.maxTokens = most
	}
	own, err := ref.Answer(ctx, &again)
	if err != nil {
		return nil, fmt.Errorf("replay the request: %w", err)
	}
	own.partial = own.partial || again.maxTokens < q.maxTokens && own.finish == "length"
	same, parted := compareAnswers(q.answer, own)
	return &evidence.Replay{Same: same, Parted: parted}, nil
}

// replayable is the error for what replay alone would have to judge and cannot.
func replayable(p Proof, q *textQuery, s *sample) error {
	switch {
	case !p.Replay:
		return notCheckable("the reference neither scores nor replays texts")
	case q.temperature > 0 && !sameSampler(p, s):
		return notCheckable("the reference has another sampler than the miner, which declares engine %q", s.spec.Engine)
	}
	return nil
}

// bytesPerToken turns lengths of text into numbers of tokens where no ids are
// shown. English has about four.
const bytesPerToken = 4

// most is how many tokens there can be in what came: each is a byte at least.
func (a *answer) most() int {
	if a.hasIDs {
		return max(len(a.ids), 1)
	}
	return max(len(a.text), 1)
}

// compareAnswers says for how many tokens two answers are the same, and
// whether they part then. One of them that was broken off does not part where it
// ends.
func compareAnswers(a, own *answer) (same int, parted bool) {
	n, whole, wholeOwn := 0, 0, 0
	if a.hasIDs && own.hasIDs {
		n, whole, wholeOwn = commonPrefix(a.ids, own.ids), len(a.ids), len(own.ids)
		same = n
	} else {
		n, whole, wholeOwn = commonPrefix(a.text, own.text), len(a.text), len(own.text)
		same = n / bytesPerToken
	}
	switch {
	case a.partial && n == whole, own.partial && n == wholeOwn:
		return same, false
	case n == whole && n == wholeOwn:
		return same, false
	}
	return same, true
}

// commonPrefix is how many elements a and b begin with alike.
func commonPrefix[T comparable](a, b []T) int {
	n := min(len(a), len(b))
	for i := range n {
		if a[i] != b[i] {
			return i
		}
	}
	return n
}
