package capacity

import (
	"cmp"
	"fmt"
	"math"
	"time"

	"vision/internal/beacon"
	"vision/internal/hotkey"
	"vision/internal/score"
	"vision/internal/task"
)

// Rules are what capacity is judged by.
type Rules struct {
	Mechanism score.Vision7
	Period    time.Duration // that units refer to
	Network   time.Duration // the network's period; 0: the same
}

// Window is how long a beacon asks.
func (r Rules) Window() time.Duration {
	if !(r.Mechanism.Beacons() > 0) {
		return 0
	}
	return beacon.For(cmp.Or(r.Network, r.Period), r.Mechanism.Beacons()).Window
}

// Offer is a declaration as the only validator there is would see it; slots of 0 bound nothing.
func (r Rules) Offer(t *task.Task, declared int64, slots int) score.Offer {
	return score.Offer{
		Declared: declared, Maximum: t.CapacityIn(r.Period), StakeShare: 1, PerRequest: t.Typical,
		Slots: slots, PerSlot: score.PerSlot(r.Period, t.Speed.Mean), Length: r.Period,
		Speed: score.Speed{
			Overhead:  time.Duration(t.Speed.Overhead * float64(time.Second)),
			Mean:      t.Speed.Mean,
			Steepness: t.Speed.Steepness,
		},
	}
}

// Single is the good answer to a request that came alone.
type Single struct {
	Served int64
	Total  time.Duration // from sending to end
}

// Load is what came of beacons that asked for so many slots at once.
type Load struct {
	Slots   int
	Beacons []Answered
}

// Answered is what came of one beacon.
type Answered struct {
	Slots   int             // that were asked; at least 1
	Asked   int             // requests that count
	Refused int             // of them, for want of capacity
	Answers []score.Arrived // good ones, late or not
	Taken   []time.Duration // of each answer, by which its speed is judged
}

// Judged is what the mechanism makes of a Load.
type Judged struct {
	Slots   int `json:"slots"`
	Beacons int `json:"beacons"`
	Asked   int `json:"asked"`   // requests
	InTime  int `json:"in_time"` // of them, those that count
	Late    int `json:"late"`
	Refused int `json:"refused"`
	Failed  int `json:"failed"`

	Held     float64 `json:"seconds_per_unit"` // for which a slot was held, of answers in time
	Slowdown float64 `json:"slowdown"`         // how many times as long as usual they took, at least 1
	Speed    float64 `json:"speed_factor"`     // mean of the answers to what beacons ask for, 0 to 1.6

	Units    int64   `json:"units"`    // of a period that so many slots do: the most that can be credited
	Credited float64 `json:"credited"` // what beacons like these show
	Paid     float64 `json:"paid"`
	Worth    float64 `json:"worth"` // Paid x Speed

	Best bool `json:"best,omitempty"` // it is what is to be declared
}

// enough is the part of what can be credited that answers to so many slots must show to be said to count: with it a
// newcomer has shown all that it declares.
const enough = 0.9

// Counts says whether answers with so many slots at work all but count.
func (j Judged) Counts() bool { return j.Units > 0 && j.Credited >= enough*float64(j.Units) }

// everything is more units than anything does in a period.
const everything = math.MaxInt64 / 4

// Judge says what one of some loads comes to, by its index, if so many slots are declared, and all that they do.
// The loads are ascending: while less is credited, beacons ask for fewer slots.
func (r Rules) Judge(t *task.Task, alone []Single, loads []Load, at int) (Judged, error) {
	return r.judge(r.Offer(t, everything, loads[at].Slots), alone, loads, at)
}

// JudgeDeclared says what it comes to if other units and slots are declared.
func (r Rules) JudgeDeclared(t *task.Task, alone []Single, loads []Load, at int, units int64, slots int) (Judged, error) {
	return r.judge(r.Offer(t, units, slots), alone, loads, at)
}

func (r Rules) judge(offer score.Offer, alone []Single, loads []Load, at int) (Judged, error) {
	l := loads[at]
	j := Judged{Slots: l.Slots, Beacons: len(l.Beacons)}
	fail := func(err error) (Judged, error) { return j, fmt.Errorf("judge %d slots: %w", l.Slots, err) }
	state, err := r.usual(offer, alone)
	if err != nil {
		return fail(err)
	}
	timed := make([]inTime, at+1)
	for i := range timed {
		if timed[i], err = r.inTime(state, offer, loads[i]); err != nil {
			return fail(err)
		}
	}
	for _, b := range l.Beacons {
		j.Asked += b.Asked
		j.Refused += b.Refused
		j.Failed += b.Asked - b.Refused - len(b.Answers)
		j.Late += len(b.Answers)
	}
	j.InTime = timed[at].answers
	j.Late -= j.InTime
	if j.InTime > 0 {
		j.Held = timed[at].held.Seconds() / float64(max(timed[at].served, 1))
	}
	all := inTime{} // of those loads that beacons ask for, as often as they do
	s, err := r.settled(state, offer, func(asked, beacon int) score.Beacon {
		i := enoughFor(loads[:at+1], asked)
		if beacon >= settling {
			all.answers += timed[i].answers
			all.speed += timed[i].speed
		}
		return loads[i].beacon(beacon)
	})
	if err != nil {
		return fail(err)
	}
	if all.answers > 0 {
		j.Speed = all.speed / float64(all.answers)
	}
	j.Slowdown, j.Units = math.Exp(s.slowdown), int64(s.ceiling*(1+1e-9))
	j.Credited, j.Paid = s.credited, s.paid
	j.Worth = j.Paid * j.Speed
	return j, nil
}

// inTime sums up the answers of a load that count.
type inTime struct {
	answers int
	held    time.Duration
	served  int64
	speed   float64 // factors
}

func (r Rules) inTime(state score.State, offer score.Offer, l Load) (sum inTime, err error) {
	for _, b := range l.Beacons {
		for i, a := range b.Answers {
			by, err := r.Mechanism.Deadline(state, offer, a.Served)
			if err != nil {
				return sum, err
			}
			if a.Elapsed > by {
				continue
			}
			sum.answers++
			sum.held += a.Elapsed
			sum.served += a.Served
			sum.speed += offer.Speed.Factor(offer.Speed.PerUnit(b.Taken[i], a.Served))
		}
	}
	return sum, nil
}

// enoughFor is the load of the fewest slots that are as many as were asked, the last of those with so many, for its
// neighbours were asked for most; the last of all, if none is.
func enoughFor(loads []Load, asked int) int {
	found := len(loads) - 1
	for i, l := range loads {
		if l.Slots >= asked && l.Slots <= loads[found].Slots {
			found = i
		}
	}
	return found
}

// beacon is one of those that were measured, in turn.
func (l *Load) beacon(n int) score.Beacon {
	if len(l.Beacons) == 0 {
		return score.Beacon{}
	}
	b := &l.Beacons[n%len(l.Beacons)]
	return score.Beacon{Asked: b.Asked, Slots: b.Slots, Answers: b.Answers}
}

// Usual is the seconds per unit that answers to single requests usually take, as the mechanism counts them; false
// if none was timed.
func (r Rules) Usual(t *task.Task, alone []Single) (perUnit float64, ok bool) {
	offer := r.Offer(t, everything, 1)
	state, err := r.usual(offer, alone)
	if err != nil || len(alone) == 0 {
		return 0, false
	}
	s, err := r.Mechanism.Standing(state, offer)
	return s.PerUnit, err == nil
}

// usual is what a validator knows of a miner that has answered single requests.
func (r Rules) usual(offer score.Offer, alone []Single) (state score.State, err error) {
	for _, a := range alone {
		answer := &score.Answer{Kind: score.OK, Asked: max(offer.PerRequest, 1), Served: a.Served, Took: offer.Speed.Beyond(a.Total)}
		if state, err = r.Mechanism.Observe(state, score.Observation{Answer: answer}); err != nil {
			return nil, err
		}
	}
	return r.Mechanism.Observe(state, score.Observation{Closed: &score.Closed{Number: 1, Offer: offer}})
}

// Beacons until what a newcomer begins with does not matter any more, and those after it whose mean is
// taken, for who declares too much is credited now more, now less.
const (
	settling = 200
	settled  = 200
)

// steady is what a contender has in the mean of many beacons.
type steady struct {
	credited, paid, ceiling float64 // work
	slowdown                float64 // as Hardened.Slowdown
	proof                   float64 // as Hardened.ProofFactor
}

// settled is what comes of beacons that ask for as much as the mechanism says, when they are answered so.
func (r Rules) settled(state score.State, offer score.Offer, answer func(asked, beacon int) score.Beacon) (mean steady, err error) {
	const golden = 0.6180339887498949 // numbers that are spread evenly, in place of chance
	for n := range settling + settled {
		_, uniform := math.Modf(float64(n) * golden)
		if asked := r.Mechanism.Burst(state, offer, uniform); asked > 0 {
			b := answer(asked, n)
			b.Offer = offer
			if state, err = r.Mechanism.Observe(state, score.Observation{Beacon: &b}); err != nil {
				return mean, err
			}
		}
		if n < settling {
			continue
		}
		h, err := r.factors(state, offer)
		if err != nil {
			return mean, err
		}
		mean.credited += h.Credited / settled
		mean.paid += h.Paid / settled
		mean.ceiling += h.Ceiling / settled
		mean.slowdown += h.Slowdown / settled
		mean.proof += h.ProofFactor / settled
	}
	return mean, nil
}

// factors are the numbers that the mechanism has of a state.
func (r Rules) factors(state score.State, offer score.Offer) (*score.Hardened, error) {
	out, err := r.Mechanism.Weights([]score.Task{{Name: "task", Weight: 1, Contenders: []score.Contender{{Hotkey: hotkey.ID{1}, Offer: offer, State: state}}}})
	if err != nil {
		return nil, err
	}
	return out.Task("task")[0].Hardened, nil
}
