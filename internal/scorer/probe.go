package scorer

import (
	"context"
	"math/rand/v2"
	"runtime/debug"
	"time"

	"vision/internal/dispatch"
	"vision/internal/hotkey"
	"vision/internal/outcome"
	"vision/internal/period"
	"vision/internal/relay"
	"vision/internal/task"
)

// unheard takes a probe's answer to nobody.
type unheard struct{}

func (unheard) Events([]byte) error { return nil }

// probe asks the book's contenders when their turns come, until the period's end.
// Probes then still under way go on; s.probes waits for them.
func (s *Scorer) probe(ctx context.Context, b *book) {
	late := max(min(2*time.Second, s.c.Period/20), 100*time.Millisecond)
	for ctx.Err() == nil {
		t, wait, ok, over := b.next(s.c.Now(), late)
		switch {
		case over:
			return
		case !ok:
			if !sleepOr(ctx, wait, b.wake) {
				return
			}
			continue
		}
		s.probes.Go(func() {
			with, begun := s.mingle(ctx, b, t)
			select {
			case s.free <- struct{}{}:
			default: // our bound, not the miner's doing
				b.giveBack(t.i)
				s.unsent(t, with, begun)
				b.note(func(st *Stats) { st.Skipped++ })
				return
			}
			defer func() { <-s.free }()
			s.ask(ctx, b, t, with, begun)
		})
	}
}

// unsent ends a probe that has begun and is not sent.
func (s *Scorer) unsent(t turn, with dispatch.Escorted, begun bool) {
	if begun {
		s.c.Board.Ended(with.Begun, outcome.Outcome{Task: t.Task, Miner: t.Miner, Status: outcome.Ours, Start: s.c.Now()}, 0)
	}
}

// ask makes up a request as a customer could have sent it, has it relayed as
// theirs are, and writes down what came of it. Now and then it is asked of
// another contender too: see pairs.go. It has begun already if it sets out with a customer's.
func (s *Scorer) ask(ctx context.Context, b *book, t turn, with dispatch.Escorted, begun bool) {
	tk, ok := s.c.Catalogue().Lookup(t.Task)
	kind, known := task.KindNamed("")
	if ok {
		kind, known = task.KindNamed(tk.Kind)
	}
	if !known { // removed while the period ran
		b.giveBack(t.i)
		s.unsent(t, with, begun)
		return
	}
	if s.c.Board != nil && !begun {
		if with.Begun, ok = s.c.Board.TryBegin(t.Task, t.Miner, t.Tries > 0); !ok {
			if !b.putOff(t, s.c.Now()) {
				b.note(func(st *Stats) { st.Skipped++ })
			}
			return
		}
	}
	r := rand.New(rand.NewChaCha8(b.seed("probe", t.Miner, t.Task, t.Number)))
	peer := relay.Peer{Miner: t.Miner, Addr: s.addrOf(t.Contender)}
	var one like
	mixed := false
	if with.With.Request != nil {
		one, mixed = s.mixing.swap(r, t.Task, t.Miner, s.likeOf(with.With, tk))
	}
	made := func(also ...hotkey.ID) relay.Call { // new to the miner, and to others who will be asked too
		miners := append(also, peer.Miner)
		if mixed {
			return s.callOf(outcome.Synthetic, s.makeLike(r, one, kind, tk, miners...), tk, kind, peer)
		}
		return s.callOf(outcome.Synthetic, s.makeUp(r, kind, tk, miners...), tk, kind, peer)
	}
	var call relay.Call
	if c, also := s.companion(b, t, kind); also && c.Miner != with.With.Miner && c.Miner != one.miner {
		call = made(c.Miner)
		if other, ok := s.paired(b, c, &call); ok {
			s.probes.Go(func() {
				defer func() { <-s.free }()
				s.send(ctx, b, other.i, other.call, other.begun)
			})
		}
	} else {
		call = made()
	}
	s.send(ctx, b, t.i, call, with.Begun)
}

// send has a probe of contender i relayed and writes down what came of it.
func (s *Scorer) send(ctx context.Context, b *book, i int32, call relay.Call, begun dispatch.Begun) {
	b.sends(call.ID, i)
	b.note(func(st *Stats) { st.Sent++ })
	answer := s.relayed(ctx, call)
	relay.Excuse(&answer, begun.Spent, call.Request)
	if s.c.Board != nil {
		s.c.Board.Ended(begun, answer.Outcome, answer.RetryAfter)
	}
	// A probe that a shutdown broke off is still written down, briefly.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	if err := s.c.Store.Record(ctx, relay.Entry(&call, &answer, true)); err != nil {
		b.note(func(st *Stats) { st.Lost++ })
		s.log.Warn("a probe's outcome was not written down", "request", call.ID, "err", err)
	}
}

// callOf is the call for a request, under an id and so a seed of its own.
func (s *Scorer) callOf(source outcome.Source, request task.Request, tk *task.Task, kind task.Kind, peer relay.Peer) relay.Call {
	now := s.c.Now()
	id := outcome.NewID(now, rand.Uint64(), rand.Uint64())
	first, total := tk.Allowance(kind, request)
	return relay.Call{
		ID: id, Last: true, Source: source,
		Task: tk, Kind: kind, Request: request, Payload: s.c.Relay.Payload(id, request, tk),
		Peer:    peer,
		FirstBy: now.Add(first), By: now.Add(total),
		Public: s.c.Learn == nil && s.c.Corpus == nil,
		Keep:   s.c.Sampling.Keep(s.c.Relay.Draw(id), source, tk.Name, peer.Miner),
	}
}

// addrOf is where the ledger says by now that a contender listens. Who answers
// there has to prove that it is the miner.
func (s *Scorer) addrOf(t period.Contender) string {
	if snap := s.neurons.Load(); snap != nil {
		if n, ok := snap.ByHotkey(t.Miner); ok && n.Endpoint != "" {
			return string(n.Endpoint)
		}
	}
	return t.Addr
}

// relayed is Relay.Do, but for a panic: a bug in reading what a stranger sent
// is our fault, and ends neither the validator nor the probe's books.
func (s *Scorer) relayed(ctx context.Context, call relay.Call) (answer relay.Answer) {
	defer func() {
		if p := recover(); p != nil {
			s.log.Error("a bug: relaying a probe panicked", "request", call.ID, "panic", p, "stack", string(debug.Stack()))
			answer = relay.Answer{Outcome: outcome.Outcome{
				Request: call.ID, Last: true, Source: call.Source, Task: call.Task.Name, Miner: call.Peer.Miner,
				Status: outcome.Ours, Reason: "panic", Stream: call.Request.Stream(), Start: s.c.Now(),
			}}
		}
	}()
	return s.c.Relay.Do(ctx, call, unheard{})
}
