package checker

import (
	"fmt"
	"math"
	"slices"
)

// powers are those of test C's alternatives q = p^power / Z. Under a flatter q
// (below 1) unlikely tokens are likelier: so look texts of another model, of a
// coarser one, or of a higher temperature. A steeper q is a lower temperature.
// For tokens drawn from p the product of q/p has expected value 1 whatever q
// is. A reference that can run other models adds them: they tell most.
var powers = [...]float64{0.8, 0.92, 1.3, 2}

// lowestTemperature is the lowest that test C knows: below it a little noise
// on the logits changes probabilities too much. What was drawn at a lower one
// may only look too likely, which is then not held against it.
const lowestTemperature = 0.15

// outcomes is a distribution over the next token as far as a reference shows
// it: natural logarithms at temperature 1. A tail that is shown only as a whole
// is one outcome.
type outcomes []float64

// drawn gives the logarithms of the distribution that a request with this
// temperature and top_p draws from. Top_p is taken a little larger than asked,
// and one part in ten thousand of the whole distribution is mixed in, so that
// no rounding makes an honest token impossible.
func (o outcomes) drawn(temperature, topP float64) []float64 {
	t := max(temperature, lowestTemperature)
	p := make([]float64, len(o))
	for i, lp := range o {
		p[i] = lp / t
	}
	normalise(p)
	if topP >= 1 {
		return p
	}
	const outside = 1e-4
	kept := nucleus(p, topP+topPSlack)
	for i := range p {
		x := outside * math.Exp(p[i])
		if kept[i] {
			x += (1 - outside) * math.Exp(p[i])
		}
		p[i] = math.Log(max(x, 1e-300))
	}
	normalise(p)
	return p
}

// contrast gives ln q(token)/p(token) for each of powers, p being drawn's.
func contrast(p []float64, token int, temperature float64) []float64 {
	logs := make([]float64, len(powers))
	for j, power := range powers {
		if power > 1 && temperature < lowestTemperature {
			continue
		}
		// ln q(token) - ln p(token) without writing q down.
		top := slices.Max(p)
		sum := 0.0
		for _, lp := range p {
			sum += math.Exp(power * (lp - top))
		}
		logs[j] = (power-1)*(p[token]-top) - top - math.Log(sum)
	}
	return logs
}

// normalise makes logarithms those of a distribution.
func normalise(logs []float64) {
	top := slices.Max(logs)
	sum := 0.0
	for _, x := range logs {
		sum += math.Exp(x - top)
	}
	sum = top + math.Log(sum)
	for i := range logs {
		logs[i] -= sum
	}
}

// nucleus marks the smallest set of likeliest outcomes whose share reaches topP.
func nucleus(logs []float64, topP float64) []bool {
	order := make([]int, len(logs))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch {
		case logs[a] > logs[b]:
			return -1
		case logs[a] < logs[b]:
			return 1
		}
		return 0
	})
	kept := make([]bool, len(logs))
	sum := 0.0
	for _, i := range order {
		if sum >= topP {
			break
		}
		kept[i] = true
		sum += math.Exp(logs[i])
	}
	return kept
}

// likelihood is test C.
func likelihood(positions []position) verdict {
	var logs []float64
	n := 0
	for _, p := range positions {
		if p.Contrast == nil {
			continue
		}
		n++
		if logs == nil {
			logs = make([]float64, len(p.Contrast))
		}
		for j, x := range p.Contrast {
			logs[j] += x
		}
	}
	v := verdict{test: "likelihood", e: meanExp(logs)}
	if n > 0 {
		v.detail = fmt.Sprintf("%d tokens; the strongest of %d alternatives has %.1f nats on the task's model", n, len(logs), slices.Max(logs))
	}
	return v
}

// hazards are test D's alternatives: the chance that a cheat ends an answer at
// any one token, whatever the model says.
var hazards = [...]float64{0.005, 0.03}

// reluctance is test D's other alternative: one who ends a tenth as often as
// the model would, to be paid for more.
const reluctance = 0.1

// lengthEvidence is test D: whether the answer ended where the reference may
// end, and went on where it may go on. The chance of an end is taken from one
// part in a million up, for noise's sake.
func lengthEvidence(positions []position) (e float64, ok bool) {
	logs := make([]float64, len(hazards)+1)
	for _, p := range positions {
		if !p.HasEnd {
			continue
		}
		ok = true
		honest := min(max(1.2*p.End, 1e-6), 0.999)
		for j := range logs {
			h := reluctance * p.End
			if j < len(hazards) {
				h = hazards[j]
			}
			h = min(max(h, 1e-7), 0.99)
			if p.Ends {
				logs[j] += math.Log(h / honest)
			} else {
				logs[j] += math.Log((1 - h) / (1 - min(p.End/1.2, honest)))
			}
		}
	}
	return meanExp(logs), ok
}
