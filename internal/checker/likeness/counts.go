package likeness

import (
	"fmt"
	"math"
)

// Counts is what was seen of one honest stack: how many items deviated by at
// least each point of a measure's grid.
type Counts struct {
	Responses int                `json:"responses"`
	Measures  map[Measure]*Count `json:"measures,omitempty"`
}

// Count is what was seen of one measure.
type Count struct {
	N      int   `json:"n"`
	Beyond []int `json:"beyond"` // for each point of the grid, those at or beyond it
}

// Add counts a response of an honest stack.
func (c *Counts) Add(r *Response) {
	c.Responses++
	for _, item := range r.Items {
		for m, d := range item {
			grid := m.grid()
			if grid == nil {
				continue
			}
			if c.Measures == nil {
				c.Measures = map[Measure]*Count{}
			}
			n := c.Measures[m]
			if n == nil {
				n = &Count{Beyond: make([]int, len(grid))}
				c.Measures[m] = n
			}
			n.N++
			for i, at := range grid {
				if d >= at {
					n.Beyond[i]++
				}
			}
		}
	}
}

// Check refuses counts that no series of responses makes.
func (c *Counts) Check() error {
	for m, n := range c.Measures {
		grid := m.grid()
		if grid == nil || n == nil || len(n.Beyond) != len(grid) {
			return fmt.Errorf("counts of %q do not fit its grid", m)
		}
		last := n.N
		for _, k := range n.Beyond {
			if k < 0 || k > last {
				return fmt.Errorf("counts of %q do not add up", m)
			}
			last = k
		}
	}
	return nil
}

// Least is how many items of a measure must be counted for its bounds to take
// the place of those assumed.
const Least = 1000

// Knots is the number of bounds that a calibration of a stack can have.
func Knots() (n int) {
	for _, m := range Measures() {
		n += m.knots()
	}
	return n
}

// Calibrated gives the bounds that hold for all of some honest stacks. upper is
// the upper end of a confidence interval for a chance, of which k in n was seen.
//
// Where honest deviations were seen, what was counted is the bound, be it wider or
// narrower than what is assumed; further out than any, the smaller of the two.
func Calibrated(stacks []Counts, upper func(k, n int) float64) Bounds {
	var b Bounds
	for _, m := range Measures() {
		var all Tail
		seen := false
		for i := range stacks {
			n := stacks[i].Measures[m]
			if n == nil || n.N < Least {
				continue
			}
			t := n.tail(m, upper)
			if !seen {
				all, seen = t, true
				continue
			}
			for j := range all {
				all[j].P = max(all[j].P, t[j].P)
			}
		}
		if seen {
			if b.Measured == nil {
				b.Measured = map[Measure]Tail{}
			}
			b.Measured[m] = all.orderly()
		}
	}
	if t, ok := b.Measured[PSNR]; ok {
		b.Noise = noiseOf(t)
	}
	return b
}

// tail is a bound for one stack, on the grid and on the knots of what is assumed.
func (c *Count) tail(m Measure, upper func(k, n int) float64) Tail {
	grid := m.grid()
	var out Tail
	for _, at := range edges(builtin[m], onGrid(grid)) {
		k := c.N
		for i, g := range grid {
			if g <= at {
				k = c.Beyond[i]
			}
		}
		p := upper(k, c.N)
		if k == 0 {
			p = min(p, builtin[m].Bound(at))
		}
		out = append(out, Knot{at, p})
	}
	return out
}

func onGrid(grid []float64) (t Tail) {
	for _, at := range grid {
		t = append(t, Knot{At: at})
	}
	return t
}

// orderly makes bounds fall: a deviation is no likelier than a smaller one.
func (t Tail) orderly() Tail {
	p := 1.0
	for i := range t {
		p = min(p, t[i].P)
		t[i].P = p
	}
	return t
}

// noiseOf is the noise that few honest pictures exceed: at the first point that
// at most one in fifty does.
func noiseOf(t Tail) float64 {
	for _, k := range t {
		if k.P <= 0.02 {
			return meanSquare(-k.At)
		}
	}
	return meanSquare(20)
}

// meanSquare is that of a peak signal to noise ratio in decibels, in grey levels.
func meanSquare(db float64) float64 { return 255 * 255 / math.Pow(10, db/10) }
