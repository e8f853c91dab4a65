package eval

import (
	"math"
	"math/rand/v2"
	"slices"

	"vision/internal/checker/evidence"
)

const (
	// step is how many tokens are weighed together where conviction is looked for.
	step = 8
	// mostTokens is after how many the search for a conviction ends.
	mostTokens = 20_000
	// convicts is the evidence that an honest miner reaches with a chance of at
	// most one in ten thousand, however often it is looked at.
	convicts = 1e4
)

// steps weighs a response in pieces of step tokens.
func steps(r *Response, b *evidence.Bounds) (list []evidence.Result) {
	for from := 0; from < len(r.Positions); from += step {
		part := *r
		part.Positions = r.Positions[from:min(len(r.Positions), from+step)]
		if from > 0 {
			part.Replay = nil
		}
		w := b.Weigh(&part)
		forgetDetails(&w)
		list = append(list, w)
	}
	if len(list) == 0 {
		list = []evidence.Result{b.Weigh(r)}
	}
	return list
}

// tokensToConvict is the median and the 99th percentile, over miners whose
// responses are drawn from a list, of the tokens after which the evidence of all
// of them together convicts; 0 where that takes more than mostTokens.
func tokensToConvict(r *rand.Rand, list []*judged, draws int) (median, most int) {
	lives := make([]int, draws)
	for i := range lives {
		lives[i] = untilConvicted(r, list)
	}
	slices.Sort(lives)
	return quantile(lives, 0.5), quantile(lives, 0.99)
}

func untilConvicted(r *rand.Rand, list []*judged) int {
	var sum evidence.Sum
	for tokens := 0; tokens < mostTokens; {
		j := list[r.IntN(len(list))]
		left := max(j.tokens, len(j.steps)) // guilt without tokens counts as one
		for _, s := range j.steps {
			sum.Add(s)
			n := min(step, left)
			tokens, left = tokens+n, left-n
			if sum.E() >= convicts {
				return tokens
			}
		}
	}
	return math.MaxInt
}
