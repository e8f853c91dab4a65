package sim

// Rent declares more than its GPUs do, and rents others with the task's weights for beacons: as it sees
// one, or in time for it, if it foresees them.
type Rent struct {
	Declare  float64
	Price    float64 // of a rented GPU for a period, in cost of a fully used one of its own
	Load     float64 // seconds until a rented one can serve; 0 is World.Load
	Least    float64 // seconds for which it is rented at the least; 0 is World.Rental
	Foresees bool
}

// For how many seconds rented GPUs are kept after a burst was seen, and how many before a beacon they are to be ready.
const (
	rentKept  = 30
	rentEarly = 5
)

func (d Rent) Found(o *Operator) {
	Declare{d.Declare}.Found(o)
	o.Rentable(max(d.Declare-1, 0)*float64(o.GPUs), d.Price)
}
func (Rent) Begin(*Operator, int) {}
func (d Rent) Answer(o *Operator, q *Query) Act {
	load, least := d.Load, d.Least
	if load == 0 {
		load = o.World().Load
	}
	if least == 0 {
		least = o.World().Rental
	}
	if d.Foresees {
		if _, until := o.foreseen(); until < load+rentEarly {
			o.Rent(1, until+rentKept, load, least)
		}
	} else if q.Running >= q.Slots && q.inBurst() {
		o.Rent(1, rentKept, load, least)
	}
	if q.Running >= q.Slots && o.Rented(1) {
		return Act{On: 1, Queue: int(d.Declare * float64(q.Slots))}
	}
	return Act{}
}
