package scorer

import (
	"context"
	"math/rand/v2"
	"time"

	"vision/internal/dispatch"
)

const (
	// companyPart and companyMost bound how long a probe waits for its moment: a
	// part of the period, and a time.
	companyPart = 20
	companyMost = 15 * time.Second
	// companyMean is how many of customers' requests come, on average, until its moment does.
	companyMean = 4
)

// mingle waits for a moment at which a customer's request could come as well. Where
// there are enough, the probe sets out with one that goes to another contender, and
// has begun then: with is that request. Else it waits for a moment that is as likely, at every
// age of the gap between two, as they are. Where customers' requests are so rare that
// this would take long there is nothing to stand out from, and the probe does not wait.
func (s *Scorer) mingle(ctx context.Context, b *book, t turn) (with dispatch.Escorted, begun bool) {
	if s.c.Board == nil {
		return with, false
	}
	r := rand.New(rand.NewChaCha8(b.seed("moment", t.Miner, t.Task, t.Number)))
	within := min(s.c.Period/companyPart, companyMost, b.End.Sub(s.c.Now()))
	if within <= 0 {
		return with, false
	}
	deadline := time.NewTimer(within)
	defer deadline.Stop()
	if w := s.c.Board.Escort(t.Task, t.Miner, s.c.Now(), within, r.ExpFloat64()); w != nil {
		for range 2 {
			select {
			case with = <-w.Go:
				return with, true
			case <-deadline.C: // customers ask less than they did: the next one will do
				w.Hurry()
				left := min(within, b.End.Sub(s.c.Now()))
				if left <= 0 {
					return w.Leave()
				}
				deadline.Reset(left)
			case <-ctx.Done():
			}
		}
		return w.Leave()
	}
	for {
		c := s.c.Board.Company(t.Task, t.Miner)
		now := s.c.Now()
		if len(c.Gaps) == 0 || now.Sub(c.Last) > within {
			return with, false
		}
		var moment <-chan time.Time
		if wait, ok := c.Moment(now, companyMean*r.ExpFloat64()); ok {
			if wait <= 0 {
				return with, false
			}
			timer := time.NewTimer(wait)
			defer timer.Stop()
			moment = timer.C
		}
		select {
		case <-moment:
			return with, false
		case <-c.Next:
		case <-deadline.C:
			return with, false
		case <-ctx.Done():
			return with, false
		}
	}
}
