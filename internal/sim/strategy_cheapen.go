package sim

// When is the occasion on which an operator cheapens.
type When uint8

const (
	Always When = iota
	OnOrganics
	UnderLoad
	InBursts
)

// is says whether the request is such an occasion.
func (w When) is(q *Query) bool {
	switch w {
	case OnOrganics:
		return q.Organic
	case UnderLoad:
		return 2*q.Running >= q.Slots
	case InBursts:
		return q.inBurst()
	}
	return true
}

// inBurst is how an operator tells a burst: several requests at once, a moment ago.
func (q *Query) inBurst() bool { return q.Burst >= 3 || q.Since < 3 }

// Cheapen serves a cheaper model, and declares what its GPUs can do with it.
type Cheapen struct {
	Share float64 // of the requests on such occasions
	When  When
}

func (d Cheapen) Found(o *Operator) {
	part := d.Share
	if d.When == OnOrganics {
		part *= 0.5 // as many of a burst look like customers' as do not
	}
	Declare{1 / (1 - part*(1-Cheap.effort()))}.Found(o)
}
func (Cheapen) Begin(*Operator, int) {}
func (d Cheapen) Answer(o *Operator, q *Query) Act {
	if d.When.is(q) && (d.Share >= 1 || o.Chance() < d.Share) {
		return Act{Model: Cheap}
	}
	return Act{}
}

// TinyBursts answers bursts with a tiny model.
type TinyBursts struct{ Factor float64 }

func (d TinyBursts) Found(o *Operator)  { Declare(d).Found(o) }
func (TinyBursts) Begin(*Operator, int) {}
func (TinyBursts) Answer(_ *Operator, q *Query) Act {
	if q.inBurst() {
		return Act{Model: Tiny, Queue: 1 << 20}
	}
	return Act{}
}

// Bait is honest for a while, and then serves a cheaper model.
type Bait struct{ Honest int }

func (Bait) Found(o *Operator) { Honest{}.Found(o) }
func (d Bait) Begin(o *Operator, period int) {
	if period == d.Honest {
		o.Mind = true
		o.Declare(0, o.Home, o.Capacity(o.Home, float64(o.GPUs))/Cheap.effort())
	}
}
func (Bait) Answer(o *Operator, q *Query) Act {
	if o.Mind != nil {
		return Act{Model: Cheap}
	}
	return Act{}
}
