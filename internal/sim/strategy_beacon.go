package sim

import "math"

// foreseen is the seconds since the last beacon, or until the next: what
// nobody should know beforehand, and a strategy of this file does.
func (o *Operator) foreseen() (since, until float64) {
	s := o.sim
	since, until = math.Inf(1), math.Inf(1)
	if s.beacon > 0 {
		since = s.now - s.beacons[s.beacon-1].at
	}
	if s.beacon < len(s.beacons) {
		until = s.beacons[s.beacon].at - s.now
	}
	return since, until
}

// Predict knows every beacon beforehand, and has GPUs with the task's weights
// rented by the minute stand ready for it.
type Predict struct {
	Declare float64
	Pay     float64
	Idle    bool // it owns nothing, and refuses what is asked between beacons
}

func (d Predict) Found(o *Operator) {
	gpus := float64(o.GPUs)
	if d.Idle {
		gpus = 0
	}
	o.Register(o.Buy(gpus))
	o.Declare(0, o.Home, d.Declare*o.Capacity(o.Home, float64(o.GPUs)))
}
func (Predict) Begin(*Operator, int) {}
func (d Predict) Answer(o *Operator, q *Query) Act {
	since, until := o.foreseen()
	if since > 3 && until > 3 {
		if d.Idle {
			return Act{Verb: Refuse}
		}
		return Act{}
	}
	if !d.Idle && q.Running < q.Slots {
		return Act{}
	}
	return Act{Verb: API, Pay: d.Pay, Private: true}
}

// BeaconOnly serves bursts, and refuses single requests.
type BeaconOnly struct{}

func (BeaconOnly) Found(o *Operator)    { Honest{}.Found(o) }
func (BeaconOnly) Begin(*Operator, int) {}
func (BeaconOnly) Answer(_ *Operator, q *Query) Act {
	if q.inBurst() {
		return Act{}
	}
	return Act{Verb: Refuse}
}
