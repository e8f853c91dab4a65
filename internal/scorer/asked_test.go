package scorer

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"vision/internal/beacon"
	"vision/internal/dispatch"
	"vision/internal/hotkey"
	"vision/internal/outcome"
	"vision/internal/period"
	"vision/internal/score"
)

// behind gives values that were due some time before.
type behind struct {
	ticking
	late time.Duration
}

func (b *behind) Next(ctx context.Context, after beacon.Round) (beacon.Round, error) {
	r, err := b.ticking.Next(ctx, after)
	r.At = r.At.Add(-b.late)
	return r, err
}

// A beacon that was heard of when the others have long asked asks nobody: what it showed would be of another time.
func TestABeaconHeardOfTooLateAsksNobody(t *testing.T) {
	for late, asks := range map[time.Duration]bool{0: true, 5 * time.Second: false} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, 10*time.Minute, "a")
			w.start(hardened(w), func(c *Config) { c.Random = &behind{late: late} })
			w.until(30 * time.Minute)
			w.stop()
			st := w.s.Stats()
			if (st.Bursts > 0) != asks || (st.BeaconsMissed > 0) == asks || st.Beacons+st.BeaconsMissed == 0 {
				t.Errorf("values %v late: %+v", late, st)
			}
		})
	}
}

// noted is a Board that says what room there is.
type noted struct {
	*world
	room dispatch.Room
}

func (n noted) Room(string, hotkey.ID) (dispatch.Room, bool) { return n.room, true }

func TestRoomForABurst(t *testing.T) {
	w := newWorld(t, 10*time.Minute, "a")
	for name, c := range map[string]struct {
		board       *dispatch.Room // nil: none
		want, slots int
		n           int
		ok          bool
	}{
		"all free":                   {&dispatch.Room{Free: 9}, 5, 9, 5, true},
		"customers count":            {&dispatch.Room{Free: 9, Customers: 2}, 5, 9, 3, true},
		"less is free than is due":   {&dispatch.Room{Free: 1, Customers: 2}, 5, 3, 1, true},
		"customers are all that is":  {&dispatch.Room{Free: 1, Customers: 7}, 5, 9, 0, true},
		"neither room nor customers": {&dispatch.Room{}, 5, 9, 0, false},
		"more than may be at once":   {&dispatch.Room{Free: 99}, 12, 99, 0, false},
		"no board, more than slots":  {nil, 5, 3, 3, true},
		"no board, slots not known":  {nil, 5, 0, 5, true},
	} {
		conf := w.config()
		conf.BurstAtOnce, conf.Board = 10, nil
		if c.board != nil {
			conf.Board = noted{w, *c.board}
		}
		s, err := New(conf)
		if err != nil {
			t.Fatal(err)
		}
		one := &burst{contender: period.Contender{Miner: key("a").ID(), Task: chat, Slots: c.slots}, want: c.want}
		if n, ok := s.roomFor(one); n != c.n || ok != c.ok {
			t.Errorf("%s: %d, %v, want %d, %v", name, n, ok, c.n, c.ok)
		}
		if left := s.atOnce.Load(); left != int64(c.n) {
			t.Errorf("%s: %d requests count as under way, want %d", name, left, c.n)
		}
	}
}

// The time of an answer to a beacon is from its sending to its end, whatever kept us from reading meanwhile. Where nobody knew of
// customers' requests, slots that answered were there, however many customers there were.
func TestWhatABurstNotes(t *testing.T) {
	one := &burst{contender: period.Contender{Slots: 2}, ended: 2, well: 2}
	at := time.Now()
	for _, o := range []outcome.Outcome{
		{Status: outcome.OK, Work: 7, Start: at, Total: 2 * time.Second, Blocked: time.Second},
		{Status: outcome.RateLimited, Start: at},
	} {
		one.note(one.open(), &o, at)
	}
	r := one.result(true, time.Second)
	if r.Slots != 1 || r.Asked != 1 || len(r.Answers) != 1 || r.Answers[0].Elapsed != 3*time.Second || r.Answers[0].Served != 7 {
		t.Errorf("%+v", r)
	}
}

// A customer's request counts at a beacon if it was under way at the instant.
func TestWhichCustomersABurstSees(t *testing.T) {
	at := time.Now()
	one := &burst{contender: period.Contender{Miner: key("a").ID(), Task: chat}, at: at, customers: 9}
	var w watched
	w.add(one)
	for _, o := range []outcome.Outcome{
		{Start: at, Total: time.Second},
		{Start: at.Add(-time.Minute), Total: time.Minute + 1},
		{Start: at.Add(-time.Minute), Total: time.Minute},                  // it had ended
		{Start: at.Add(1), Total: time.Second},                             // it began after
		{Start: at, Total: time.Second, Task: "embed"},                     //
		{Start: at, Total: time.Second, Miner: key("b").ID()},              //
		{Start: at, Total: time.Second, Source: outcome.Synthetic},         //
		{Start: at, Total: time.Second, Source: outcome.Burst, Task: chat}, //
	} {
		o.Status, o.Work = outcome.OK, 5
		if o.Miner.IsZero() {
			o.Miner = key("a").ID()
		}
		if o.Task == "" {
			o.Task = chat
		}
		w.see(&o)
	}
	if one.ended != 2 || one.well != 2 {
		t.Errorf("%d were seen to end, %d well; want 2", one.ended, one.well)
	}
	if w.drop(one); len(w.list) != 0 {
		t.Errorf("%d are still watched", len(w.list))
	}
}

// What came of a beacon is kept in the period that runs, and in no other.
func TestABurstIsKeptInTheRunningPeriod(t *testing.T) {
	w := newWorld(t, 10*time.Minute, "a")
	s, err := New(w.config())
	if err != nil {
		t.Fatal(err)
	}
	book := func(id int64) *book {
		return newBook(period.Period{ID: id, Start: time.Now(), End: time.Now().Add(time.Minute)}, [32]byte{1}, score.Vision4{})
	}
	over, running := book(1), book(2)
	s.running.Store(running)
	results := []period.Burst{{Miner: key("a").ID(), Task: chat, Asked: 1}}
	if done, err := s.keepBursts(t.Context(), over, beacon.Call{}, results); done || err != nil || len(w.store.bursts) != 0 {
		t.Errorf("kept in a period that is over: %v, %v, %v", done, err, w.store.bursts)
	}
	if done, err := s.keepBursts(t.Context(), running, beacon.Call{}, results); !done || err != nil || len(w.store.bursts) != 1 || w.store.bursts[0].Period != 2 {
		t.Errorf("kept in the one that runs: %v, %v, %v", done, err, w.store.bursts)
	}
	if len(s.kept) != 0 {
		t.Error("nothing more can be kept")
	}
}

// An answer that its customer read slowly says nothing of the pace, nor one without work or of a task without a mean.
func TestWhichAnswersAreTimed(t *testing.T) {
	offer := score.Offer{PerRequest: 100, Speed: score.Speed{Overhead: time.Second, Mean: 0.01, Steepness: 1}}
	untold := offer
	untold.Speed.Mean = 0
	good := outcome.Outcome{Status: outcome.OK, Work: 100, Total: 10 * time.Second, Blocked: time.Second, Asked: 1000, Source: outcome.Organic}
	change := func(f func(o *outcome.Outcome)) outcome.Outcome { o := good; f(&o); return o }
	for name, c := range map[string]struct {
		o     outcome.Outcome
		offer score.Offer
		want  score.Answer
		ok    bool
	}{
		"good":        {good, offer, score.Answer{Kind: score.OK, Asked: 400, Served: 100, Took: offer.Speed.Beyond(10 * time.Second), Organic: true}, true},
		"read slowly": {change(func(o *outcome.Outcome) { o.Blocked++ }), offer, score.Answer{Kind: score.OK, Asked: 400, Served: 100, Organic: true}, true},
		"no mean":     {good, untold, score.Answer{Kind: score.OK, Asked: 400, Served: 100, Organic: true}, true},
		"no work":     {change(func(o *outcome.Outcome) { o.Work = 0 }), offer, score.Answer{Kind: score.OK, Asked: 400, Organic: true}, true},
		"failed":      {change(func(o *outcome.Outcome) { o.Status, o.Asked = outcome.Failed, 0 }), offer, score.Answer{Kind: score.Failed, Asked: 100, Organic: true}, true},
		"ours":        {change(func(o *outcome.Outcome) { o.Status = outcome.Ours }), offer, score.Answer{Asked: 400, Organic: true}, false},
		"left":        {change(func(o *outcome.Outcome) { o.Status = outcome.Canceled }), offer, score.Answer{Asked: 400, Organic: true}, false},
	} {
		if got, ok := answerSeen(&c.o, c.offer); got != c.want || ok != c.ok {
			t.Errorf("%s: %+v, %v, want %+v, %v", name, got, ok, c.want, c.ok)
		}
	}
}

// A customer's request in flight shows a slot only if it was served at some pace: streams that friends hold open, in which hardly
// anything comes, show none.
func TestDawdlingCustomersShowNoSlot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 10*time.Minute, "a")
		busy(w, "a")
		w.start(hardened(w))
		w.until(5 * time.Minute)
		w.stop()
		var one *burst
		for _, due := range w.s.due(w.s.running.Load(), w.s.neurons.Load(), beacon.Call{}, 0) {
			if due.contender.Task == chat {
				one = due
			}
		}
		if one == nil {
			t.Fatal("nobody is due")
		}
		one.at, one.customers = time.Now(), 9
		w.s.watched.add(one)
		// Overhead 0.5 s, slack 0.4 s, and 1.6 times the usual time: of one unit as of 25, a quarter of a usual request.
		for _, o := range []outcome.Outcome{
			{Status: outcome.OK, Work: 100, Total: 4 * time.Second},
			{Status: outcome.OK, Work: 1, Total: 3 * time.Second},
			{Status: outcome.Canceled, Work: 1000, Total: 30 * time.Second},
			{Status: outcome.OK, Work: 1, Total: 3 * time.Second, Blocked: 12 * time.Second},
			{Status: outcome.Canceled, Work: 10, Total: time.Minute},
			{Status: outcome.OK, Work: 12, Total: time.Minute},
			{Status: outcome.Canceled, Total: time.Minute},
		} {
			o.Miner, o.Task, o.Start = key("a").ID(), chat, one.at.Add(-time.Second)
			w.s.watched.see(&o)
		}
		if r := one.result(false, time.Second); one.ended != 7 || r.InFlight != 4 || r.Asked != 2 || r.Slots != 2 || len(r.Answers) != 0 {
			t.Errorf("%d ended: %+v, want four in flight and two slots without an answer", one.ended, r)
		}
		w.s.watched.drop(one)
	})
}

// A beacon of whose requests customers' took the place of more than half says nothing: else friends of a miner of few slots could
// have it credited with all that it declares.
func TestWhatIsMostlyPreemptedIsNotJudged(t *testing.T) {
	for _, c := range []struct {
		unasked, good, well int
		judged              bool
	}{{4, 4, 0, true}, {5, 4, 0, false}, {1, 0, 0, false}, {1, 1, 0, true}, {3, 0, 2, false}, {2, 0, 2, true}, {0, 0, 1, true}, {0, 0, 0, true}} {
		one := &burst{contender: period.Contender{Miner: key("a").ID(), Task: chat}, slots: make([]slot, c.unasked), well: c.well}
		for range c.good {
			one.slots = append(one.slots, slot{1, make([]score.Arrived, 1), make([]time.Duration, 1)})
		}
		r := one.result(false, time.Second)
		asked, well := c.good, c.well
		if !c.judged {
			asked, well = 0, 0
		}
		if r.Asked != asked || r.Slots != asked || len(r.Answers) != asked || r.InFlight != well || r.Miner != key("a").ID() || r.Task != chat {
			t.Errorf("%+v: %+v", c, r)
		}
	}
}
