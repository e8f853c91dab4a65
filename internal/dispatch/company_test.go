package dispatch

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"vision/internal/period"
)

// Among requests that come in a rhythm, short gaps and long, moments come after
// gaps of the same rhythm.
func TestMomentsFollowTheRhythm(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	gap := func() time.Duration { // two of three are within a burst
		if r.IntN(3) > 0 {
			return time.Duration((1 + r.ExpFloat64()) * float64(time.Millisecond))
		}
		return time.Duration(r.ExpFloat64() * float64(300*time.Millisecond))
	}
	now := time.Unix(1_700_000_000, 0)
	var gaps, between []time.Duration
	const mean = 4
	for len(gaps) < 2000 {
		c := Company{Last: now}
		for range rhythmGaps {
			c.Gaps = append(c.Gaps, gap())
		}
		slices.Sort(c.Gaps)
		next := gap()
		between = append(between, next)
		if wait, ok := c.Moment(now, mean*r.ExpFloat64()); ok && wait < next {
			gaps = append(gaps, wait)
		}
		now = now.Add(next)
	}
	short := func(list []time.Duration) float64 {
		n := 0
		for _, g := range list {
			if g < 20*time.Millisecond {
				n++
			}
		}
		return float64(n) / float64(len(list))
	}
	if a, b := short(gaps), short(between); math.Abs(a-b) > 0.12 {
		t.Errorf("%.2f of moments come in bursts, of customers' requests %.2f", a, b)
	}
}

// A moment that is asked for late in a gap is no earlier than now.
func TestMomentsAreAhead(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	last := time.Unix(1_700_000_000, 0)
	c := Company{Last: last}
	for i := range 40 {
		c.Gaps = append(c.Gaps, time.Duration(i*i)*time.Millisecond)
	}
	for range 1000 {
		age := time.Duration(r.IntN(2000)) * time.Millisecond
		wait, ok := c.Moment(last.Add(age), r.ExpFloat64())
		if wait < 0 || ok && age+wait > c.Gaps[39] {
			t.Fatalf("after %v: %v %v", age, wait, ok)
		}
		if !ok && wait != 0 {
			t.Fatalf("no moment, but %v", wait)
		}
	}
	if _, ok := c.Moment(last.Add(time.Hour), 0.1); ok {
		t.Error("there is a moment longer after a request than any other came")
	}
	if _, ok := (Company{}).Moment(last, 1); ok {
		t.Error("there is a moment in no company")
	}
}

// The Board remembers when customers' requests to a contender began, tells of a
// rhythm once there were enough, and wakes who waits for the next.
func TestBoardKnowsTheRhythm(t *testing.T) {
	b := NewBoard()
	now := time.Unix(1_700_000_000, 0)
	b.Set(period.Period{ID: 1, Start: now}, []period.Contender{{Task: chat, Miner: id(0), Addr: "a:1", Capacity: 1000}})
	for range rhythmFew {
		if c := b.Company(chat, id(0)); len(c.Gaps) != 0 || c.Next != nil {
			t.Fatalf("after few requests: %+v", c)
		}
		b.Acquire(chat, true, now, 1, 2, nil)
		now = now.Add(7 * time.Millisecond)
	}
	b.Acquire(chat, true, now, 1, 2, nil)
	c := b.Company(chat, id(0))
	if len(c.Gaps) != rhythmFew || c.Gaps[0] != 7*time.Millisecond || !c.Last.Equal(now) {
		t.Fatalf("%+v", c)
	}
	select {
	case <-c.Next:
		t.Error("woken for nothing")
	default:
	}
	b.Acquire(chat, true, now, 1, 2, nil)
	<-c.Next
	if _, ok := b.TryBegin(chat, id(0), false); !ok || len(b.Company(chat, id(0)).Gaps) != rhythmFew+1 {
		t.Error("a probe counts as a customer's request")
	}
	if c := b.Company(chat, id(9)); len(c.Gaps) != 0 {
		t.Error("a stranger has company")
	}
}
