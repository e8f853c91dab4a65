package sim

// A rented server is one that an operator has only for a time. It runs nothing until the task's model is loaded:
//
//	off ──Rent──► loading ──► on ──until──► off
//	            requests wait │ ▲
//	                          └─┘ Rent again: longer
//
// What is rented is paid by the second, loading included, and for a least time. Requests that
// run as the time is over end all the same, and are not paid for.
type rental struct {
	until float64 // seconds; before: on or loading
	price float64 // of one GPU for a period, in cost of a fully used one's
}

// loading is the place of a request that stands for a model's being loaded.
const loading int32 = -1

// Rentable adds a server of so many GPUs that can be rented at a price, in cost of fully used GPUs, and returns its
// number among the operator's. It is off.
func (o *Operator) Rentable(gpus, price float64) int {
	n := o.Buy(gpus)
	v := &o.sim.servers[o.Servers[n]]
	v.rented = &rental{price: price}
	return n
}

// Rent has a rentable server on for so many seconds from now; if it was off, its model is loaded first, for load seconds, and it is
// rented for least seconds at the least.
func (o *Operator) Rent(server int, seconds, load, least float64) {
	s := o.sim
	on := int32(o.Servers[server])
	v := &s.servers[on]
	was, until := v.rented.until, s.now+seconds
	if s.now >= was {
		was, until = s.now, s.now+max(seconds+load, least)
		if load > 0 && len(v.running) == 0 { // else what runs there shows that it is still loaded
			v.advance(s.now)
			v.loads = true
			v.start(loading, load)
			s.agenda.set(on, v.next())
		}
	}
	if until > was {
		o.paid += v.rented.price * v.gpus * (until - was) / s.world.Period
		v.rented.until = until
	}
}

// Rented says whether a rentable server is on or loading.
func (o *Operator) Rented(server int) bool {
	v := &o.sim.servers[o.Servers[server]]
	return o.sim.now < v.rented.until
}
