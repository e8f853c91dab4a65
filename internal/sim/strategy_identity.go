package sim

// Split spreads its GPUs over several identities, and is honest with each.
type Split struct{ Identities int }

func (d Split) Found(o *Operator) {
	part := float64(o.GPUs) / float64(d.Identities)
	for range d.Identities {
		o.Declare(o.Register(o.Buy(part)), o.Home, o.Capacity(o.Home, part))
	}
}
func (Split) Begin(*Operator, int)         {}
func (Split) Answer(*Operator, *Query) Act { return Act{} }

// Merge has another operator's GPUs of the same number as well, under one identity.
type Merge struct{}

func (Merge) Found(o *Operator) {
	gpus := 2 * float64(o.GPUs)
	o.Register(o.Buy(gpus))
	o.Declare(0, o.Home, o.Capacity(o.Home, gpus))
}
func (Merge) Begin(*Operator, int)         {}
func (Merge) Answer(*Operator, *Query) Act { return Act{} }

// Fresh takes a new identity again and again.
type Fresh struct{ Every int }

func (Fresh) Found(o *Operator) { Honest{}.Found(o) }
func (d Fresh) Begin(o *Operator, period int) {
	if period > 0 && period%d.Every == 0 {
		o.Again(0)
	}
}
func (Fresh) Answer(*Operator, *Query) Act { return Act{} }

// Reregister serves a cheaper model, and takes a new identity once its income
// has stayed below a third of its best for three periods.
type Reregister struct{}

type registered struct {
	best float64
	low  int
}

func (Reregister) Found(o *Operator) {
	o.Mind = &registered{}
	Cheapen{Share: 1}.Found(o)
}

func (Reregister) Begin(o *Operator, period int) {
	m := o.Mind.(*registered)
	m.best = max(m.best, o.Earned)
	if o.Earned >= m.best/3 {
		m.low = 0
		return
	}
	if m.low++; m.low >= 3 {
		*m = registered{}
		o.Again(0)
	}
}
func (Reregister) Answer(*Operator, *Query) Act { return Act{Model: Cheap} }
