package sim

// Climb changes one of its parameters a little every few periods, and goes back if that earned less.
type Climb struct{}

type climbing struct {
	now, was [2]float64 // what it declares, in what it can do; share of cheap answers
	income   float64    // since the last change
	before   float64    // income for cost before that change
	step     int
	periods  int
}

// climbEvery is how many periods a change is tried for: credit must have followed it.
const climbEvery = 5

func (Climb) Found(o *Operator) {
	o.Mind = &climbing{now: [2]float64{1, 0}, was: [2]float64{1, 0}}
	Honest{}.Found(o)
}

func (Climb) Begin(o *Operator, period int) {
	m := o.Mind.(*climbing)
	m.income += o.Earned
	if m.periods++; m.periods < climbEvery {
		return
	}
	if m.income < m.before {
		m.now = m.was
	} else {
		m.was = m.now
	}
	m.before, m.income, m.periods = m.income, 0, 0
	which := m.step / 2 % 2
	up := float64(1 - 2*(m.step%2))
	m.step++
	switch which {
	case 0:
		m.now[0] = min(max(m.now[0]*(1+0.2*up), 0.3), 30)
	case 1:
		m.now[1] = min(max(m.now[1]+0.15*up, 0), 1)
	}
	o.Declare(0, o.Home, m.now[0]*o.Capacity(o.Home, float64(o.GPUs))/(1-m.now[1]*(1-Cheap.effort())))
}

func (Climb) Answer(o *Operator, _ *Query) Act {
	m := o.Mind.(*climbing)
	if m.now[1] > 0 && o.Chance() < m.now[1] {
		return Act{Model: Cheap}
	}
	return Act{}
}
