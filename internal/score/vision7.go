package score

import (
	"fmt"
	"math"
	"time"
)

// Vision7 is the hardened mechanism: it pays the capacity that a contender has shown
// when everybody asked at once, not what it declares, and makes detected cheating
// cost more than one sample. docs/mechanism.md explains it.
//
//	         Answer ──► usual pace ─────────────────┐ (at the period's end)
//	Burst ─► Beacon ──► credit, error, slowdown ◄───┘ usual pace says how many at once, and what is late
//	         Check ───► quality, failures, audit, trust (at the period's end)
//	         Closed ──► reliability; the period's answers and checks are taken up
//
//	newcomer ──beacons──► ramp ──all shown, or one missed──► credited
//	    ▲                                                       │ audit or conviction
//	    └────────── SlashPeriods, doubling ◄──── slashed ◄──────┘
//
// A slashed state takes up no beacon and no check, and the miner earns nothing on any
// task: Weights sees to that, from the states of all its tasks.
type Vision7 struct{ p Params7 }

// NewVision7 checks the parameters.
func NewVision7(p Params7) (Vision7, error) {
	if err := p.Validate(); err != nil {
		return Vision7{}, fmt.Errorf("score: vision7: %w", err)
	}
	return Vision7{p}, nil
}

// Name is recorded beside the weights that this mechanism gave.
func (Vision7) Name() string { return "vision7" }

// Params are the mechanism's parameters.
func (v Vision7) Params() Params7 { return v.p }

// Beacons is how many a period has on average.
func (v Vision7) Beacons() float64 { return v.p.Beacons }

// Plan asks about one single request in the period, two of a contender of whom no answer was
// timed yet; fewer if they would take too much of a small capacity, but at least one in eight periods, and one in each until
// a period has a score: before that it is paid nothing, whatever beacons show.
func (v Vision7) Plan(known State, offer Offer, draw Draw) Plan {
	plan := Plan{Capacity: offer.Capacity(), Seed: draw.Seed}
	s, err := asState7(known)
	if err != nil || plan.Capacity == 0 || s.slashed() {
		return plan
	}
	due := v.p.Trickle
	if s.timed == 0 {
		due *= 2
	}
	work := float64(max(offer.PerRequest, 1))
	least := 0.125
	if s.scored == 0 {
		least = 1
	}
	due = min(due, max(v.p.TrickleShare*float64(plan.Capacity)/work, min(v.p.Trickle, least)))
	plan.Requests = round(due, draw.Choice)
	plan.Share = min(1, float64(plan.Requests)*work/float64(plan.Capacity))
	return plan
}

// Burst is Little's law: the rate that is tested, times the time that the contender takes
// for a unit under beacons, of which our share is rounded up or down by chance.
func (v Vision7) Burst(known State, offer Offer, uniform float64) int {
	s, err := asState7(known)
	if err != nil || offer.validate() != nil || s.slashed() {
		return 0
	}
	// Requests are numbered, and each has a place in the row of all stake by the draw alone. So all validators agree whose each
	// is, however much they think is due, and together ask for no more than the one that thinks it is most.
	all := min(v.atOnce(s, offer), mostPlaces)
	from, to := offer.StakeBefore, offer.StakeBefore+offer.StakeShare
	n := 0
	for place := uint64(fraction(float64(1000*uniform))*(1<<53)) << 11; uniform < all && n < MostAsked; uniform, place = uniform+1, place+golden {
		if at := float64(place>>11) / (1 << 53); at >= from && at < to {
			n++
		}
	}
	return n
}

// mostPlaces bounds the requests that all validators together make at once of one contender.
const mostPlaces = 4 * MostAsked

// golden is 2^64 times the golden ratio's fraction: places that follow one another in such steps leave no large gap.
const golden = 0x9e3779b97f4a7c15

// fraction is what x, at least 0, has behind its point.
func fraction(x float64) float64 { return x - math.Floor(x) }

// round gives x rounded down or up, up with the chance of its fraction.
func round(x, uniform float64) int {
	down := math.Floor(x)
	if uniform >= 0 && uniform < x-down { // 0 is the surest to ask
		down++
	}
	return int(min(down, math.MaxInt32))
}

// pace is the seconds per unit that the contender usually takes: its own, else the task's mean.
func (v Vision7) pace(s *state7, offer Offer) float64 {
	if s.took > 0 && s.worked > 0 {
		return min(max(s.took/s.worked, leastPace), 1/leastPace)
	}
	return offer.Speed.Mean
}

// leastPace keeps what is divided by a pace finite, in seconds per unit.
const leastPace = 1e-12

// busyPace is pace as slow as under beacons: GPUs that run more at once are slower with each.
func (v Vision7) busyPace(s *state7, offer Offer) float64 {
	return float64(v.pace(s, offer) * exp(s.slowdown))
}

// overhead is the seconds per unit for which a slot is held beyond that: what answers to beacons really took of what the task
// grants, and of the slack within which no slowness is measured. While no such answer came it is all that is granted, of
// which one request at a time shows the least.
func (v Vision7) overhead(s *state7, offer Offer) float64 {
	if s.answers == 0 {
		return offer.Speed.Overhead.Seconds() / float64(max(offer.PerRequest, 1))
	}
	return max(0, s.held/max(s.served, s.answers)-v.busyPace(s, offer)) // an answer without work counts as one unit
}

// oneSlot is the work of a period that one request after the other does at the usual pace.
func (v Vision7) oneSlot(s *state7, offer Offer) float64 {
	return offer.Length.Seconds() / (v.pace(s, offer) + v.overhead(s, offer))
}

// oneSlotBusy is the work of a period that one request after the other does as slowly as under beacons.
func (v Vision7) oneSlotBusy(s *state7, offer Offer) float64 {
	return offer.Length.Seconds() / (v.busyPace(s, offer) + v.overhead(s, offer))
}

// ceiling is the most that can be credited: what is declared, the task's maximum, what the slots do.
func (v Vision7) ceiling(s *state7, offer Offer) float64 {
	most := float64(max(0, min(offer.Declared, offer.Maximum)))
	if offer.Slots > 0 {
		most = min(most, float64(offer.Slots)*v.oneSlotBusy(s, offer))
	}
	return most
}

// level is the capacity that a beacon tests, of all validators together: somewhat more than
// what is credited, at least one request at a time, at most what can be credited.
func (v Vision7) level(s *state7, offer Offer) float64 {
	growth := v.p.Growth
	if !s.settled {
		growth = v.p.RampGrowth
	}
	return min(v.ceiling(s, offer), max(growth*s.credit, v.oneSlot(s, offer)))
}

// atOnce is how many requests at once that level takes of all validators together. They take as long as answers to
// beacons do, longer than usual and with their overhead. Asking for what the usual
// time needs would leave slots empty, and pay who declares somewhat more than it can do.
func (v Vision7) atOnce(s *state7, offer Offer) float64 {
	return v.level(s, offer) / v.oneSlotBusy(s, offer)
}

// due is this validator's part of that, before chance rounds it.
func (v Vision7) due(s *state7, offer Offer) float64 {
	return float64(v.atOnce(s, offer) * offer.StakeShare)
}

// Deadline is the longest that an answer to a beacon may take to count as delivered.
func (v Vision7) Deadline(known State, offer Offer, served int64) (time.Duration, error) {
	s, err := asState7(known)
	if err == nil {
		err = offer.validate()
	}
	if err != nil {
		return 0, fmt.Errorf("score: vision7: %w", err)
	}
	return offer.Speed.Overhead + duration(v.deadline(v.pace(s, offer), usualWork(offer, served))), nil
}

// deadline is in seconds, the overhead aside.
func (v Vision7) deadline(pace, work float64) float64 {
	return v.p.Slack + float64(v.p.Late*float64(pace*work))
}

// usualWork is what the time of an answer is compared by: its work, but at least a quarter of a usual request's. The
// prompt takes its time, too, which short answers do not show.
func usualWork(offer Offer, served int64) float64 {
	return max(float64(served), float64(offer.PerRequest)/4, 1)
}

func duration(seconds float64) time.Duration {
	return time.Duration(min(seconds*1e9, 1<<62))
}

// Standing is what those who pick miners for customers' requests may want to know of one.
type Standing struct {
	Credited   float64 // work of a period, for all validators together, that is paid: at least 0
	AtOnce     float64 // of it, the requests under way at once that this validator may count on
	PerUnit    float64 // usual seconds per unit, above 0
	Trust      float64 // in [0, 1]
	Slashed    bool
	SlashUntil int64 // the last period for which it is slashed
}

// Standing gives a contender's standing.
func (v Vision7) Standing(known State, offer Offer) (Standing, error) {
	s, err := asState7(known)
	if err == nil {
		err = offer.validate()
	}
	if err != nil {
		return Standing{}, fmt.Errorf("score: vision7: %w", err)
	}
	_, paid := v.paid(s, offer)
	atOnce := paid / offer.part() / v.oneSlotBusy(s, offer) // however long it is there
	return Standing{
		Credited: paid, AtOnce: atOnce * offer.StakeShare, PerUnit: v.pace(s, offer),
		Trust: v.trust(s), Slashed: s.slashed(), SlashUntil: s.slashedUntil,
	}, nil
}

// validate says why an offer cannot be tested or paid. An offer of nothing can.
func (o Offer) validate() error {
	switch {
	case o.Declared < 0 || o.Maximum < 0 || o.Slots < 0:
		return fmt.Errorf("an offer of %d, at most %d, with %d slots: none may be negative", o.Declared, o.Maximum, o.Slots)
	case !within(o.StakeShare, 1) || !within(o.StakeBefore, 1) || o.StakeBefore+o.StakeShare > 1+1e-9:
		return fmt.Errorf("a share of stake of %v after %v, want 0 to 1 together", o.StakeShare, o.StakeBefore)
	case !within(o.Part, 1):
		return fmt.Errorf("an offer for a part of %v of the period, want 0 to 1", o.Part)
	case o.Declared == 0:
		return nil
	case o.Length <= 0:
		return fmt.Errorf("an offer for a period of %v, want a time above 0", o.Length)
	}
	return o.Speed.Validate()
}
