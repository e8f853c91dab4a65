package sim

// Relay owns no GPUs and passes everything on to the network, as a customer.
type Relay struct{}

func (Relay) Found(o *Operator) {
	o.Register(o.Buy(0))
	o.Declare(0, o.Home, o.Capacity(o.Home, float64(o.GPUs)))
}
func (Relay) Begin(*Operator, int)         {}
func (Relay) Answer(*Operator, *Query) Act { return Act{Verb: Pass} }

// Outside owns no GPUs and passes everything on to an outside API.
type Outside struct{}

func (Outside) Found(o *Operator)            { Relay{}.Found(o) }
func (Outside) Begin(*Operator, int)         {}
func (Outside) Answer(*Operator, *Query) Act { return Act{Verb: API} }

// Overflow serves on its own GPUs what fits, and has an API answer the rest.
type Overflow struct {
	Declare float64
	Pay     float64 // for a unit at the API, in cost of a fully used GPU's
	Private bool    // the API serves the task's own weights: GPUs rented by the minute
	Bursts  bool    // only bursts overflow; else requests are refused
}

func (d Overflow) Found(o *Operator)  { Declare{d.Declare}.Found(o) }
func (Overflow) Begin(*Operator, int) {}
func (d Overflow) Answer(_ *Operator, q *Query) Act {
	if q.Running < q.Slots || d.Bursts && !q.inBurst() {
		return Act{}
	}
	return Act{Verb: API, Pay: d.Pay, Private: d.Private}
}
