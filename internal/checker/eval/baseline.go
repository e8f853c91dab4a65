package eval

import "math"

// The rule that Subnet 19 judged texts by, on the same responses. First ranks:
// a token fails that is not among the reference's 10 likeliest (temperature up
// to 0.5) or 70 (above), and a response whose tokens fail more than five times.
// Then the mean distance between the probability that the miner gives and the
// reference's, at five positions.
const (
	mostFailures = 5
	lookedAt     = 5
)

// oldRule gives whether the ranks fail, and the distance, [0, 1]; NaN if the
// miner gives no log-probabilities.
func oldRule(r *Response) (fails bool, distance float64) {
	limit := 10
	if r.Temperature > 0.5 {
		limit = 70
	}
	failures := 0
	for i := range r.Positions {
		if r.Positions[i].Rank >= limit {
			failures++
		}
	}
	n, sum := len(r.Positions), 0.0
	looked := min(lookedAt, n)
	for k := range looked {
		p := &r.Positions[k*n/looked]
		if p.Claimed == nil {
			return failures > mostFailures, math.NaN()
		}
		sum += math.Abs(math.Exp(*p.Claimed)-math.Exp(p.Logprob)) / float64(looked)
	}
	return failures > mostFailures, sum
}
