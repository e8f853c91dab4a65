package evidence

import "math"

// Outcome is what one token says. It agrees with the reference; it is near,
// that is, another token that noise can explain; far, which noise hardly
// explains; or absurd, which only a bug or another text does.
type Outcome uint8

// The outcomes, from the best to the worst.
const (
	Agrees Outcome = iota
	Near
	Far
	Absurd
)

// Odds are the probabilities of the outcomes other than Agrees; together [0, 1].
type Odds struct {
	Near   float64 `json:"near"`
	Far    float64 `json:"far"`
	Absurd float64 `json:"absurd"`
}

func (o Odds) agrees() float64 { return 1 - o.Near - o.Far - o.Absurd }

// above raises each probability to at least the bound's.
func (o Odds) above(bound Odds) Odds {
	o = Odds{max(o.Near, bound.Near), max(o.Far, bound.Far), max(o.Absurd, bound.Absurd)}
	if o.agrees() <= 0 { // a bound near 1 leaves no room to be worse
		return bound
	}
	return o
}

// ratio is ln of how much likelier an outcome is under o than under the bound.
func (o Odds) ratio(r Outcome, bound Odds) float64 {
	switch r {
	case Near:
		return math.Log(o.Near / bound.Near)
	case Far:
		return math.Log(o.Far / bound.Far)
	case Absurd:
		return math.Log(o.Absurd / bound.Absurd)
	}
	return math.Log(o.agrees() / bound.agrees())
}

// tally multiplies, over the tokens of a response, how much likelier an outcome
// is for a cheat than the most it can be for an honest miner. Alternatives are
// never below the bounds, which makes the factor for agreeing at most 1 and all
// others at least 1: the expected factor increases with the honest
// probabilities, and is 1 at the bounds.
type tally struct {
	logs   []float64 // of the product, for each alternative
	nears  int
	fars   int // absurd ones included
	tokens int
}

func (t *tally) add(r Outcome, honest Odds, cheats []Odds) {
	if t.logs == nil {
		t.logs = make([]float64, len(cheats))
	}
	t.tokens++
	for j, c := range cheats {
		t.logs[j] += c.above(honest).ratio(r, honest)
	}
	switch r {
	case Near:
		t.nears++
	case Far, Absurd:
		t.fars++
	}
}

// Bins are half-octaves of how sure the reference is: 0 for less than 2^-10,
// then up to 2^4.
const Bins = 30

// Bin says in which one x falls.
func Bin(x float64) int {
	if !(x >= 1.0/1024) {
		return 0
	}
	return 21 + int(math.Floor(2*math.Log2(min(x, 16))+1e-9))
}

// Low is the lower end of a bin. A bound for it holds in all of the bin.
func Low(bin int) float64 {
	if bin <= 0 {
		return 0
	}
	return math.Pow(2, float64(bin-21)/2)
}

// MeanExp is the mean of exp(x), finite; 1 for no x.
func MeanExp(logs []float64) float64 {
	if len(logs) == 0 {
		return 1
	}
	sum := 0.0
	for _, x := range logs {
		sum += math.Exp(min(x, 600))
	}
	return sum / float64(len(logs))
}

// beyond is the probability that a normal variable exceeds x standard deviations.
func beyond(x float64) float64 { return 0.5 * math.Erfc(x/math.Sqrt2) }
