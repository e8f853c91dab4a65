package refmodel

import (
	"cmp"
	"math"
	"slices"
)

// Sampler draws tokens: one uniform number per token, inverted through the
// cumulative distribution in ascending order of id. The same seed, settings and
// model give the same text.
type Sampler struct {
	temperature, topP float64
	r                 *rng
	p                 [VocabSize]float64
}

// NewSampler takes a temperature >= 0 (0 is greedy), a top_p in (0, 1] (0 counts
// as 1) and a seed.
func NewSampler(temperature, topP float64, seed uint64) *Sampler {
	if topP <= 0 || topP > 1 {
		topP = 1
	}
	return &Sampler{temperature: temperature, topP: topP, r: newRNG(seed, "sample")}
}

// Draw picks the next token. Greedy ties go to the lowest id.
func (s *Sampler) Draw(d *Distribution) int {
	u := s.r.float() // drawn even when greedy: one per token, always
	if s.temperature <= 0 {
		return d.Best()
	}
	total := s.weigh(d)
	if s.topP < 1 {
		total = s.keepNucleus(total)
	}
	target, cum, last := u*total, 0.0, 0
	for v, p := range s.p {
		if p == 0 {
			continue
		}
		cum += p
		last = v
		if cum > target {
			break
		}
	}
	return last
}

// weigh fills p with exp(logprob/temperature) relative to the best and returns the sum.
func (s *Sampler) weigh(d *Distribution) float64 {
	top := d.Logprobs[d.Best()]
	total := 0.0
	for v, lp := range d.Logprobs {
		s.p[v] = math.Exp((lp - top) / s.temperature)
		total += s.p[v]
	}
	return total
}

// keepNucleus zeroes all but the smallest set of likeliest tokens whose share
// reaches top_p, and returns what is left. Tokens below (1-top_p)/VocabSize of
// the total cannot be in it, which keeps the sort short.
func (s *Sampler) keepNucleus(total float64) float64 {
	var ids []int
	floor := total * (1 - s.topP) / VocabSize
	for v, p := range s.p {
		if p >= floor {
			ids = append(ids, v)
		}
	}
	slices.SortFunc(ids, func(a, b int) int {
		return cmp.Or(cmp.Compare(s.p[b], s.p[a]), cmp.Compare(a, b))
	})
	kept, n := 0.0, 0
	for n < len(ids) && kept < s.topP*total {
		kept += s.p[ids[n]]
		n++
	}
	var q [VocabSize]float64
	kept = 0
	slices.Sort(ids[:n])
	for _, v := range ids[:n] {
		q[v] = s.p[v]
		kept += q[v]
	}
	s.p = q
	return kept
}
