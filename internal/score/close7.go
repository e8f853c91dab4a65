package score

import (
	"fmt"
	"math"
)

// close takes up what the period brought.
func (v Vision7) close(s *state7, c *Closed) error {
	if err := c.validate(); err != nil {
		return err
	}
	if s.number != 0 && c.Number <= s.number {
		return fmt.Errorf("period %d ends after period %d has", c.Number, s.number)
	}
	slashed := s.slashed() // for the period that closes
	if !slashed {
		for range min(c.Missed, 1000) {
			s.credited(0, v.learning(s))
		}
	}
	v.reliability(s, c)
	s.takePace(v.p.PaceWindow)
	s.number = c.Number
	if !slashed {
		s.takeChecks(v.p.CheckWindow)
		v.audit(s)
	}
	s.pending = pending7{}
	if s.slashings > 0 && float64(c.Number-s.slashedIn) >= v.p.ForgivePeriods {
		s.slashings, s.slashedIn = s.slashings-1, c.Number
	}
	return nil
}

func (c *Closed) validate() error {
	switch {
	case c.Number < 1:
		return fmt.Errorf("the end of period %d, want a number of at least 1", c.Number)
	case c.Missed < 0:
		return fmt.Errorf("%d beacons missed", c.Missed)
	}
	if err := c.Offer.validate(); err != nil {
		return err
	}
	return c.Counts.validate()
}

// reliability adds the period's score, weighing what the period asked. One without
// requests has none; but who did not contend where others did kept nothing of what is usually asked, even if requests that it was sent before
// ended meanwhile.
func (v Vision7) reliability(s *state7, c *Closed) {
	if c.Offer.Declared == 0 && !c.Void {
		s.kept *= v.p.Fade
		s.score = 0 // but for what began before it went
	}
	asked, refused, failed := c.Counts.asked(c.Offer.PerRequest)
	if !(asked > 0) {
		return
	}
	// What may be asked: what is credited, but one request at a time of anyone, while it is there.
	may := float64(max(s.credit, min(v.ceiling(s, c.Offer), v.oneSlotOf(s, c.Offer))) * c.Offer.StakeShare * c.Offer.part())
	s.score = reliability(asked, refused, failed, may, float64(c.Counts.Consumed))
	s.offered = float64(v.p.Fade*s.offered) + asked
	s.kept = float64(v.p.Fade*s.kept) + float64(asked*s.score)
	s.scored++
}

// oneSlotOf is oneSlot, or 0 of an offer of nothing.
func (v Vision7) oneSlotOf(s *state7, o Offer) float64 {
	if o.Declared == 0 {
		return 0
	}
	return v.oneSlot(s, o)
}

// asked is the volume of the period's requests, and of those refused and failed. Where it was not
// counted, each request stands for what is usual.
func (c Counts) asked(perRequest int64) (asked, refused, failed float64) {
	if c.Asked > 0 {
		return float64(c.Asked), float64(c.AskedRateLimited), float64(c.AskedFailed)
	}
	each := float64(max(perRequest, 1))
	return float64(c.Requests) * each, float64(c.RateLimited) * each, float64(c.Failed) * each
}

// reliability is vision7's period score, in [0, 1]. With f429 and f5xx the parts of the volume asked that were
// refused and failed, good the rest, and u the part of what may be asked that was not consumed, it is
//
//	good x (1 - (1 - good) u) x (1 - f5xx u)
//
// which is good x (1 - f429 u) where nothing failed and good x (1 - f5xx u)^2 where nothing was refused.
// Unlike a product of the two it never rises with one more failure.
func reliability(asked, refused, failed, may, consumed float64) float64 {
	unasked := 0.0
	if may > 0 {
		unasked = max(0, may-consumed) / may
	}
	f5xx := failed / asked
	bad := min(1, (refused+failed)/asked)
	return max(0, (1-bad)*(1-float64(bad*unasked))*(1-float64(f5xx*unasked)))
}

// takePace takes up the period's answers. Each of them makes older ones fade a little.
func (s *state7) takePace(window float64) {
	p := &s.pending
	if p.timed == 0 {
		return
	}
	fade := power(1-1/window, p.timed)
	s.timed = float64(s.timed*fade) + float64(p.timed)
	s.took = float64(s.took*fade) + float64(p.took)/1e6
	s.worked = float64(s.worked*fade) + float64(p.worked)
}

// takeChecks takes up the period's checks, in the same way.
func (s *state7) takeChecks(window float64) {
	p := &s.pending
	fade := power(1-1/window, p.passed+p.failed)
	s.passed = float64(s.passed*fade) + float64(p.passed)
	s.failed = float64(s.failed*fade) + float64(p.failed)
	s.quality = float64(s.quality*fade) + float64(p.quality)/billion
	s.speed = float64(s.speed*fade) + float64(p.speed)/billion
	s.product = float64(s.product*fade) + float64(p.product)/billion
	s.trusted = min(s.trusted+p.passed, math.MaxInt64/2)
}

// mostAudit bounds evidence: past it nothing changes.
const mostAudit = 1e18

// audit multiplies each evidence by the likelihood ratio of the period's checks, starts it again from 1 if
// it fell below, and slashes at the limit. At a rate of failures up to the tolerated one, the mean
// of the three reaches the limit after AuditLimit periods with checks on average, or more: it stays below a sum
// of products that each begin at one period and have a mean of 1.
func (v Vision7) audit(s *state7) {
	p := &s.pending
	for i, rate := range []float64{v.p.AuditLow, v.p.AuditMiddle, v.p.AuditHigh} {
		up := power(rate/v.p.Tolerated, min(p.failed, 1000))
		down := power((1-rate)/(1-v.p.Tolerated), p.passed)
		s.audit[i] = min(max(1, s.audit[i]*min(up, 1e200)*down), mostAudit)
	}
	if !p.convicted && s.evidence() < v.p.AuditLimit {
		return
	}
	length := v.p.SlashPeriods * power(2, min(s.slashings, 10))
	fresh := newState7()
	fresh.number, fresh.timed, fresh.took, fresh.worked = s.number, s.timed, s.took, s.worked
	fresh.offered, fresh.kept, fresh.scored, fresh.score = s.offered, s.kept, s.scored, s.score
	fresh.slashings, fresh.slashedIn, fresh.slashedUntil = s.slashings+1, s.number, s.number+int64(length)
	*s = *fresh
}

// evidence is the audit's, at least 1.
func (s *state7) evidence() float64 { return (s.audit[0] + s.audit[1] + s.audit[2]) / 3 }
