package checker

import (
	"context"
	"fmt"
	"math"
)

// Rates of divergence per token: replayHonest bounds that of an honest miner
// on the reference's engine, replayCheats are the alternatives.
const replayHonest = 0.01

var replayCheats = [...]float64{0.04, 0.3}

// judgeReplay is test B on a server that only answers: the reference answers
// the same request with the same seed, and the answers are compared up to
// where they part. Beyond that the prompts differ, so to say.
func judgeReplay(ctx context.Context, ref Reference, q *textQuery, s *sample) (verdict, error) {
	p := ref.Proves()
	if !p.Replay {
		return verdict{}, notCheckable("the reference neither scores nor replays texts")
	}
	if q.temperature > 0 && !sameSampler(p, s) {
		return verdict{}, notCheckable("the reference has another sampler than the miner, which declares engine %q", s.spec.Engine)
	}
	own, err := ref.Answer(ctx, q)
	if err != nil {
		return verdict{}, fmt.Errorf("replay the request: %w", err)
	}
	same, parted := compareAnswers(q.answer, own)
	var logs []float64
	for _, r := range replayCheats {
		x := float64(same) * math.Log((1-r)/(1-replayHonest))
		if parted {
			x += math.Log(r / replayHonest)
		}
		logs = append(logs, x)
	}
	v := verdict{test: "replay", e: meanExp(logs), detail: fmt.Sprintf("the reference's own answer is the same for %d tokens", same)}
	if parted {
		v.detail += ", then another"
	}
	v.quality = quality(v.e)
	v.work = s.outcome.Work
	return v, nil
}

// bytesPerToken turns lengths of text into numbers of tokens where no ids are
// shown. English has about four.
const bytesPerToken = 4

// compareAnswers says for how many tokens two answers are the same, and
// whether they part then. One of them that was broken off does not part where it
// ends.
func compareAnswers(a, own *answer) (same int, parted bool) {
	n, whole, wholeOwn := 0, 0, 0
	if a.hasIDs && own.hasIDs {
		n, whole, wholeOwn = firstDifference(a.ids, own.ids), len(a.ids), len(own.ids)
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

func commonPrefix(a, b []byte) int {
	n := min(len(a), len(b))
	for i := range n {
		if a[i] != b[i] {
			return i
		}
	}
	return n
}
