package evidence

import (
	"cmp"
	"math"
	"slices"
)

// TopPSlack is by how much a miner's top_p may differ for noise's sake.
func TopPSlack(noise, temperature float64) float64 {
	return max(0.02, 3*shift(noise/max(temperature, LowestTemperature)))
}

// Outcomes is a distribution over the next token as far as a reference shows
// it: natural logarithms at temperature 1. A tail that is shown only as a whole
// is one outcome.
type Outcomes []float64

// Shape is the distribution that a request draws from, as well as it can be
// known: with top_p an honest miner, whose noise may move the edge of what is kept,
// draws from one of several.
type Shape struct {
	full  []float64 // ln p at the request's temperature, top_p aside
	order []int     // outcomes from the likeliest down, as far as any may be kept; nil without top_p
	rank  []int     // place in order, from 1; 0 for none of it
	mass  []float64 // of the first 1, 2, … of order

	least, exact, most int // how many are kept, as far as noise may move it

	inside float64 // ln of what exact many share

	tail            *tail   // nil where all outcomes are shown
	leastTopP, topP float64 // as far as noise may move it, down and up
}

// lnOutside is ln of outside.
var lnOutside = math.Log(outside)

// outside is how much of the whole distribution is mixed in where honest miners
// are bounded, so that nothing makes an honest token impossible; aside is the
// same for alternatives, which are not as strict.
const (
	outside = 1e-4
	aside   = 1e-2
)

// Drawn gives the shape of the distribution that a request with this temperature
// and top_p draws from, noise (nats) allowed for.
func (o Outcomes) Drawn(temperature, topP, noise float64) *Shape {
	return o.drawn(temperature, topP, noise, false)
}

// drawn is Drawn, of outcomes whose last may be a tail.
func (o Outcomes) drawn(temperature, topP, noise float64, listed bool) *Shape {
	s := &Shape{}
	low, high := 1.0, 1.0 // all together
	if listed && len(o) > 1 {
		s.full, s.tail = o.withTail(temperature)
		low, high = s.tail.totalLow(), s.tail.totalHigh()
	} else {
		s.full = o.at(temperature)
	}
	if topP <= 0 || topP >= 1 {
		return s
	}
	slack := TopPSlack(noise, temperature)
	s.leastTopP, s.topP = topP-slack, topP+slack
	floor := math.Inf(-1)
	if topP+slack < 1 && s.tail == nil { // what is less likely than this cannot be kept
		floor = math.Log((1 - topP - slack) / float64(len(o)))
	}
	s.rank = make([]int, len(o))
	for i, lp := range s.full {
		if lp >= floor {
			s.order = append(s.order, i)
		}
	}
	sorted := s.order
	if s.tail != nil { // each of its tokens is less likely than those that are listed
		sorted = sorted[:len(sorted)-1]
	}
	slices.SortStableFunc(sorted, func(a, b int) int { return cmp.Compare(s.full[b], s.full[a]) })
	sum := 0.0
	for k, i := range s.order {
		s.rank[i] = k + 1
		if s.least == 0 && sum >= (topP-slack)*low && k > 0 {
			s.least = k
		}
		if s.exact == 0 && sum >= topP && k > 0 {
			s.exact = k
		}
		if s.most == 0 && sum >= (topP+slack)*high && k > 0 {
			s.most = k
		}
		sum += math.Exp(s.full[i])
		s.mass = append(s.mass, sum)
	}
	n := len(s.order)
	s.most = or0(s.most, n)
	s.exact = or0(s.exact, s.most)
	s.least = or0(s.least, s.exact)
	s.inside = math.Log(s.mass[s.exact-1])
	return s
}

func or0(n, other int) int {
	if n == 0 {
		return other
	}
	return n
}

// own is ln p of an outcome, kept being as many as would be without noise.
func (s *Shape) own(i int) float64 {
	switch {
	case s.order == nil:
		return s.full[i]
	case s.rank[i] == 0 || s.rank[i] > s.exact:
		return s.full[i] + lnOutside
	}
	return s.full[i] - s.inside
}

// bound is the logarithm of the most that an outcome's probability can be.
func (s *Shape) bound(i int) float64 {
	switch {
	case s.tail != nil:
		return s.boundListed(i)
	case s.order == nil:
		return s.full[i]
	case s.rank[i] == 0 || s.rank[i] > s.most:
		return s.full[i] + lnOutside
	}
	return s.full[i] + math.Log(1/s.mass[max(s.least, s.rank[i])-1]+outside)
}

// FillOwn fills in how likely a position's token is by itself: its outcome is i.
func (pos *Position) FillOwn(s *Shape, i int) { pos.Own, pos.Most = s.own(i), s.bound(i) }

// Own is an outcome's probability.
func (s *Shape) Own(i int) float64 { return math.Exp(s.own(i)) }

// Range is how low and how high an outcome's probability may be for where the
// edge of top_p lies.
func (s *Shape) Range(i int) (low, high float64) {
	high = math.Exp(s.bound(i))
	switch {
	case s.order == nil:
		return high, high
	case s.rank[i] == 0 || s.rank[i] > s.least:
		return 0, high
	}
	return math.Exp(s.full[i]) / s.mass[s.most-1], high
}

// wide gives the logarithms of a distribution for alternatives to be made from:
// all that may be kept, and a little of the rest.
func (s *Shape) wide() []float64 {
	if s.order == nil {
		return s.full
	}
	p := slices.Clone(s.full)
	inside, beyond := math.Log((1-aside)/s.mass[s.most-1]+aside), math.Log(aside)
	for i := range p {
		if s.rank[i] > 0 && s.rank[i] <= s.most {
			p[i] += inside
		} else {
			p[i] += beyond
		}
	}
	return p
}

// at gives the logarithms at a temperature.
func (o Outcomes) at(temperature float64) []float64 {
	t := max(temperature, LowestTemperature)
	p := make([]float64, len(o))
	for i, lp := range o {
		p[i] = max(lp, -700) / t
	}
	normalise(p)
	return p
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
