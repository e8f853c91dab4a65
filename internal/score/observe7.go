package score

import (
	"fmt"
	"math"
	"time"
)

// Observe is known with one more observation. Answers and checks are only added up
// until their period closes; beacons count at once.
func (v Vision7) Observe(known State, o Observation) (State, error) {
	s, err := asState7(known)
	if err == nil {
		err = o.one()
	}
	if err != nil {
		return known, fmt.Errorf("score: vision7: %w", err)
	}
	next := *s
	if err := v.apply(&next, o); err != nil {
		return known, fmt.Errorf("score: vision7: %w", err)
	}
	return &next, nil
}

// Update is Observe for who alone holds the state and gives it up: it is changed in place, which allocates
// nothing. After an error the state must not be used.
func (v Vision7) Update(known State, o Observation) (State, error) {
	s, err := asState7(known)
	if err == nil {
		err = o.one()
	}
	if err == nil {
		err = v.apply(s, o)
	}
	if err != nil {
		return nil, fmt.Errorf("score: vision7: %w", err)
	}
	return s, nil
}

func (v Vision7) apply(s *state7, o Observation) error {
	switch {
	case o.Answer != nil:
		return s.answer(o.Answer)
	case o.Check != nil:
		return s.check(o.Check)
	case o.Beacon != nil:
		return v.beacon(s, o.Beacon)
	}
	return v.close(s, o.Closed)
}

// answer adds one answer's time to what the period has brought.
func (s *state7) answer(a *Answer) error {
	if err := a.validate(); err != nil {
		return err
	}
	if a.Kind != OK || a.Took == 0 {
		return nil
	}
	if s.pending.timed >= mostPending {
		return fmt.Errorf("more than %d answers in one period", mostPending)
	}
	s.pending.timed++
	s.pending.took += max(1, min(a.Took, mostTaken).Microseconds())
	s.pending.worked += min(max(a.Served, 1), mostServed)
	return nil
}

// check adds one check to what the period has brought. While the miner is slashed none counts, nor does a
// conviction: those still to come of what it was slashed for would count twice.
func (s *state7) check(c *Check) error {
	if err := c.validate(); err != nil {
		return err
	}
	p := &s.pending
	if s.slashed() {
		return nil
	}
	if p.passed >= mostPending || p.failed >= mostPending {
		return fmt.Errorf("more than %d checks in one period", mostPending)
	}
	p.convicted = p.convicted || c.Convicted
	if c.Failed {
		p.failed++
		return nil
	}
	p.passed++
	p.quality += fixed(c.Quality, billion)
	p.speed += fixed(c.Speed, billion)
	p.product += fixed(float64(c.Quality*c.Speed), billion)
	return nil
}

// mostServed bounds the work of one answer, so that no sum overflows; mostTaken its time, to a day or so.
const (
	mostServed = 1 << 31
	mostTaken  = 100_000 * time.Second
)

// fixed is x in whole parts of 1/unit.
func fixed(x, unit float64) int64 { return int64(math.RoundToEven(x * unit)) }

// beacon moves the credit to what the beacon showed.
func (v Vision7) beacon(s *state7, b *Beacon) error {
	if err := b.validate(); err != nil {
		return err
	}
	level, ceiling := v.level(s, b.Offer), v.ceiling(s, b.Offer) // as they were when it asked: what it shows may change both
	asked, slots := b.Asked+b.InFlight, b.slots()+b.InFlight
	if s.slashed() || asked == 0 || level == 0 || b.Offer.StakeShare == 0 {
		return nil
	}
	pace := v.pace(s, b.Offer)
	delivered, served, taken, held := b.InFlight, int64(0), time.Duration(0), time.Duration(0)
	inTime := int64(b.InFlight) * slotParts // parts of slots, whole so that no order of the answers matters
	for _, a := range b.Answers {
		took := max(0, a.Elapsed-b.Offer.Speed.Overhead)
		if took.Seconds() > v.deadline(pace, usualWork(b.Offer, a.Served)) {
			continue
		}
		delivered++
		inTime += slotParts / int64(max(a.Of, 1))
		served += min(a.Served, mostServed)
		taken += min(b.Offer.Speed.Beyond(a.Elapsed), mostTaken)
		held += min(max(0, a.Elapsed), mostTaken)
	}
	answered := 1.0
	if delivered < asked { // else the parts may be less than the whole by what was rounded down
		answered = min(1, float64(inTime)/float64(slotParts)/float64(slots))
	}
	evidence := float64(level * max(0, answered-float64(v.p.Penalty*(1-answered))))

	// Evidence weighs as much as was asked at once of what was due, which by chance may be less.
	learn := float64(v.learning(s) * min(1, float64(slots)/v.due(s, b.Offer)))
	s.credited(evidence, learn)
	if n := delivered - b.InFlight; n > 0 {
		// Against what is shorter than the slack no slowness can be measured.
		usual := max(float64(pace*float64(served)), float64(v.p.Slack*float64(n)), 1e-9)
		slow := ln(max(1, taken.Seconds()/usual))
		s.slowdown += float64(max(learn, 1/float64(s.beacons+1)) * (slow - s.slowdown))
		fade := power(1-1/v.p.CheckWindow, int64(n))
		s.served = float64(s.served*fade) + float64(served)
		s.answers = float64(s.answers*fade) + float64(n)
		s.held = float64(s.held*fade) + held.Seconds()
	}
	s.beacons++
	s.last = shown{asked: int64(asked), delivered: int64(delivered), level: level, evidence: evidence}
	s.settle(evidence < level, level == ceiling)
	return nil
}

// inARow is how many beacons show that a contender can do much more than it is credited.
const inARow = 5

// settle says after a beacon how fast the credit moves from here on.
func (s *state7) settle(missed, all bool) {
	s.row++
	if missed || all {
		s.row = 0
	}
	switch {
	case missed, all && s.credit >= 0.9*s.last.level:
		s.settled = true
	case s.row >= inARow:
		s.settled = false
	}
}

// learning is the part of the way that the credit moves with a whole beacon.
func (v Vision7) learning(s *state7) float64 {
	if s.settled {
		return v.p.Learning
	}
	return v.p.RampLearn
}

// credited takes up evidence, as a mean and variance in which older evidence fades.
func (s *state7) credited(evidence, learn float64) {
	off := evidence - s.credit
	s.variance = (1 - learn) * (s.variance + float64(learn*float64(off*off)))
	s.credit = max(0, s.credit+float64(learn*off))
}

// slotParts is a slot in parts; [MostAsked] of it do not overflow.
const slotParts = int64(1) << 40

// MostAsked bounds the requests of a beacon to one contender: such many answers' times add up without overflow.
const MostAsked = 50_000

func (b *Beacon) validate() error {
	if err := b.Offer.validate(); err != nil {
		return err
	}
	switch {
	case b.Asked < 0 || b.InFlight < 0 || b.Asked > MostAsked || b.InFlight > MostAsked:
		return fmt.Errorf("a beacon that asked %d, with %d in flight", b.Asked, b.InFlight)
	case len(b.Answers) > b.Asked:
		return fmt.Errorf("%d answers to a beacon that asked %d", len(b.Answers), b.Asked)
	case b.Slots < 0 || b.Slots > b.Asked:
		return fmt.Errorf("a beacon that asked %d of %d slots", b.Asked, b.Slots)
	}
	for _, a := range b.Answers {
		if a.Served < 0 || a.Elapsed < 0 || a.Of < 0 {
			return fmt.Errorf("an answer of %d units in %v, one of %d, to a beacon", a.Served, a.Elapsed, a.Of)
		}
	}
	return nil
}
