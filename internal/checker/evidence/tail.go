package evidence

import "math"

// A server lists the likeliest tokens only, and what they leave at temperature 1
// is known as a sum: the last outcome, the tail. At another temperature T the sum of
// its tokens' p^(1/T) depends on how many share it, which nobody says. It is
// within two bounds, and an honest miner's tokens are measured by whichever
// makes them likelier:
//
//	all of them are as likely as the least one listed │ m p^(1/T-1)
//	as many as a vocabulary holds share it evenly     │ m^(1/T) n^(1-1/T)
//
// with m the tail's share and p the least listed probability. At T = 1 both are
// m. (To take m^(1/T), as for a single token, made honest answers below T = 1 look too
// unlikely wherever m was large: the mean of q/p was far above 1.)

// vocabulary is more tokens than any model has.
const vocabulary = 1 << 18

// tail is how much the last outcome of a Shape may weigh, where it is a tail: in units
// of the whole as full has it.
type tail struct {
	low, high float64 // of the tail
	listed    float64 // of all others together
	least     float64 // of the least of the others: no token of the tail is above it
}

// least and most that all together may weigh.
func (t *tail) totalLow() float64  { return t.listed + t.low }
func (t *tail) totalHigh() float64 { return t.listed + t.high }

// withTail is at for outcomes of which the last is a tail; full has the tail at
// the geometric mean of its bounds.
func (o Outcomes) withTail(temperature float64) ([]float64, *tail) {
	t := max(temperature, LowestTemperature)
	n := len(o) - 1
	p := make([]float64, len(o))
	least := 0.0
	for i, lp := range o[:n] {
		p[i] = max(lp, -700) / t
		least = min(least, max(lp, -700))
	}
	rest := max(o[n], -700)
	a, b := rest+(1/t-1)*least, rest/t+(1-1/t)*math.Log(vocabulary)
	a, b = max(a, -700/t), max(b, -700/t)
	p[n] = (a + b) / 2
	before := p[n]
	normalise(p)
	shift := p[n] - before
	out := &tail{low: math.Exp(min(a, b) + shift), high: math.Exp(max(a, b) + shift), least: math.Exp(least/t + shift)}
	for _, lp := range p[:n] {
		out.listed += math.Exp(lp)
	}
	return p, out
}

// boundListed is Shape.bound where there is a tail.
func (s *Shape) boundListed(i int) float64 {
	t, n := s.tail, len(s.full)-1
	if i == n {
		kept := t.high
		if s.order != nil {
			// The token that reaches top_p is kept whole.
			kept = min(kept, s.topP*t.totalHigh()-t.listed+t.least)
			if s.most <= n || kept <= 0 {
				return math.Log(t.high/t.totalHigh()) + lnOutside
			}
			return math.Log(kept/(t.listed+kept) + outside*t.high/t.totalHigh())
		}
		return math.Log(kept / (t.listed + kept))
	}
	switch {
	case s.order == nil:
		return s.full[i] - math.Log(t.totalLow())
	case s.rank[i] > s.most:
		return s.full[i] - math.Log(t.totalLow()) + lnOutside
	}
	kept := max(s.mass[min(n, max(s.least, s.rank[i]))-1], s.leastTopP*t.totalLow())
	return s.full[i] + math.Log(1/kept+outside/t.totalLow())
}
