package refmodel

import (
	"fmt"
	"math"
)

// Step is what the model thought of one given token, everything a check needs.
// Quantities are in nats at temperature 1.
type Step struct {
	Token    int
	Logprob  float64
	Rank     int            // 1 is the model's own first choice
	Above    float64        // probability of all tokens ranked before this one, 0 to 1
	Top      []TokenLogprob // the best k, best first
	Entropy  float64        // H = -sum p ln p
	Variance float64        // of ln p under p
	Renyi2   float64        // collision entropy -ln sum p^2
	PEnd     float64        // probability that the sequence ends here
}

// Prefill scores completion as the continuation of prompt, one Step per
// completion token with the best k alternatives. Log-probabilities equal those
// of Generate bit for bit.
func (m *LM) Prefill(prompt, completion []int, k int) ([]Step, error) {
	if err := checkIDs("prompt", prompt); err != nil {
		return nil, err
	}
	if err := checkIDs("completion", completion); err != nil {
		return nil, err
	}
	if n := len(prompt) + len(completion); n > MaxContext {
		return nil, fmt.Errorf("%d tokens: the maximum context length is %d tokens", n, MaxContext)
	}
	c := m.NewContext()
	for _, id := range prompt {
		c.Append(id)
	}
	steps := make([]Step, len(completion))
	var d Distribution
	for i, id := range completion {
		c.Next(&d)
		steps[i] = d.step(id, k)
		c.Append(id)
	}
	return steps, nil
}

func (d *Distribution) step(id, k int) Step {
	s := Step{Token: id, Logprob: d.Logprobs[id], Rank: 1, Top: d.Top(k)}
	var sumSquares, second float64
	for v, lp := range d.Logprobs {
		p := math.Exp(lp)
		s.Entropy -= float64(p * lp)
		second += float64(float64(p*lp) * lp)
		sumSquares += float64(p * p)
		if lp > s.Logprob || lp == s.Logprob && v < id {
			s.Rank++
			s.Above += p
		}
		if IsEnd(v) {
			s.PEnd += p
		}
	}
	s.Variance = max(0, second-float64(s.Entropy*s.Entropy))
	s.Renyi2 = -math.Log(sumSquares)
	return s
}
