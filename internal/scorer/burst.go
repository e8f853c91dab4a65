package scorer

import (
	"context"
	"encoding/binary"
	"math/rand/v2"
	"sync"
	"time"

	"vision/internal/beacon"
	"vision/internal/dispatch"
	"vision/internal/outcome"
	"vision/internal/period"
	"vision/internal/relay"
	"vision/internal/score"
	"vision/internal/task"
)

// burst is one contender at a beacon.
type burst struct {
	contender period.Contender
	task      *task.Task
	kind      task.Kind
	want      int       // requests under way at once, customers' among them
	customers int       // of theirs, under way at the instant, as far as was known
	at, until time.Time // from when to when requests are sent
	most      int       // requests to each slot; 0: no bound
	pace      pace      // as of the beacon
	under     sync.WaitGroup

	mu    sync.Mutex // guards the rest
	sent  uint64     // requests sent, ours
	slots []slot
	ended int           // customers' requests of the instant that have ended
	well  int           // of them, well
	badly int           // of them, failed by the miner, or held up until the beacon was over
	none  int           // of them, refused for want of capacity
	all   chan struct{} // closed when as many as customers have ended; made by watched.add
}

// slot is one of the requests of a beacon's instant, and those that followed it.
type slot struct {
	asked   int // requests that count
	answers []score.Arrived
	waits   []time.Duration // of each answer, see waits.go
}

// open begins another slot.
func (t *burst) open() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.slots = append(t.slots, slot{})
	return len(t.slots) - 1
}

// next numbers a request.
func (t *burst) next() uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.sent++
	return t.sent
}

// note takes how a request of ours to a slot ended, and when that slot was asked.
func (t *burst) note(i int, o *outcome.Outcome, asked time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	of := &t.slots[i]
	switch o.Status {
	case outcome.OK:
		of.asked++
		of.answers = append(of.answers, score.Arrived{Served: o.Work, Elapsed: o.Total + o.Blocked})
		of.waits = append(of.waits, max(0, o.Start.Sub(asked)))
	case outcome.RateLimited, outcome.Failed:
		of.asked++
	}
}

// result is what came of it; see allowance. apart says that customers' requests go through other processes, of which the Board may not
// have been told all.
func (t *burst) result(apart bool, allowance time.Duration) period.Burst {
	t.mu.Lock()
	defer t.mu.Unlock()
	r := period.Burst{Miner: t.contender.Miner, Task: t.contender.Task, InFlight: t.well}
	asked, answered := make([]int, len(t.slots)), make([]int, len(t.slots))
	good := 0 // slots that answered
	for i := range t.slots {
		asked[i], answered[i] = t.slots[i].asked, len(t.slots[i].answers)
		r.Asked += asked[i]
		if answered[i] > 0 {
			good++
		}
	}
	unasked := len(t.slots) // slots of which nothing was seen, for a customer's request took them or something else of ours
	r.Slots = score.Divide(asked, answered)
	if unasked -= r.Slots; 2*unasked > len(t.slots)+t.well {
		// What is left says too little of the rest: friends could take so many slots from a beacon, and be refused, that few are enough.
		return period.Burst{Miner: r.Miner, Task: r.Task}
	}
	for i := range t.slots {
		for j, a := range t.slots[i].answers {
			a.Of = asked[i]
			if wait := t.slots[i].waits[j]; wait > allowance {
				a.Elapsed += wait
			}
			r.Answers = append(r.Answers, a)
		}
	}
	unseen := apart && t.ended > t.customers
	if slots := t.contender.Slots; unseen && slots > 0 {
		// Not all customers' requests were known of when these were sent: what slots they
		// took could not be had.
		could := min(r.Slots, max(slots-t.ended, good))
		r.Asked -= r.Slots - could // none of these answered even once
		r.Slots = could
	}
	// Each of these held a slot and left it unanswered: else who has too few could drop customers to answer a beacon in full.
	// Where not all were known of, it may have been the beacon that took the slots of those that were refused.
	dropped := t.badly
	if !unseen {
		dropped += t.none
	}
	r.Asked += dropped
	r.Slots += dropped
	return r
}

// askAtOnce sends a slot of a contender one request after the other while the beacon
// asks: one, if it asks once. A refusal that may speak of the request is asked again, with
// one that no server has reason to refuse: else who has too few slots could refuse so for free.
func (s *Scorer) askAtOnce(ctx context.Context, b *book, t *burst) {
	slot := t.open()
	for n := 1; ; n++ {
		asked := s.c.Now()
		o := s.askOnce(ctx, b, t, slot, asked, s.makeUp)
		if o.Status == outcome.Canceled && o.Reason == outcome.Refused && ctx.Err() == nil {
			o = s.askOnce(ctx, b, t, slot, asked, s.makeUpPlain)
		}
		if o.Status != outcome.OK || n == t.most || !s.c.Now().Before(t.until) || ctx.Err() != nil {
			return
		}
	}
}

// askOnce sends one request to a slot and says how it ended. asked is when the slot began to be asked for it.
func (s *Scorer) askOnce(ctx context.Context, b *book, t *burst, slot int, asked time.Time, maker maker) outcome.Outcome {
	within, stop := context.WithCancel(ctx)
	defer stop()
	var begun *dispatch.Burst
	if s.c.Board != nil {
		var room bool
		if begun, room = s.c.Board.BeginBurst(t.contender.Task, t.contender.Miner, stop); !room {
			return outcome.Outcome{Status: outcome.Canceled, Reason: outcome.OurOverload}
		}
	}
	seed := b.seed("beacon", t.contender.Miner, t.contender.Task, int(t.next()))
	binary.BigEndian.PutUint64(seed[:], binary.BigEndian.Uint64(seed[:])^uint64(t.at.UnixNano())) // a period has several
	request := maker(rand.New(rand.NewChaCha8(seed)), t.kind, t.task, t.contender.Miner)
	call := s.callOf(outcome.Burst, request, t.task, t.kind, relay.Peer{Miner: t.contender.Miner, Addr: s.addrOf(t.contender)})
	drawn := s.c.Relay.Draw(call.ID) < s.c.Sampling.Chance(outcome.Burst, call.Task.Name, call.Peer.Miner)
	b.note(func(st *Stats) {
		st.Bursts++
		switch {
		case call.Keep:
			st.Sampled++
		case drawn:
			st.Unsampled++
		}
	})
	answer := s.relayed(within, call)
	relay.Excuse(&answer, false, call.Request)
	o := &answer.Outcome
	if begun != nil && begun.Preempted() && o.Status != outcome.OK {
		o.Status, o.Reason = outcome.Canceled, outcome.Preempted
		b.note(func(st *Stats) { st.Preempted++ })
	}
	if s.c.Board != nil {
		s.c.Board.EndedBurst(begun, *o)
	}
	t.note(slot, o, asked)
	keep, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	if err := s.c.Store.Record(keep, relay.Entry(&call, &answer, true)); err != nil {
		b.note(func(st *Stats) { st.Lost++ })
		s.log.Warn("a beacon's outcome was not written down", "request", call.ID, "err", err)
	}
	return *o
}

// settle waits for customers' requests that were under way at the beacon, and
// keeps what came of it in the period that runs by then. in is the one in which it asked.
func (s *Scorer) settle(ctx context.Context, in *book, call beacon.Call, asked []*burst) {
	patience := time.NewTimer(min(30*time.Second, s.c.Period/4))
	defer patience.Stop()
	over := false
	for _, t := range asked {
		if over {
			break
		}
		select {
		case <-t.all:
		case <-patience.C:
			over = true
		case <-ctx.Done():
			return
		}
	}
	var results []period.Burst
	var offers []score.Offer
	allowed := allowance(asked)
	for _, t := range asked {
		if r := t.result(s.c.Apart, allowed); r.Asked+r.InFlight > 0 {
			results, offers = append(results, r), append(offers, t.contender.Offer)
		}
	}
	for ctx.Err() == nil {
		b := s.running.Load()
		if b != in {
			for i := range results {
				results[i].Offer = offers[i]
			}
		}
		select {
		case <-b.kept:
		case <-ctx.Done():
			return
		}
		if done, err := s.keepBursts(ctx, b, call, results); err != nil || done {
			return
		}
	}
}

// keeping waits for the token by which one beacon at a time is kept; false means that ctx ended.
func (s *Scorer) keeping(ctx context.Context) bool {
	select {
	case s.kept <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}

// keepBursts keeps what came of a beacon in a period, if that is still running.
func (s *Scorer) keepBursts(ctx context.Context, b *book, call beacon.Call, results []period.Burst) (done bool, err error) {
	if !s.keeping(ctx) {
		return false, ctx.Err()
	}
	defer func() { <-s.kept }()
	if s.running.Load() != b {
		return false, nil
	}
	err = s.insist(ctx, "keep what came of a beacon", func(ctx context.Context) error {
		kept, err := s.c.Store.SaveBeacon(ctx, period.Beacon{Period: b.ID, Source: call.Round.Source, Number: call.Round.Number, At: call.At})
		if err != nil {
			return err
		}
		for i := range results {
			results[i].Beacon, results[i].Period = kept.ID, b.ID
		}
		return s.c.Store.SaveBursts(ctx, results)
	})
	if err != nil {
		return false, err
	}
	b.shown(results)
	asked, delivered := 0, 0
	for i := range results {
		asked += results[i].Asked + results[i].InFlight
		delivered += len(results[i].Answers) + results[i].InFlight
	}
	s.log.Info("beacon", "period", b.ID, "source", call.Round.Source, "number", call.Round.Number, "contenders", len(results), "asked", asked, "answered", delivered)
	return true, nil
}

// watched are the bursts that wait for customers' requests to end.
type watched struct {
	mu   sync.Mutex // guards list
	list map[outcome.Pair][]*burst
}

func (w *watched) add(t *burst) {
	t.all = make(chan struct{})
	if t.customers == 0 {
		close(t.all)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.list == nil {
		w.list = map[outcome.Pair][]*burst{}
	}
	p := pairOf(&t.contender)
	w.list[p] = append(w.list[p], t)
}

func (w *watched) drop(t *burst) {
	w.mu.Lock()
	defer w.mu.Unlock()
	p := pairOf(&t.contender)
	list := w.list[p]
	for i := range list {
		if list[i] == t {
			list = append(list[:i], list[i+1:]...)
			break
		}
	}
	if w.list[p] = list; len(list) == 0 {
		delete(w.list, p)
	}
}

// see takes note of an attempt that has ended.
func (w *watched) see(o *outcome.Outcome) {
	if o.Source != outcome.Organic {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, t := range w.list[outcome.Pair{Miner: o.Miner, Task: o.Task}] {
		if o.Start.After(t.at) || !o.End().After(t.at) {
			continue
		}
		t.mu.Lock()
		t.ended++
		switch held := t.pace.heldUp(o, t.at, t.until); {
		case o.Status == outcome.Ours: // the time that it took was not its miner's
		case held && o.Status == outcome.OK:
			t.badly++
		case held && o.Status == outcome.Canceled: // who knows whether it would have ended
		case o.Status == outcome.Failed, o.Work > 0 && t.pace.dawdled(o):
			t.badly++
		case o.Status == outcome.OK, o.Status == outcome.Canceled && o.Work > 0:
			t.well++
		case o.Status == outcome.RateLimited:
			t.none++
		}
		if t.ended == t.customers {
			close(t.all)
		}
		t.mu.Unlock()
	}
}
