package evidence

import (
	"cmp"
	"math"
	"slices"
)

// powers are test C's alternatives q = p^power / Z: the exact form of the
// two-sided z-score of ln p, sum(ln p + H) / sqrt(sum Var). Under a flatter q
// (below 1) unlikely tokens are likelier: so look texts of a higher temperature
// or of a coarser model. A steeper q is a lower temperature. For tokens drawn
// from p the product of q/p has expected value 1 whatever q is.
var powers = [...]float64{0.8, 0.92, 1.1, 1.4, 2}

// bends are its alternatives by rank: the probability integral transform, of
// outcomes ordered by probability with one for the tail, has density k u^(k-1)
// (too many unlikely ones) or its mirror (too few). The mean over the place
// within an outcome is taken instead of drawing one, which is a likelihood ratio again.
const bend = 1.5

// Alternatives is how many Contrast has without other models: powers, two
// bends, and one who ignores top_p.
const Alternatives = len(powers) + 3

// LowestTemperature is the lowest that tests C and E know: below it a little noise
// on the logits changes probabilities too much. What was drawn at a lower one
// may only look too likely, which is then not held against it.
const LowestTemperature = 0.15

// FillContrast fills in what test C compares at a position: p is the
// distribution that the request draws from, given as the reference shows it at
// temperature 1, token the index of what the miner wrote, others are other models'
// over the same outcomes. Each alternative q is a distribution and p an upper
// bound of every honest one, so that the expected value of q/p is at most 1.
func (pos *Position) FillContrast(o Outcomes, token int, temperature, topP, noise float64, others ...Outcomes) *Shape {
	return pos.fill(o, token, temperature, topP, noise, false, others)
}

// FillListed is FillContrast where a reference lists the likeliest tokens only: the
// last outcome, of o and of others, is all those that it does not list.
func (pos *Position) FillListed(o Outcomes, token int, temperature, topP, noise float64, others ...Outcomes) *Shape {
	return pos.fill(o, token, temperature, topP, noise, true, others)
}

func (pos *Position) fill(o Outcomes, token int, temperature, topP, noise float64, listed bool, others []Outcomes) *Shape {
	shape := o.drawn(temperature, topP, noise, listed)
	bound := shape.bound(token)
	p := shape.wide()
	t := max(temperature, LowestTemperature)
	low := temperature < LowestTemperature
	pos.Contrast = make([]float64, 0, Alternatives+len(others))
	pos.Flatter = make([]float64, 0, Alternatives+len(others))
	probs := make([]float64, len(p))
	square := 0.0 // sum of p^2
	for i, lp := range p {
		if lp > negligible {
			probs[i] = math.Exp(lp)
			square += probs[i] * probs[i]
		}
		own, q := lp, probs[i]
		if shape.order != nil {
			if own = shape.own(i); own <= negligible {
				continue
			}
			q = math.Exp(own)
		}
		pos.Entropy -= q * own
		pos.Variance += q * own * own
	}
	pos.Variance = max(0, pos.Variance-pos.Entropy*pos.Entropy)
	pos.Own, pos.Most = shape.own(token), bound
	// Independent noise of sd s nats on p's logits raises the expected value of
	// q/p by s^2 times sum of p(p - q), to second order: see docs/verification.md.
	add := func(q, cross float64) {
		pos.Contrast = append(pos.Contrast, q-bound)
		pos.Flatter = append(pos.Flatter, max(0, square-cross)/(t*t))
	}
	none := func() { add(bound, square) }
	top := slices.Max(p)
	for _, power := range powers {
		if power > 1 && low {
			none()
			continue
		}
		sum, cross := 0.0, 0.0
		for i, lp := range p {
			if lp > negligible {
				x := math.Exp(power * (lp - top))
				sum += x
				cross += x * probs[i]
			}
		}
		add(power*(p[token]-top)-math.Log(sum), cross/sum)
	}
	bends(p, token, listed, func(k int, q, cross float64) {
		if k == 1 && low {
			none()
			return
		}
		add(q, cross)
	})
	if shape.order != nil {
		add(shape.full[token], overlap(p, shape.full))
	} else {
		none()
	}
	for _, other := range others {
		if low { // honest miners are surer than p then, and so may others be
			none()
			continue
		}
		q := other.drawn(temperature, topP, noise, listed).wide()
		add(q[token], overlap(p, q))
	}
	return shape
}

// negligible logarithms are left out of sums.
const negligible = -40

// overlap is the sum of p q.
func overlap(p, q []float64) (sum float64) {
	for i := range p {
		if x := p[i] + q[i]; x > negligible {
			sum += math.Exp(x)
		}
	}
	return sum
}

// bends gives the two alternatives by rank: ln q of the token, and the sum of
// p q. Outcomes below one in a thousand are the tail, in which q is as p, and so is
// the last outcome where it is all that is not listed.
func bends(p []float64, token int, listed bool, give func(k int, q, cross float64)) {
	const least = -6.9
	var order []int
	for i, lp := range p {
		if lp >= least && !(listed && i == len(p)-1) {
			order = append(order, i)
		}
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(p[b], p[a]) })
	var ratios, cross [2]float64
	before := 0.0
	share := func(size float64) (q [2]float64) {
		after := min(1, before+size)
		q[0] = math.Pow(after, bend) - math.Pow(before, bend)
		q[1] = math.Pow(1-before, bend) - math.Pow(1-after, bend)
		before = after
		return q
	}
	found := false
	for _, i := range order {
		size := math.Exp(p[i])
		q := share(size)
		for k := range q {
			cross[k] += size * q[k]
			if i == token {
				ratios[k], found = q[k]/size, true
			}
		}
	}
	if !found {
		tail := max(1-before, 1e-12)
		q := share(tail)
		for k := range q {
			ratios[k] = q[k] / tail
		}
	}
	for k, x := range ratios {
		give(k, p[token]+math.Log(max(x, 1e-12)), cross[k])
	}
}

// likelihood is test C. noise costs each alternative what it may gain by it.
func (b *Bounds) likelihood(r *Response) *Part {
	part := &Part{Test: "likelihood", Weight: 1}
	for i := range r.Positions {
		p := &r.Positions[i]
		if p.Contrast == nil {
			continue
		}
		if part.Logs == nil {
			part.Logs = make([]float64, len(p.Contrast))
		}
		part.Tokens++
		for j, x := range p.Contrast {
			if j < len(part.Logs) {
				part.Logs[j] += x
				if j < len(p.Flatter) {
					part.Logs[j] -= 1.5 * b.Noise * b.Noise * p.Flatter[j]
				}
			}
		}
	}
	if part.Tokens == 0 {
		return nil
	}
	return part
}

// ZScore is how far a response's ln p are from what is expected, in standard
// deviations: above 0 too likely (a temperature too low), below too unlikely.
func ZScore(r *Response) float64 {
	sum, variance := 0.0, 0.0
	for i := range r.Positions {
		if p := &r.Positions[i]; p.Contrast != nil {
			sum += p.Own + p.Entropy
			variance += p.Variance
		}
	}
	if variance <= 0 {
		return 0
	}
	return sum / math.Sqrt(variance)
}
