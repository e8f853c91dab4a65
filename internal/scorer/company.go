package scorer

import (
	"context"
	"math/rand/v2"
	"time"
)

const (
	// companyPart and companyMost bound how long a probe waits for its moment: a
	// part of the period, and a time.
	companyPart = 50
	companyMost = 15 * time.Second
	// companyMean is how many of customers' requests come, on average, until its moment does.
	companyMean = 4
)

// mingle waits for a moment at which a customer's request could come as well: at
// every age of the gap between two, a probe is as likely as they are. Where
// customers' requests are so rare that this would take long there is nothing to
// stand out from, and the probe does not wait.
func (s *Scorer) mingle(ctx context.Context, b *book, t turn) {
	if s.c.Board == nil {
		return
	}
	r := rand.New(rand.NewChaCha8(b.seed("moment", t.Miner, t.Task, t.Number)))
	within := min(s.c.Period/companyPart, companyMost, b.End.Sub(s.c.Now()))
	deadline := time.NewTimer(max(within, 0))
	defer deadline.Stop()
	for {
		c := s.c.Board.Company(t.Task, t.Miner)
		now := s.c.Now()
		if len(c.Gaps) == 0 || now.Sub(c.Last) > within {
			return
		}
		var moment <-chan time.Time
		if wait, ok := c.Moment(now, companyMean*r.ExpFloat64()); ok {
			timer := time.NewTimer(wait)
			defer timer.Stop()
			moment = timer.C
		}
		select {
		case <-moment:
			return
		case <-c.Next:
		case <-deadline.C:
			return
		case <-ctx.Done():
			return
		}
	}
}
