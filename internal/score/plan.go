package score

import (
	"math"
	"time"
)

// Of a contender's capacity, usually a little is tested and now and then most of it:
// testing 5% at all times would let a miner own a twentieth of what it declares.
const (
	usualChance = 0.70 // chance of testing exactly usualShare
	someChance  = 0.27 // chance of testing someLow to someHigh
	// The rest, 0.03, is the chance of testing mostLow to mostHigh.

	usualShare        = 0.05
	someLow, someHigh = 0.05, 0.10
	mostLow, mostHigh = 0.40, 0.80
)

// Offer is what one miner offers one validator on one task.
type Offer struct {
	Declared   int64   // work per period that the miner declares to all validators together, in the task's unit
	Maximum    int64   // the most that the task counts of any miner's declaration, same unit
	StakeShare float64 // this validator's part of all validators' stake, in [0, 1]
	PerRequest int64   // work that one request is expected to take, at least 1
	Slots      int     // requests at once that the miner says it takes; 0 is unknown, and bounds nothing
	PerSlot    int64   // work that one slot does in the time that counts, at the task's mean pace; see [PerSlot]

	// Vision4 does without the rest.
	StakeBefore float64 // part of all validators' stake that those before this one hold, in an order that all share; with StakeShare at most 1

	Length time.Duration // of the period
	Speed  Speed         // what the task expects of an answer's time

	// Part is for what part of the period, up to its end, the miner contends, in [0, 1]. All else is of the whole period.
	Part float64 `json:",omitempty"` // 0 is all of it, as 1 is
}

// part is Part, in (0, 1].
func (o Offer) part() float64 {
	if o.Part > 0 && o.Part < 1 {
		return o.Part
	}
	return 1
}

// PerSlot is the work that one request after the other gets done in a time at
// a pace of so many seconds per unit, rounded down and at least 1.
func PerSlot(time time.Duration, pace float64) int64 {
	work := time.Seconds() / pace
	if !(work >= 1) {
		return 1
	}
	return int64(min(work, 1<<62))
}

// Capacity is the part of the declared work that this validator may ask for
// and pays for: min(Declared, Maximum, Slots x PerSlot) x StakeShare x Part, rounded
// down. It is never negative. A share that is NaN or below 0 counts as 0, one
// above 1 as 1. Volume beyond what its slots can do at once cannot be tested,
// for the refusal of a request that finds all slots taken would be our doing.
func (o Offer) Capacity() int64 {
	counted := min(o.Declared, o.Maximum)
	if o.Slots > 0 {
		perSlot := max(o.PerSlot, 1)
		if int64(o.Slots) <= math.MaxInt64/perSlot {
			counted = min(counted, int64(o.Slots)*perSlot)
		}
	}
	if counted <= 0 || !(o.StakeShare > 0) {
		return 0
	}
	share := float64(min(o.StakeShare, 1) * o.part())
	if share >= 1 {
		return counted
	}
	// Past 2^53 the product may round up beyond counted.
	product := float64(counted) * share
	if product >= math.MaxInt64 {
		return counted
	}
	return min(counted, int64(product))
}

// Draw is the randomness of one contender's plan for one period.
type Draw struct {
	Choice float64 // uniform in [0, 1): which range the share tested comes from
	Within float64 // uniform in [0, 1): where in that range
	Seed   uint64  // fixes the instants of the plan's schedule
}

// DrawFrom makes a draw of one seed, so that a daemon needs to keep, or derive, only that.
// Seeds that miners can guess tell them what will be tested and when.
func DrawFrom(seed uint64) Draw {
	return Draw{
		Choice: uniform(mix(seed, 0)),
		Within: uniform(mix(seed, 1)),
		Seed:   mix(seed, 2),
	}
}

// Plan is what to ask of one contender in one period.
type Plan struct {
	Capacity int64   // the work that counts, as Offer.Capacity
	Share    float64 // part of it to test, 0 or in [0.05, 0.80)
	Requests int     // requests that take that much work; 0 only without capacity
	Seed     uint64  // of the schedule
}

func plan(offer Offer, draw Draw) Plan {
	p := Plan{Capacity: offer.Capacity(), Seed: draw.Seed}
	if p.Capacity == 0 {
		return p
	}
	p.Share = testedShare(draw.Choice, draw.Within)
	work := float64(p.Capacity) * p.Share / float64(max(offer.PerRequest, 1))
	p.Requests = int(min(max(work, 1), math.MaxInt32))
	return p
}

// testedShare maps two uniform numbers to the part of the capacity to test.
func testedShare(choice, within float64) float64 {
	switch {
	case choice < usualChance:
		return usualShare
	case choice < usualChance+someChance:
		return someLow + float64((someHigh-someLow)*within)
	default:
		return mostLow + float64((mostHigh-mostLow)*within)
	}
}
