package sim

// OnOff is there for some periods of every so many. It goes on declaring, and
// its GPUs cost nothing while it is away.
type OnOff struct{ On, Of int }

func (OnOff) Found(o *Operator)               { Honest{}.Found(o) }
func (d OnOff) Begin(o *Operator, period int) { o.Away = period%d.Of >= d.On }
func (OnOff) Answer(*Operator, *Query) Act    { return Act{} }
