package likeness

import (
	"math"
	"slices"
)

// Knot bounds the chance that an honest deviation, in its measure's unit, is At or
// more: by P, (0, 1].
type Knot struct {
	At float64 `json:"at"`
	P  float64 `json:"p"`
}

// Tail bounds the chance of deviations: by P of the last knot that is not
// beyond, and by 1 before the first. Knots ascend, their P do not.
type Tail []Knot

// Bound is the most that the chance of a deviation as large can be, in (0, 1].
// What is no number is as large as can be.
func (t Tail) Bound(deviation float64) float64 {
	p := 1.0
	for _, k := range t {
		if deviation < k.At {
			break
		}
		p = k.P
	}
	return p
}

// Evidence is the e-value of a p-value: the mean over kappa in (0, 1) of kappa
// p^(kappa-1), each of which has the mean 1 over p evenly spread in (0, 1). It is 1/2
// for p = 1, 3 for 0.02, 118 for 10^-4 and 3 x 10^5 for 10^-8.
func Evidence(p float64) float64 {
	l := math.Log(p)
	switch {
	case !(p > 0):
		return most
	case l > -1e-3: // the series: the fraction loses all its digits here
		return 0.5 - l/6
	}
	return min(most, (1-p+p*l)/(p*l*l))
}

// most is the largest e-value: below what the judgement takes for a proof.
const most = 1e100

func edges(tails ...Tail) (list []float64) {
	for _, t := range tails {
		for _, k := range t {
			list = append(list, k.At)
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// mean is the mean of e-values, an e-value whatever they depend on; 1 for none.
func mean(list []float64) float64 {
	if len(list) == 0 {
		return 1
	}
	sum := 0.0
	for _, e := range list {
		sum += e / float64(len(list))
	}
	return min(sum, most)
}

// product bets on one item after the other: the mean over three stakes of the
// product of (1 - stake) + stake e. The stakes are 1, which finds in the fewest items whoever
// gets them all wrong, a half, and one in so many items as there are, which finds one wrong among them.
func product(list []float64) float64 {
	n := float64(len(list))
	if n == 0 {
		return 1
	}
	sum := 0.0
	for _, stake := range []float64{1, 0.5, 1 / n} {
		log := 0.0
		for _, e := range list {
			log += math.Log(1 - stake + stake*e)
		}
		sum += math.Exp(min(log, 230)) / 3
	}
	return min(sum, most)
}
