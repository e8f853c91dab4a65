package scorer

import (
	"context"
	"encoding/binary"
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
	customers int       // of theirs, under way at the instant; 0 where nobody knows
	at, until time.Time // from when to when requests are sent
	under     sync.WaitGroup

	mu      sync.Mutex // guards the rest
	sent    uint64     // requests sent, ours
	asked   int        // of them, those that count
	answers []score.Arrived
	ended   int           // customers' requests of the instant that have ended
	well    int           // of them, well
	all     chan struct{} // closed when as many as customers have ended; made by watched.add
}

// next numbers a request.
func (t *burst) next() uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.sent++
	return t.sent
}

// note takes how a request of ours ended, and says whether it was answered.
func (t *burst) note(o *outcome.Outcome) (answered bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch o.Status {
	case outcome.OK:
		t.asked++
		t.answers = append(t.answers, score.Arrived{Served: o.Work, Elapsed: o.Total + o.Blocked})
		return true
	case outcome.RateLimited, outcome.Failed:
		t.asked++
	}
	return false
}

// result is what came of it.
func (t *burst) result(boarded bool) period.Burst {
	t.mu.Lock()
	defer t.mu.Unlock()
	r := period.Burst{Miner: t.contender.Miner, Task: t.contender.Task, Asked: t.asked, InFlight: t.well, Answers: t.answers}
	if slots := t.contender.Slots; !boarded && slots > 0 {
		// Nobody knew of customers' requests when these were sent: what slots they
		// took could not be had.
		r.Asked = min(r.Asked, max(slots-t.ended, len(r.Answers)))
	}
	return r
}

// askAtOnce sends a contender one request after the other while the beacon
// asks: one, if it asks once.
func (s *Scorer) askAtOnce(ctx context.Context, b *book, t *burst) {
	for {
		answered := s.askOnce(ctx, b, t)
		if !answered || !s.c.Now().Before(t.until) || ctx.Err() != nil {
			return
		}
	}
}

// askOnce sends one request and says whether it was answered.
func (s *Scorer) askOnce(ctx context.Context, b *book, t *burst) bool {
	within, stop := context.WithCancel(ctx)
	defer stop()
	var begun *dispatch.Burst
	if s.c.Board != nil {
		var room bool
		if begun, room = s.c.Board.BeginBurst(t.contender.Task, t.contender.Miner, stop); !room {
			return false
		}
	}
	seed := b.seed("beacon", t.contender.Miner, t.contender.Task, int(t.next()))
	binary.BigEndian.PutUint64(seed[:], binary.BigEndian.Uint64(seed[:])^uint64(t.at.UnixNano())) // a period has several
	call := s.made(outcome.Burst, seed, t.task, t.kind, relay.Peer{Miner: t.contender.Miner, Addr: s.addrOf(t.contender)})
	b.note(func(st *Stats) { st.Bursts++ })
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
	answered := t.note(o)
	keep, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	if err := s.c.Store.Record(keep, relay.Entry(&call, &answer, true)); err != nil {
		b.note(func(st *Stats) { st.Lost++ })
		s.log.Warn("a beacon's outcome was not written down", "request", call.ID, "err", err)
	}
	return answered
}

// settle waits for customers' requests that were under way at the beacon, and
// keeps what came of it in the period that runs by then.
func (s *Scorer) settle(ctx context.Context, call beacon.Call, asked []*burst) {
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
	for _, t := range asked {
		if r := t.result(s.c.Board != nil); r.Asked+r.InFlight > 0 {
			results = append(results, r)
		}
	}
	for ctx.Err() == nil {
		b := s.running.Load()
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
		if o.Status == outcome.OK || o.Status == outcome.Canceled && o.Work > 0 {
			t.well++
		}
		if t.ended == t.customers {
			close(t.all)
		}
		t.mu.Unlock()
	}
}
