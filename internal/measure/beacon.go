package measure

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"vision/internal/capacity"
	"vision/internal/outcome"
	"vision/internal/score"
)

// beacon asks every member for its slots at one instant, each slot again while the beacon asks, and gives what came of
// each member.
func (m *Measurer) beacon(ctx context.Context, x *mix, k int) []capacity.Answered {
	window := m.Rules.Window()
	var number atomic.Uint64
	number.Store(m.asked)
	var under sync.WaitGroup
	all := make([][]slot, len(x.members))
	until := m.Now().Add(window)
	for i, one := range x.members {
		n := x.slots(i, k)
		all[i] = make([]slot, n)
		most := m.Rules.Offer(one.Task, 1, n).AtMost(window, n)
		for s := range all[i] {
			under.Go(func() { m.fill(ctx, &all[i][s], one, &number, until, most) })
		}
	}
	under.Wait()
	m.asked = number.Load()
	came := make([]capacity.Answered, len(all))
	for i := range all {
		came[i] = together(all[i])
	}
	return came
}

// slot is one of a beacon's. One goroutine fills it.
type slot struct {
	asked, refused int
	answers        []score.Arrived
	taken          []time.Duration
}

// fill asks one request after the other.
func (m *Measurer) fill(ctx context.Context, s *slot, one Member, number *atomic.Uint64, until time.Time, most int) {
	overhead := time.Duration(one.Task.Speed.Overhead * float64(time.Second))
	for n := 1; ; n++ {
		o := m.send(ctx, one, number.Add(1))
		switch o.Status {
		case outcome.OK:
			s.asked++
			s.answers = append(s.answers, score.Arrived{Served: o.Work, Elapsed: o.Total + o.Blocked})
			least, _ := o.Taken(overhead) // nobody kept it waiting
			s.taken = append(s.taken, least)
		case outcome.RateLimited:
			s.asked++
			s.refused++
		case outcome.Failed:
			s.asked++
		}
		if o.Status != outcome.OK || n == most || !m.Now().Before(until) || ctx.Err() != nil {
			return
		}
	}
}

// together is what came of a beacon's slots, each of which weighs the same.
func together(slots []slot) capacity.Answered {
	var r capacity.Answered
	asked, answered := make([]int, len(slots)), make([]int, len(slots))
	for i, s := range slots {
		asked[i], answered[i] = s.asked, len(s.answers)
		r.Asked += s.asked
		r.Refused += s.refused
	}
	r.Slots = score.Divide(asked, answered)
	for i, s := range slots {
		for _, a := range s.answers {
			a.Of = asked[i]
			r.Answers = append(r.Answers, a)
		}
		r.Taken = append(r.Taken, s.taken...)
	}
	return r
}
