package checker

import (
	"fmt"
	"math"
)

// weigh runs the test that the scores allow:
//
//	temperature 0            prefill-t0: is each token the reference's first choice?
//	the same sampler, seed   redraw-seed: does the reference draw the same token?
//	else                     likelihood: are the tokens as likely as drawn ones are?
//
// and, where the chance of an end is known, length: does it end when it should?
// noise is the bound on the honest disagreement, nats on each logit.
func weigh(q *textQuery, sc *scores, noise float64) verdict {
	var t tally
	var v verdict
	switch {
	case q.temperature == 0:
		for _, p := range sc.Positions {
			t.greedy(p, noise, q.floor(p))
		}
		return t.verdict("prefill-t0", "not the first choice")
	case q.redraw:
		for _, p := range sc.Positions {
			t.redrawn(p, noise/q.temperature, q.floor(p))
		}
		v = t.verdict("redraw-seed", "drawn otherwise")
	default:
		v = likelihood(sc.Positions)
	}
	if e, ok := lengthEvidence(sc.Positions); ok {
		v.e = (v.e + e) / 2 // the mean of e-values is one
		v.test += "+length"
		v.detail += fmt.Sprintf("; evidence of the length alone %.2g", e)
	}
	return v
}

// floor is what may happen to an honest miner for other reasons than noise.
func (q *textQuery) floor(p position) odds {
	if q.answer.hasIDs || p.Exact {
		return odds{near: 1e-4, far: 1e-6, absurd: 1e-8}
	}
	// Text is read into tokens again: some stand elsewhere than they were written.
	return odds{near: 2e-3, far: 1e-3, absurd: 5e-4}
}

func (t *tally) verdict(test, what string) verdict {
	return verdict{test: test, e: t.e(),
		detail: fmt.Sprintf("%d tokens, %d %s nearby, %d far off", t.positions, t.nears, what, t.fars)}
}

// cheat is an alternative: how far its logits are off, in nats, and how often
// it writes tokens that no noise explains.
type cheat struct{ noise, far, absurd float64 }

// cheats disagree about as much as models of 6, 4, 3 and 2 bits and another
// model do; the last is exact but ends, or turns, where it likes.
var cheats = [...]cheat{
	{0.06, 1e-6, 1e-8},
	{0.15, 1e-4, 1e-6},
	{0.4, 5e-3, 1e-3},
	{1.2, 3e-2, 2e-2},
	{0, 1e-4, 1e-2},
}

// greedy is test A. Noise turns the order of the two best tokens with
// probability Phi(-gap / (noise sqrt 2)); a bound half as large again stands
// for ties of more than two. A token further down than noise reaches is far.
func (t *tally) greedy(p position, noise float64, floor odds) {
	gap := halfOctave(p.Gap)
	var others [len(cheats)]odds
	for j, c := range cheats {
		others[j] = odds{beyond(gap / (math.Hypot(c.noise, noise) * math.Sqrt2)), c.far, c.absurd}
	}
	t.add(greedyResult(p, noise), greedyBound(gap, noise, floor), others[:])
}

func greedyResult(p position, noise float64) result {
	switch {
	case p.Best:
		return agrees
	case p.Deficit > max(30*noise, 3):
		return absurd
	case p.Deficit > max(12*noise, 0.5):
		return far
	}
	return near
}

func greedyBound(gap, noise float64, floor odds) odds {
	floor.near = min(0.6, floor.near+1.5*beyond(gap/(noise*math.Sqrt2)))
	return floor
}

// redrawn is test B at every token: what the miner wrote before is taken as
// given, so that one divergence does not end the test. Noise of sd nats on
// each logit, divided by the temperature, moves the cumulative distribution
// by at most about 0.4 of that: a share of a half weighs sqrt(1/8).
func (t *tally) redrawn(p position, noise float64, floor odds) {
	margin := halfOctave(p.Margin)
	var others [len(cheats)]odds
	for j, c := range cheats {
		others[j] = odds{min(0.6, 2*beyond(margin/shift(math.Hypot(c.noise, noise)))), c.far, c.absurd}
	}
	t.add(redrawnResult(p, noise), redrawnBound(margin, noise, floor), others[:])
}

func redrawnResult(p position, noise float64) result {
	switch {
	case p.Drawn:
		return agrees
	case p.Miss > max(12*shift(noise), 0.1):
		if p.Share < 1e-6 { // unlikely in itself, and the number far from it besides
			return absurd
		}
		return far
	}
	return near
}

func redrawnBound(margin, noise float64, floor odds) odds {
	floor.near = min(0.6, floor.near+3*beyond(margin/shift(noise)))
	return floor
}

// shift is how far noise moves the cumulative distribution.
func shift(noise float64) float64 { return min(0.4*noise, 0.5) }
