package checker

import "math"

// A test multiplies, over the tokens of an answer, how much likelier what was
// seen is for a cheat than the most it can be for an honest miner. The result
// is an e-value: its expected value for an honest miner is at most 1, so that
// it exceeds x with probability at most 1/x.
//
// Each token falls into a bin by how uncertain the reference itself is there,
// and has one of four results: it agrees with the reference; it is near, that
// is, another token that noise can explain; it is far, which noise hardly
// explains; or absurd, which only a bug or another text does. For each bin
// honest holds upper bounds of the probabilities of all but the first, and
// cheats what they are for alternatives, never below the bounds. That makes
// the expected factor increase with the true probabilities, hence at most 1
// below the bounds.
type result uint8

const (
	agrees result = iota
	near
	far
	absurd
)

// odds are the probabilities of the results other than agrees.
type odds struct{ near, far, absurd float64 }

func (o odds) agrees() float64 { return 1 - o.near - o.far - o.absurd }

// tally collects the evidence of one answer: the logarithm of the product, for
// each alternative.
type tally struct {
	logs      []float64
	positions int
	nears     int
	fars      int // absurd ones included
}

// add takes one token. All alternatives are raised to the honest bounds.
func (t *tally) add(r result, honest odds, cheats []odds) {
	if t.logs == nil {
		t.logs = make([]float64, len(cheats))
	}
	t.positions++
	for j, c := range cheats {
		c = odds{max(c.near, honest.near), max(c.far, honest.far), max(c.absurd, honest.absurd)}
		switch r {
		case near:
			t.logs[j] += math.Log(c.near / honest.near)
		case far:
			t.logs[j] += math.Log(c.far / honest.far)
		case absurd:
			t.logs[j] += math.Log(c.absurd / honest.absurd)
		default:
			t.logs[j] += math.Log(c.agrees() / honest.agrees())
		}
	}
	switch r {
	case near:
		t.nears++
	case far, absurd:
		t.fars++
	}
}

// e is the mean over the alternatives, an e-value again. Without tokens it is 1.
func (t *tally) e() float64 { return meanExp(t.logs) }

// meanExp is the mean of exp(x), at most 1e300; 1 for no x.
func meanExp(logs []float64) float64 {
	if len(logs) == 0 {
		return 1
	}
	sum := 0.0
	for _, x := range logs {
		sum += math.Exp(min(x, 690))
	}
	return min(sum/float64(len(logs)), 1e300)
}

// halfOctave is the lower end of the half-octave of x, from 2^-10 to 2^4; 0
// below. Bins keep a table of measured bounds small, and a bound for a bin's
// lower end holds in all of it.
func halfOctave(x float64) float64 {
	if !(x >= 1.0/1024) {
		return 0
	}
	return math.Pow(2, math.Floor(2*math.Log2(min(x, 16)))/2)
}

// beyond is the probability that a normal variable exceeds x standard deviations.
func beyond(x float64) float64 { return 0.5 * math.Erfc(x/math.Sqrt2) }

// quality turns evidence into a quality: 1 up to E = 3, then falling with the
// logarithm to 0 at E = 10^4. An honest miner whose noise is within bounds
// loses at most 0.04 in the mean whatever the tests (P(E > x) <= 1/x), and in
// practice almost nothing; see docs/verification.md.
func quality(e float64) float64 {
	const from, to = 3, 1e4
	if !(e > from) {
		return 1
	}
	return max(0, 1-math.Log(e/from)/math.Log(to/from))
}
