package refmodel

import "math"

// Distribution is the model's next-token distribution at temperature 1.
type Distribution struct {
	Logprobs [VocabSize]float64 // natural logarithms; always finite
	logits   [VocabSize]float64
}

// Next fills d with the distribution of the token after the context.
func (c *Context) Next(d *Distribution) {
	c.logits(&d.logits)
	top := d.logits[0]
	for _, x := range d.logits {
		top = max(top, x)
	}
	sum := 0.0
	for _, x := range d.logits {
		sum += math.Exp(x - top)
	}
	logZ := top + math.Log(sum)
	for v, x := range d.logits {
		d.Logprobs[v] = x - logZ
	}
}

// TokenLogprob is one alternative of a position.
type TokenLogprob struct {
	ID      int
	Logprob float64
}

// Best returns the likeliest token, the lowest id among equals.
func (d *Distribution) Best() int {
	best := 0
	for v, x := range d.Logprobs {
		if x > d.Logprobs[best] {
			best = v
		}
	}
	return best
}

// Top returns the k likeliest tokens, best first, lower ids first among equals.
func (d *Distribution) Top(k int) []TokenLogprob {
	k = min(k, VocabSize)
	if k <= 0 {
		return nil
	}
	top := make([]TokenLogprob, 0, k+1)
	for v, x := range d.Logprobs {
		if len(top) == k && x <= top[k-1].Logprob {
			continue
		}
		i := len(top)
		for i > 0 && top[i-1].Logprob < x {
			i--
		}
		top = append(top, TokenLogprob{})
		copy(top[i+1:], top[i:])
		top[i] = TokenLogprob{v, x}
		top = top[:min(len(top), k)]
	}
	return top
}

// Rank is 1 for the likeliest token; equals are ranked by id.
func (d *Distribution) Rank(id int) int {
	rank, own := 1, d.Logprobs[id]
	for v, x := range d.Logprobs {
		if x > own || x == own && v < id {
			rank++
		}
	}
	return rank
}
