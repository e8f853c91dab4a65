package dispatch

import (
	"testing"
	"time"

	"vision/internal/outcome"
	"vision/internal/period"
)

// Customers' requests never take the slots of a probe that is sent, and the
// validator's own never hide that a miner is too slow for what it declared.
func TestProbesAndSlots(t *testing.T) {
	b := board(contenders(1, 1000, 2))
	var sent []Begun
	probe := func(free bool) bool {
		p, ok := b.TryBegin(chat, id(0), free)
		if ok {
			sent = append(sent, p)
		}
		return ok
	}
	s, _ := b.Acquire(chat, true, t0, 1, 2, nil)
	if !probe(false) {
		t.Fatal("a slot is free")
	}
	if probe(false) {
		t.Error("a customer's request takes a slot, and a probe too many is sent")
	}
	b.Release(s, ended(id(0), outcome.OK, t0, time.Second, 1), 0)
	if first, second := probe(false), probe(false); !first || !second {
		t.Error("probes alone do not fit, and the miner is spared them")
	}
	if probe(true) {
		t.Error("a probe that was put off is sent though no slot is free: a refusal would be our doing")
	}
	if s, _ := b.Acquire(chat, true, t0, 1, 2, nil); s != nil {
		t.Error("a customer's request goes where probes take all slots")
	}
	for _, p := range sent {
		b.Ended(p, ended(id(0), outcome.OK, t0, time.Second, 1), 0)
	}
	if !probe(true) {
		t.Error("a probe that was put off is not sent though a slot is free")
	}
	b.Ended(sent[3], ended(id(0), outcome.OK, t0, time.Second, 1), 0)
	s, _ = b.lookup(chat, id(0))
	if s.InFlight() != 0 || s.record.probes.Load() != 0 {
		t.Errorf("%d in flight, %d probes, after all have ended", s.InFlight(), s.record.probes.Load())
	}
}

// A probe gives its slot back though its miner contends no more when it ends.
func TestProbesOutliveTheirPeriod(t *testing.T) {
	b := board(contenders(1, 1000, 1))
	p, ok := b.TryBegin(chat, id(0), false)
	b.Set(period.Period{ID: 2, Start: t0.Add(time.Hour)}, nil)
	b.Ended(p, ended(id(0), outcome.Failed, t0, time.Second, 0), 0)
	b.Set(period.Period{ID: 3, Start: t0.Add(2 * time.Hour)}, contenders(1, 1000, 1))
	if s, _ := b.Acquire(chat, true, t0, 1, 2, nil); !ok || s == nil {
		t.Error("a slot is taken for ever by a probe that has ended")
	}
}

// The first probes of a contender are sent before the Board knows it. They take
// slots all the same.
func TestFirstProbesCount(t *testing.T) {
	b := NewBoard()
	p, ok := b.TryBegin(chat, id(0), false)
	if _, again := b.TryBegin(chat, id(0), true); !ok || !again {
		t.Fatal("a miner that the board does not know is not probed")
	}
	b.Set(period.Period{ID: 1, Start: t0}, contenders(1, 1000, 2))
	if s, _ := b.Acquire(chat, true, t0, 1, 2, nil); s != nil {
		t.Error("a customer's request goes where probes that began earlier take all slots")
	}
	b.Ended(p, ended(id(0), outcome.OK, t0, time.Second, 1), 0)
	if s, _ := b.Acquire(chat, true, t0, 1, 2, nil); s == nil {
		t.Error("the slot of a probe that has ended stays taken")
	}
}

// A 429 is our doing once the capacity is used up by others than the request itself.
func TestOverloaded(t *testing.T) {
	b := board(contenders(1, 100, 4))
	take := func() *Seat {
		s, _ := b.Acquire(chat, true, t0, 1, 2, nil)
		if s == nil {
			t.Fatal("nobody to ask")
		}
		return s
	}
	s := take()
	if b.Overloaded(chat, s, t0) {
		t.Error("one request is too much for an idle miner")
	}
	b.Release(s, ended(id(0), outcome.OK, t0, time.Second, 60), 0)
	s, other := take(), take() // 60 are used, and each probably uses 60 more
	if !b.Overloaded(chat, s, t0) {
		t.Error("60 of 100 are used, 60 more are under way: the next is too much")
	}
	if p, ok := b.TryBegin(chat, id(0), false); !p.Spent || !ok {
		t.Errorf("a probe: %+v, sent %v", p, ok)
	}
	o := ended(id(0), outcome.Canceled, t0, time.Second, 0)
	o.Reason = outcome.OurOverload
	before := s.record.success.Load()
	b.Release(s, o, 5*time.Second)
	if s.record.success.Load() != before || b.Another(chat, t0.Add(5*time.Second), nil) || !b.Another(chat, t0.Add(7*time.Second), nil) {
		t.Error("a 429 of our doing must cost the miner nothing and leave it alone for as long as it says")
	}
	b.Release(other, ended(id(0), outcome.OK, t0, time.Second, 1), 0)
}

// What nobody waited for cannot be checked, so it excuses no refusals: or a
// customer in league with a miner could buy it a period without tests.
func TestOnlyGoodAnswersExcuseRefusals(t *testing.T) {
	for status, want := range map[outcome.Status]bool{outcome.OK: true, outcome.Canceled: false, outcome.Failed: false} {
		b := board(contenders(1, 1000, 2))
		s, _ := b.Acquire(chat, true, t0, 1, 2, nil)
		b.Release(s, ended(id(0), status, t0, time.Second, 1000), 0)
		if s.Used() != 1000 {
			t.Errorf("%v: %d units are used, want 1000", status, s.Used())
		}
		if p, ok := b.TryBegin(chat, id(0), false); p.Spent != want || !ok {
			t.Errorf("after its capacity in answers that were %v: spent %t, sent %t, want %t, true", status, p.Spent, ok, want)
		}
	}
}
