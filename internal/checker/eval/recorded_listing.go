package eval

import (
	"math"

	"vision/internal/checker/evidence"
)

// FillListed fills in what test C compares, of a response recorded by another
// program: its positions hold the likeliest tokens and no contrast. It does as
// a server's adapter does: what the listed tokens leave is one outcome, and so
// is every token that is not listed. Other models become alternatives. noise is the bound on honest noise, nats.
//
// Above temperature 1 nothing is filled in, as adapters fill nothing in, and nothing is
// where a contrast is.
func FillListed(r *Response, noise float64) {
	if r.Temperature <= 0 || r.Temperature > 1 {
		return
	}
	for i := range r.Positions {
		p := &r.Positions[i]
		if p.Contrast != nil || len(p.Top) == 0 {
			continue
		}
		outcomes, at := listed(p)
		var others []evidence.Outcomes
		for _, o := range p.Others {
			others = append(others, withRest(o))
		}
		p.FillListed(outcomes, at, r.Temperature, r.TopP, noise, others...)
	}
}

// listed makes outcomes of a position's listed tokens and one for the rest, and
// says which of them the response's token is.
func listed(p *evidence.Position) (outcomes evidence.Outcomes, at int) {
	at = len(p.Top)
	var logprobs []float64
	for i, l := range p.Top {
		logprobs = append(logprobs, l.Logprob)
		if l.Token == p.Token {
			at = i
		}
	}
	return withRest(logprobs), at
}

// withRest adds the outcome that is none of those listed.
func withRest(logprobs []float64) (outcomes evidence.Outcomes) {
	rest := 1.0
	for _, lp := range logprobs {
		outcomes = append(outcomes, lp)
		rest -= math.Exp(lp)
	}
	return append(outcomes, math.Log(max(rest, 1e-6)))
}
