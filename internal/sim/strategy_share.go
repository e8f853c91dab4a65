package sim

// SharedTasks declares all that its GPUs can do on each of several tasks.
type SharedTasks struct{ Tasks int }

func (d SharedTasks) Found(o *Operator) {
	o.Register(o.Buy(float64(o.GPUs)))
	for i := range d.Tasks {
		task := (o.Home + i) % len(o.World().Tasks)
		o.Declare(0, task, o.Capacity(task, float64(o.GPUs)))
	}
}
func (SharedTasks) Begin(*Operator, int)         {}
func (SharedTasks) Answer(*Operator, *Query) Act { return Act{} }

// SharedUIDs has several identities over the same GPUs, each declaring all of them.
type SharedUIDs struct{ Identities int }

func (d SharedUIDs) Found(o *Operator) {
	server := o.Buy(float64(o.GPUs))
	for range d.Identities {
		o.Declare(o.Register(server), o.Home, o.Capacity(o.Home, float64(o.GPUs)))
	}
}
func (SharedUIDs) Begin(*Operator, int)         {}
func (SharedUIDs) Answer(*Operator, *Query) Act { return Act{} }

// SharedValidators declares to each validator so much that its share of it is all that the GPUs can do.
type SharedValidators struct{}

func (SharedValidators) Found(o *Operator) {
	o.Register(o.Buy(float64(o.GPUs)))
	o.DeclareToEach(0, o.Home, o.Capacity(o.Home, float64(o.GPUs)))
}
func (SharedValidators) Begin(*Operator, int)         {}
func (SharedValidators) Answer(*Operator, *Query) Act { return Act{} }
