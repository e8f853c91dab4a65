package sim

// Stretched writes answers of so many times an honest one's length, and
// declares what its GPUs can do with the time that is left.
type Stretched struct{ Length float64 }

func (d Stretched) Found(o *Operator)            { Declare{max(1/d.Length, 1)}.Found(o) }
func (Stretched) Begin(*Operator, int)           {}
func (d Stretched) Answer(*Operator, *Query) Act { return Act{Stretch: d.Length} }

// Cached gives answers to prompts that it has seen from a cache.
type Cached struct{}

func (Cached) Found(o *Operator) {
	Declare{1 / (1 - o.World().Repeats)}.Found(o)
}
func (Cached) Begin(*Operator, int) {}
func (Cached) Answer(_ *Operator, q *Query) Act {
	if q.Repeated {
		return Act{Model: Cache}
	}
	return Act{}
}
