package sim

// Declare owns its GPUs, declares so many times what they can do, serves what it can and refuses the rest.
type Declare struct{ Factor float64 }

func (d Declare) Found(o *Operator) {
	o.Register(o.Buy(float64(o.GPUs)))
	o.Declare(0, o.Home, d.Factor*o.Capacity(o.Home, float64(o.GPUs)))
}
func (Declare) Begin(*Operator, int)         {}
func (Declare) Answer(*Operator, *Query) Act { return Act{} }

// Owned declares what a full set of GPUs could do, and owns a part of it.
type Owned struct{ Part float64 }

func (d Owned) Found(o *Operator) {
	o.Register(o.Buy(d.Part * float64(o.GPUs)))
	o.Declare(0, o.Home, o.Capacity(o.Home, float64(o.GPUs)))
}
func (Owned) Begin(*Operator, int)         {}
func (Owned) Answer(*Operator, *Query) Act { return Act{} }
