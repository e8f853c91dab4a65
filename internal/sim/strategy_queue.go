package sim

// Queue declares too much and lets requests wait for a slot.
type Queue struct {
	Factor float64
	Depth  int
}

func (d Queue) Found(o *Operator)            { Declare{d.Factor}.Found(o) }
func (Queue) Begin(*Operator, int)           {}
func (d Queue) Answer(*Operator, *Query) Act { return Act{Queue: d.Depth} }

// Dribble declares too much and runs more at once than its GPUs have slots, each the slower.
type Dribble struct {
	Factor float64
	Most   float64 // times the slots
}

func (d Dribble) Found(o *Operator)  { Declare{d.Factor}.Found(o) }
func (Dribble) Begin(*Operator, int) {}
func (d Dribble) Answer(_ *Operator, q *Query) Act {
	return Act{Over: float64(q.Running) < d.Most*float64(q.Slots)}
}
