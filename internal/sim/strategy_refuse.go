package sim

// RefuseOrganics refuses what it takes for customers' requests.
type RefuseOrganics struct{}

func (RefuseOrganics) Found(o *Operator)    { Honest{}.Found(o) }
func (RefuseOrganics) Begin(*Operator, int) {}
func (RefuseOrganics) Answer(_ *Operator, q *Query) Act {
	if q.Organic {
		return Act{Verb: Refuse}
	}
	return Act{}
}

// RefuseLong refuses requests that are longer than so many times the mean.
type RefuseLong struct{ Above float64 }

func (RefuseLong) Found(o *Operator)    { Honest{}.Found(o) }
func (RefuseLong) Begin(*Operator, int) {}
func (d RefuseLong) Answer(o *Operator, q *Query) Act {
	if float64(q.Units) > d.Above*o.World().Tasks[q.Task].Units {
		return Act{Verb: Refuse}
	}
	return Act{}
}

// Spared keeps a part of its slots free of single requests, so that it is fast.
type Spared struct{ Part float64 }

func (Spared) Found(o *Operator)    { Honest{}.Found(o) }
func (Spared) Begin(*Operator, int) {}
func (d Spared) Answer(_ *Operator, q *Query) Act {
	if !q.inBurst() && float64(q.Running) >= d.Part*float64(q.Slots) {
		return Act{Verb: Refuse}
	}
	return Act{}
}
