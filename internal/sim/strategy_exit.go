package sim

// Exit serves honestly until it is trusted, then a cheaper model for as long as it takes to be found out, and comes back
// under a new identity: it leaves before it is slashed.
type Exit struct {
	Honest int // periods
	Cheap  int // periods after them
}

func (Exit) Found(o *Operator) { Honest{}.Found(o) }

func (d Exit) Begin(o *Operator, period int) {
	at := period % (d.Honest + d.Cheap)
	if o.Mind = at >= d.Honest; at == 0 && period > 0 {
		o.Again(0)
	}
}

func (Exit) Answer(o *Operator, _ *Query) Act {
	if o.Mind == true {
		return Act{Model: Cheap}
	}
	return Act{}
}
