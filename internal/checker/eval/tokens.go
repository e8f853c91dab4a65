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
			part.Replay, part.Earlier = nil, nil
		}
		w := b.Weigh(&part, copied(&part, b.Noise, step)...)
		forgetDetails(&w)
		list = append(list, w)
	}
	if len(list) == 0 {
		list = []evidence.Result{b.Weigh(r)}
	}
	return list
}

// Percentiles are those that tokens to convict are reported at.
var Percentiles = []int{1, 5, 10, 25, 50, 75, 90, 95, 99}

// tokensToConvict is at each of Percentiles, over miners whose responses are
// drawn from a list, the number of tokens after which the evidence of all of
// them together convicts; 0 where that takes more than mostTokens.
func tokensToConvict(r *rand.Rand, list []*judged, draws int) (at []int) {
	lives := make([]int, draws)
	for i := range lives {
		lives[i] = untilConvicted(r, list)
	}
	slices.Sort(lives)
	for _, p := range Percentiles {
		at = append(at, quantile(lives, float64(p)/100))
	}
	return at
}

// aboveOne is the share of responses that would each alone be found, at a
// false-positive rate of at most falsePositives: of honest ones no more have evidence
// above its reciprocal, because their expected evidence is at most 1.
func aboveOne(list []*judged) float64 {
	n := 0
	for _, j := range list {
		if j.e > 1/falsePositives {
			n++
		}
	}
	return float64(n) / float64(len(list))
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
