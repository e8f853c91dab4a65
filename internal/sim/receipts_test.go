package sim

import (
	"math"
	"testing"
)

// shownTo makes a run of one task whose first seat's answers one validator shows the others.
func shownTo(t *testing.T, p Pooling) *Sim {
	t.Helper()
	w := small(t, "vision7")
	w.Pooling = p
	s, err := New(w)
	if err != nil {
		t.Fatal(err)
	}
	s.open()
	return s
}

func TestReceiptsHaveOthersLookForThemselves(t *testing.T) {
	s := shownTo(t, Receipts)
	s.now = 100
	by := &s.contenders[s.contenderOf(0, 1)]
	s.show(by)
	for v := range s.stakes {
		c := &s.contenders[s.contenderOf(0, v)]
		if s.looking(c) {
			t.Errorf("validator %d looks before it asked its peers", v)
		}
		s.now = s.world.Period / asksPeers
		if got := s.looking(c); got != (v != 1) {
			t.Errorf("validator %d looks for itself: %t", v, got)
		}
		s.now += lookedFor
		if s.looking(c) {
			t.Errorf("validator %d looks for more than a day", v)
		}
		s.now = 100
		if c.state != nil {
			t.Errorf("validator %d counts what another showed it", v)
		}
	}
}

func TestAPeerIsHeardOncePerMinerAndDay(t *testing.T) {
	s := shownTo(t, Receipts)
	by := &s.contenders[s.contenderOf(0, 1)]
	c := &s.contenders[s.contenderOf(0, 0)]
	s.show(by)
	c.look.left = 0 // it has looked
	if s.show(by); c.look.left != 0 {
		t.Error("the same peer had the same miner looked into twice in a day")
	}
	s.show(&s.contenders[s.contenderOf(0, 2)])
	if c.look.left != lookedInto || c.look.peer != 2 {
		t.Errorf("another peer was not heard: %+v", c.look)
	}
	c.look.left = 0
	s.now += lookedFor
	if s.show(by); c.look.left != lookedInto {
		t.Error("a day later the peer was not heard")
	}
}

func TestAPeerHasFewMinersLookedIntoAtOnce(t *testing.T) {
	s := shownTo(t, Receipts)
	open := 0
	for seat := range s.seats {
		s.show(&s.contenders[s.contenderOf(int32(seat), 1)])
	}
	for seat := range s.seats {
		if s.pending(&s.contenders[s.contenderOf(int32(seat), 0)]) {
			open++
		}
	}
	if len(s.seats) <= mostLooking || open != mostLooking {
		t.Errorf("%d of %d miners are looked into for one peer, want %d", open, len(s.seats), mostLooking)
	}
}

// Whatever the mode, the same world asks the same; only how much is checked, and what counts, differs.
func TestReceiptsHaveMoreChecked(t *testing.T) {
	checks := map[Pooling]int64{}
	for _, p := range []Pooling{Receipts, Apart} {
		w := small(t, "vision7")
		w.Pooling, w.Miners, w.Periods = p, 12, 24
		w.Cheats, w.Rogues = 0.6, []Strategy{Bait{16}} // newcomers are checked closely anyway
		r, err := Play(w)
		if err != nil {
			t.Fatal(err)
		}
		checks[p] = r.Checks
	}
	if float64(checks[Receipts]) < 1.02*float64(checks[Apart]) {
		t.Errorf("%d checks with receipts, %d without: nobody looked", checks[Receipts], checks[Apart])
	}
}

func TestWeightsCountWhenTheyAreRevealed(t *testing.T) {
	for _, reveal := range []int{0, 3} {
		w := small(t, "vision7")
		w.Miners, w.Periods, w.Reveal = 8, 8, reveal
		s, err := New(w)
		if err != nil {
			t.Fatal(err)
		}
		r, err := s.Run()
		if err != nil {
			t.Fatal(err)
		}
		if len(s.set) != reveal {
			t.Errorf("%d sets of weights wait at the end, want %d", len(s.set), reveal)
		}
		total, dividends := 0.0, 0.0
		for _, a := range r.Operators {
			total += a.Income
		}
		for _, d := range r.Dividends {
			dividends += d * float64(r.Periods)
		}
		// Nobody is known as the first period ends, so that one's weights are all 0.
		if most := float64(8 - reveal); total > most+1e-9 || total < most-1.5 || math.Abs(dividends-total) > 1e-9 {
			t.Errorf("revealed %d periods later, %v periods' incentive and %v of dividends were paid of %v", reveal, total, dividends, most)
		}
	}
}

func TestPeriodsOfSettlingDoNotCount(t *testing.T) {
	w := small(t, "vision7")
	w.Periods = 8
	all, err := Play(w)
	if err != nil {
		t.Fatal(err)
	}
	w.Settle = 5
	late, err := Play(w)
	if err != nil {
		t.Fatal(err)
	}
	total := 0.0
	for i, a := range late.Operators {
		total += a.Income
		if a.Cost >= all.Operators[i].Cost/2 || a.Income >= all.Operators[i].Income {
			t.Errorf("operator %d earned %v of %v, and paid %v of %v", i, a.Income, all.Operators[i].Income, a.Cost, all.Operators[i].Cost)
		}
	}
	if late.Periods != 3 || math.Abs(total-3) > 1e-9 || late.Customers != all.Customers {
		t.Errorf("%d periods count, in which %v periods' incentive was paid", late.Periods, total)
	}
}
