package sim

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

// Votes multiplies the operator's weight.
func (c *Collude) Votes(o *Operator, validator int, weights, _ []float64) bool {
	for _, v := range c.Validators {
		if v == validator {
			for _, id := range o.Identities {
				weights[id] = max(weights[id], 1e-6) * c.Favour
			}
			return true
		}
	}
	return false
}

// Copy serves honestly, and one validator sets what consensus was in the period before as its weights.
type Copy struct{ Validator int }

func (Copy) Found(o *Operator)            { Honest{}.Found(o) }
func (Copy) Begin(*Operator, int)         {}
func (Copy) Answer(*Operator, *Query) Act { return Act{} }

// Votes copies.
func (c Copy) Votes(_ *Operator, validator int, weights, last []float64) bool {
	if validator != c.Validator {
		return false
	}
	clear(weights)
	copy(weights, last)
	return true
}
