package sim

import (
	"math"
	"slices"
)

// Collude serves honestly, and some validators favour it.
type Collude struct {
	Validators []int   // indices into World.Stakes; those that are not there are left out
	Favour     float64 // its weight is multiplied by this; infinite: it gets all of theirs, whether they know it or not
}

// strategy is a Collude that can be compared.
func (c Collude) strategy() Strategy { return &c }

func (*Collude) Found(o *Operator)            { Honest{}.Found(o) }
func (*Collude) Begin(*Operator, int)         {}
func (*Collude) Answer(*Operator, *Query) Act { return Act{} }

// Runs says whether the validator is one of those that favour it.
func (c *Collude) Runs(validator int) bool { return slices.Contains(c.Validators, validator) }

// Votes multiplies the operator's weight. One of 0, as all are of a validator that knows nobody so far, stays 0: half more
// than nothing is nothing, and would be all that there is.
func (c *Collude) Votes(o *Operator, weights, _ []float64) {
	all := math.IsInf(c.Favour, 1)
	if all {
		clear(weights)
	}
	for _, id := range o.Identities {
		if all {
			weights[id] = 1
		} else {
			weights[id] *= c.Favour
		}
	}
}

// Copy serves honestly, and one validator sets as its weights what consensus was in the period before, as the
// ledger shows it; while it shows nothing, all weigh the same.
type Copy struct{ Validator int }

func (Copy) Found(o *Operator)            { Honest{}.Found(o) }
func (Copy) Begin(*Operator, int)         {}
func (Copy) Answer(*Operator, *Query) Act { return Act{} }

// Runs says whether it is the validator that copies.
func (c Copy) Runs(validator int) bool { return validator == c.Validator }

// Votes copies.
func (Copy) Votes(_ *Operator, weights, last []float64) {
	clear(weights)
	if copy(weights, last); slices.Max(weights) > 0 {
		return
	}
	for i := range weights {
		weights[i] = 1
	}
}

// Smooth serves honestly, and one validator sets the mean of its own last weights: it checks as others do.
type Smooth struct {
	Validator int
	Over      int // periods
}

func (Smooth) Found(o *Operator)            { Honest{}.Found(o) }
func (Smooth) Begin(*Operator, int)         {}
func (Smooth) Answer(*Operator, *Query) Act { return Act{} }

// Runs says whether it is the validator whose weights are smoothed.
func (d Smooth) Runs(validator int) bool { return validator == d.Validator }

// Votes averages.
func (d Smooth) Votes(o *Operator, weights, _ []float64) {
	own, _ := o.Mind.([][]float64) // the last ones, oldest first
	own = append(own, slices.Clone(weights))
	own = own[max(len(own)-d.Over, 0):]
	o.Mind = own
	clear(weights)
	for _, row := range own {
		for i, x := range row {
			weights[i] += x / float64(len(own))
		}
	}
}
