package evidence

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// Part is what one test says of a response: the logarithm of its likelihood
// ratio for each alternative. Parts of the same test add up over responses.
//
// Which tests a response has, and so their weights, must follow from what is known before
// it: the request, the reference, what the miner declares and how its server is set up. A
// test that the response itself did not allow keeps its weight and counts 0, the only
// number that is safe whatever decided it; see docs/verification.md.
type Part struct {
	Test   string
	Weight float64   // among the response's parts; fixed for each test
	Logs   []float64 // none: it was not tried
	Tokens int       // that it looked at
	Detail string
}

// E is the part's own e-value: the mean over its alternatives; 0 if it was not tried.
func (p *Part) E() float64 {
	if len(p.Logs) == 0 {
		return 0
	}
	return MeanExp(p.Logs)
}

// Result is what all tests say of a response.
type Result struct {
	E      float64 // evidence of cheating, [0, Guilty]; 1 says nothing
	Test   string  // the tests' names, the strongest first
	Detail string  // one line for people; no text
	Parts  []Part
}

// Guilty is the evidence of what no honest server does: a proof.
const Guilty = 1e300

// Untested is the test of a response that none could judge. Its evidence of 1 is that of no
// tokens, and changes no product; whoever counts checks must not count it as one that was passed.
const Untested = "none"

// judges is the weight from which on a test judges a response. The others, of less, add to what such a
// test says: alone, log-probabilities that a miner tells truly of what another wrote would speak for it
// without bound, and so would any answer that is not an earlier one.
const judges = 1

// most is the most that likelihoods prove of one response: less than a proof.
const most = 1e250

// Guilt that is not a proof, for honest servers may do it too, if in at most one
// response of a thousand: a few in a row convict.
const (
	ManyIDs   = "many-ids"   // tokens came all at once: a server that hung for a second
	PromptIDs = "prompt-ids" // another prompt was read: a template that says the day, or of another release
	Refused   = "refused"    // the reference refuses what was written: it may have a bug there
)

// guilt is the evidence of a failed test.
func guilt(test string) float64 {
	switch test {
	case ManyIDs, PromptIDs, Refused:
		return 1000
	}
	return Guilty
}

// Weigh runs the tests that a response allows:
//
//	temperature 0            prefill-t0: is each token the reference's first choice?
//	the same sampler, seed   redraw-seed: does the reference draw the same token?
//	else                     likelihood: are the tokens as likely as drawn ones are?
//
// and, where there is what they need, length, replay and logprobs. Further
// parts, such as Copied's, may be added. Where none of a weight of 1 was tried the result is
// of E 1, test Untested and no parts.
func (b *Bounds) Weigh(r *Response, more ...Part) Result {
	if r.Guilt != "" {
		return Result{E: guilt(r.Guilt), Test: r.Guilt}
	}
	var parts []*Part
	switch {
	case len(r.Positions) == 0:
	case r.Temperature == 0:
		parts = append(parts, b.greedy(r))
	case r.Redraw:
		parts = append(parts, b.redrawn(r), b.length(r))
	default:
		parts = append(parts, b.likelihood(r), b.length(r))
	}
	if r.Replay != nil {
		parts = append(parts, b.replay(r.Replay))
	}
	parts = append(parts, b.claimed(r))
	for i := range more {
		parts = append(parts, &more[i])
	}
	parts = slices.DeleteFunc(parts, func(p *Part) bool { return p == nil })
	if !slices.ContainsFunc(parts, func(p *Part) bool { return p.Weight >= judges && len(p.Logs) > 0 }) {
		return Result{E: 1, Test: Untested}
	}
	var res Result
	var names, details []string
	weights := 0.0
	for _, p := range parts {
		e := p.E()
		res.E += p.Weight * e
		weights += p.Weight
		res.Parts = append(res.Parts, *p)
		if len(p.Logs) == 0 {
			details = append(details, p.Test+" was not to be had of it, and counts 0")
			continue
		}
		names = append(names, p.Test)
		switch {
		case p.Detail != "":
			details = append(details, p.Detail)
		case p.Test == "likelihood":
			details = append(details, fmt.Sprintf("%d tokens; the strongest of %d alternatives has %.1f nats on the task's model; z %.1f",
				p.Tokens, len(p.Logs), slices.Max(p.Logs), ZScore(r)))
		default:
			details = append(details, fmt.Sprintf("evidence of %s %.2g", p.Test, e))
		}
	}
	res.E = min(res.E/weights, most)
	res.Test, res.Detail = strings.Join(names, "+"), strings.Join(details, "; ")
	return res
}

// Combine is the e-value of several responses taken together.
func Combine(results []Result) float64 {
	var s Sum
	for _, r := range results {
		s.Add(r)
	}
	return s.E()
}

// Sum takes responses, or pieces of one, together: parts of the same test
// multiply, alternative by alternative, and the mean is taken last, so that an
// alternative that fits all of them tells most. Their parts must have been
// weighed by the same bounds. The zero value is nothing yet, of evidence 1.
type Sum struct {
	proven float64 // of responses without parts; 0 for none
	tests  []sumOf
}

type sumOf struct {
	test   string
	weight float64
	logs   []float64
	zero   bool // one of them was not tried: the product is 0
}

// Add takes one more response.
func (s *Sum) Add(r Result) {
	if len(r.Parts) == 0 && r.E > 1 {
		s.proven = min(max(s.proven, 1)*r.E, Guilty)
	}
	for _, p := range r.Parts {
		i := slices.IndexFunc(s.tests, func(t sumOf) bool { return t.test == p.Test })
		if i < 0 {
			i = len(s.tests)
			s.tests = append(s.tests, sumOf{test: p.Test, weight: p.Weight, logs: make([]float64, len(p.Logs))})
		}
		s.tests[i].zero = s.tests[i].zero || len(p.Logs) == 0
		for j, x := range p.Logs {
			if logs := s.tests[i].logs; j < len(logs) {
				logs[j] += x
			}
		}
	}
}

// E is the e-value of all.
func (s *Sum) E() float64 {
	if s.proven > 0 {
		return s.proven
	}
	e, weights := 0.0, 0.0
	for _, t := range s.tests {
		weights += t.weight
		if !t.zero {
			e += t.weight * MeanExp(t.logs)
		}
	}
	if weights == 0 {
		return 1
	}
	return min(e/weights, most)
}

// greedy is test A.
func (b *Bounds) greedy(r *Response) *Part {
	var t tally
	for i := range r.Positions {
		p := &r.Positions[i]
		honest, others := b.greedyOdds(Bin(p.Gap), r.IDs || p.Exact)
		t.add(b.GreedyOutcome(p), honest, others)
	}
	return t.part("prefill-t0", "not the first choice")
}

// redrawn is test B at every token: what the miner wrote before is taken as
// given, so that one divergence does not end the test.
func (b *Bounds) redrawn(r *Response) *Part {
	var t tally
	for i := range r.Positions {
		p := &r.Positions[i]
		honest, others := b.redrawnOdds(RedrawnBin(p, r.Temperature), r.IDs || p.Exact)
		t.add(b.RedrawnOutcome(p, r.Temperature), honest, others)
	}
	return t.part("redraw-seed", "drawn otherwise")
}

func (t *tally) part(test, what string) *Part {
	if t.tokens == 0 {
		return nil
	}
	return &Part{Test: test, Weight: 1, Logs: t.logs, Tokens: t.tokens,
		Detail: fmt.Sprintf("%d tokens, %d %s nearby, %d far off", t.tokens, t.nears, what, t.fars)}
}

// Finite says whether a result's number may be used: a NaN is our own mistake.
func (r *Result) Finite() bool { return !math.IsNaN(r.E) && r.E >= 0 && r.E <= Guilty }
