package evidence

import (
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

// lowestTemperature is the lowest that test C knows: below it a little noise
// on the logits changes probabilities too much. What was drawn at a lower one
// may only look too likely, which is then not held against it.
const lowestTemperature = 0.15

// TopPSlack is by how much a miner's top_p may differ for noise's sake.
func TopPSlack(noise, temperature float64) float64 {
	return max(0.02, 3*shift(noise/max(temperature, lowestTemperature)))
}

// Outcomes is a distribution over the next token as far as a reference shows
// it: natural logarithms at temperature 1. A tail that is shown only as a whole
// is one outcome.
type Outcomes []float64

// Drawn gives the logarithms of the distribution that a request with this
// temperature and top_p draws from. Top_p is taken a little larger than asked,
// and one part in ten thousand of the whole distribution is mixed in, so that
// no rounding makes an honest token impossible.
func (o Outcomes) Drawn(temperature, topP, noise float64) []float64 {
	p := o.at(temperature)
	if topP <= 0 || topP >= 1 {
		return p
	}
	const outside = 1e-4
	kept, share := nucleus(p, topP+TopPSlack(noise, temperature))
	for i := range p {
		x := outside
		if kept[i] {
			x += (1 - outside) / share
		}
		p[i] += math.Log(x)
	}
	return p
}

// at gives the logarithms at a temperature.
func (o Outcomes) at(temperature float64) []float64 {
	t := max(temperature, lowestTemperature)
	p := make([]float64, len(o))
	for i, lp := range o {
		p[i] = max(lp, -700) / t
	}
	normalise(p)
	return p
}

// Contrast fills in what test C compares at a position: p is the distribution
// that the request draws from, given as the reference shows it at temperature 1,
// token the index of what the miner wrote, others are other models' over the
// same outcomes.
func (pos *Position) FillContrast(o Outcomes, token int, temperature, topP, noise float64, others ...Outcomes) []float64 {
	p := o.Drawn(temperature, topP, noise)
	t := max(temperature, lowestTemperature)
	low := temperature < lowestTemperature
	pos.Contrast = make([]float64, 0, Alternatives+len(others))
	pos.Flatter = make([]float64, 0, Alternatives+len(others))
	square := 0.0 // sum of p^2
	for _, lp := range p {
		if lp > negligible {
			q := math.Exp(lp)
			square += q * q
			pos.Entropy -= q * lp
			pos.Variance += q * lp * lp
		}
	}
	pos.Variance = max(0, pos.Variance-pos.Entropy*pos.Entropy)
	pos.Own = p[token]
	// Independent noise of sd s nats on p's logits raises the expected value of
	// q/p by s^2 times sum of p(p - q), to second order: see docs/verification.md.
	add := func(log, cross float64) {
		pos.Contrast = append(pos.Contrast, log)
		pos.Flatter = append(pos.Flatter, max(0, square-cross)/(t*t))
	}
	for _, power := range powers {
		if power > 1 && low {
			add(0, square)
			continue
		}
		top := slices.Max(p)
		sum, cross := 0.0, 0.0
		for _, lp := range p {
			if lp > negligible {
				x := math.Exp(power * (lp - top))
				sum += x
				cross += x * math.Exp(lp)
			}
		}
		add((power-1)*(p[token]-top)-top-math.Log(sum), cross/sum)
	}
	pos.bends(p, token, low, add)
	if full := o.at(temperature); topP > 0 && topP < 1 {
		add(full[token]-p[token], overlap(p, full))
	} else {
		add(0, square)
	}
	for _, other := range others {
		q := other.Drawn(temperature, topP, noise)
		add(q[token]-p[token], overlap(p, q))
	}
	return p
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

// bends adds the alternatives by rank. Outcomes below one in a thousand are the tail.
func (pos *Position) bends(p []float64, token int, low bool, add func(log, cross float64)) {
	const least = -6.9
	var order []int
	for i, lp := range p {
		if lp >= least {
			order = append(order, i)
		}
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch {
		case p[a] > p[b]:
			return -1
		case p[a] < p[b]:
			return 1
		}
		return 0
	})
	var ratios, cross [2]float64
	before := 0.0
	one := func(share float64) (q [2]float64) {
		after := min(1, before+share)
		if after <= before {
			return q
		}
		q[0] = math.Pow(after, bend) - math.Pow(before, bend)
		q[1] = math.Pow(1-before, bend) - math.Pow(1-after, bend)
		before = after
		return q
	}
	found := false
	for _, i := range order {
		share := math.Exp(p[i])
		q := one(share)
		for k := range q {
			cross[k] += share * q[k]
			if i == token {
				ratios[k], found = q[k]/share, true
			}
		}
	}
	if !found {
		tail := 1 - before
		q := one(tail)
		for k := range q {
			ratios[k] = q[k] / max(tail, 1e-12)
		}
	}
	for k, x := range ratios {
		if k == 1 && low {
			x = 1
		}
		add(math.Log(max(x, 1e-12)), cross[k])
	}
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

// nucleus marks the smallest set of likeliest outcomes whose share reaches
// topP, and gives that share.
func nucleus(logs []float64, topP float64) (kept []bool, share float64) {
	order := make([]int, 0, len(logs))
	least := math.Log(max(1-topP, 1e-9) / float64(len(logs))) // what is less likely cannot be in it
	for i, lp := range logs {
		if lp >= least {
			order = append(order, i)
		}
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
	kept = make([]bool, len(logs))
	for _, i := range order {
		if share >= topP {
			break
		}
		kept[i] = true
		share += math.Exp(logs[i])
	}
	return kept, max(share, 1e-300)
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
