package sim

import "slices"

// Collude serves honestly, and some validators favour it.
type Collude struct {
	Validators []int   // indices into World.Stakes; those that are not there are left out
	Favour     float64 // its weight is multiplied by this
}

// strategy is a Collude that can be compared.
func (c Collude) strategy() Strategy { return &c }

func (*Collude) Found(o *Operator)            { Honest{}.Found(o) }
func (*Collude) Begin(*Operator, int)         {}
func (*Collude) Answer(*Operator, *Query) Act { return Act{} }

// Runs says whether the validator is one of those that favour it.
func (c *Collude) Runs(validator int) bool { return slices.Contains(c.Validators, validator) }

// Votes multiplies the operator's weight.
func (c *Collude) Votes(o *Operator, weights, _ []float64) {
	for _, id := range o.Identities {
		weights[id] = max(weights[id], 1e-6) * c.Favour
	}
}

// Copy serves honestly, and one validator sets what consensus was in the period before as its weights.
type Copy struct{ Validator int }

func (Copy) Found(o *Operator)            { Honest{}.Found(o) }
func (Copy) Begin(*Operator, int)         {}
func (Copy) Answer(*Operator, *Query) Act { return Act{} }

// Runs says whether it is the validator that copies.
func (c Copy) Runs(validator int) bool { return validator == c.Validator }

// Votes copies.
func (Copy) Votes(_ *Operator, weights, last []float64) {
	clear(weights)
	copy(weights, last)
}
