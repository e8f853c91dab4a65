package scorer

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"time"

	"vision/internal/beacon"
	"vision/internal/chain"
	"vision/internal/outcome"
	"vision/internal/task"
)

// A beacon asks all contenders on all tasks at once, when all other validators do:
//
//	value ─► called ─Lead─► asked: as many requests as the mechanism says, less
//	                          │    those of customers that are under way
//	                          ▼
//	                        answered, and customers' requests of that instant ended
//	                          │
//	                          ▼
//	                        kept, then counted in the period that runs by now,
//	                        by what was offered when it asked
//
// What our own side failed to do is left out: requests that found no room or
// that a customer's took the place of, that a shutdown or our network broke off.
// If a contender cannot be asked for all that is due for a bound of ours, it is not asked at all.

// beacons follows the public randomness until ctx ends.
func (s *Scorer) beacons(ctx context.Context) error {
	if s.c.Random == nil || s.c.Mechanism.Beacons() <= 0 {
		return nil
	}
	rules := beacon.For(s.c.Period, s.c.Mechanism.Beacons())
	if err := rules.Validate(); err != nil { // it works, with fewer
		s.log.Warn("the period is too short for so many beacons", "err", err)
	}
	caller := beacon.NewCaller(rules)
	var last beacon.Round
	var tries backoff
	for {
		r, err := s.c.Random.Next(ctx, last)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			wait := tries.next(100*time.Millisecond, 30*time.Second)
			if tries == 3 {
				s.log.Warn("there is no public randomness for now: contenders are not asked all at once", "err", err)
			}
			if !sleep(ctx, wait) {
				return nil
			}
			continue
		}
		tries, last = 0, r
		call, ok := caller.Hear(r)
		if !ok {
			continue
		}
		if late := s.c.Now().Sub(call.At); late > beaconLate {
			s.beaconStats(func(st *Stats) { st.BeaconsMissed++ })
			s.log.Warn("a beacon was heard of too late to ask with the others", "source", r.Source, "number", r.Number, "late", late)
			continue
		}
		// No value comes before its time but by a clock that is behind: we would ask when nobody else does, who knows how much later.
		if early := call.At.Sub(s.c.Now()) - r.Tick - rules.Lead; early > beaconEarly {
			s.beaconStats(func(st *Stats) { st.BeaconsMissed++ })
			s.log.Warn("a beacon was heard of before its time, so this machine's clock is behind: it is left out", "source", r.Source, "number", r.Number, "early", early)
			continue
		}
		s.probes.Go(func() { s.beacon(ctx, call, rules.Window) })
	}
}

const (
	// beaconLate is how much after its instant a beacon may still ask.
	beaconLate = 500 * time.Millisecond
	// beaconEarly is by how much our clock may be behind for a beacon to ask together with others.
	beaconEarly = 2 * time.Second
)

func (s *Scorer) beaconStats(change func(*Stats)) {
	s.total.mu.Lock()
	defer s.total.mu.Unlock()
	change(&s.total.stats)
}

// beacon carries one out, and returns when what came of it is kept.
func (s *Scorer) beacon(ctx context.Context, call beacon.Call, window time.Duration) {
	b, snap := s.running.Load(), s.neurons.Load()
	if b == nil || snap == nil {
		return
	}
	bursts := s.due(b, snap, call, window)
	// From now on whoever knows the value knows of the beacon.
	part := s.c.Rates.Ahead(s.Backlog(), s.samples(bursts, window))
	quiet, quietElsewhere := s.c.Sampling.Called(part), s.c.Called(part, call.At, call.At.Add(window))
	defer quiet()
	defer quietElsewhere()
	if !sleep(ctx, call.At.Sub(s.c.Now())) {
		return
	}
	s.beaconStats(func(st *Stats) { st.Beacons++ })
	// Where there is no room for all, chance says who is left out: in the order in which miners answered when the period
	// began, the last could keep the credit that they have for ever.
	rand.New(rand.NewChaCha8(call.Seed)).Shuffle(len(bursts), func(i, j int) { bursts[i], bursts[j] = bursts[j], bursts[i] })
	var asked []*burst
	for _, t := range bursts {
		n, ok := s.roomFor(t)
		if !ok {
			continue
		}
		t.until = t.at.Add(window)
		asked = append(asked, t)
		s.watched.add(t) // before any customer's request of this instant can end
		for range n {
			t.under.Go(func() {
				defer s.atOnce.Add(-1)
				s.askAtOnce(ctx, b, t)
			})
		}
	}
	sleep(ctx, window)
	quiet()
	quietElsewhere()
	for _, t := range asked {
		t.under.Wait()
	}
	s.settle(ctx, b, call, asked)
	for _, t := range asked {
		s.watched.drop(t)
	}
}

// samples is how many answers to a beacon would be kept to be checked if no sample waited: about so many, for slots
// are asked again as they answer.
func (s *Scorer) samples(bursts []*burst, window time.Duration) (expected float64) {
	for _, t := range bursts {
		requests := float64(t.want) * t.contender.Offer.Rounds(window)
		expected += requests * s.c.Sampling.Chance(outcome.Burst, t.contender.Task, t.contender.Miner)
	}
	return expected
}

// due is which contenders are to be asked, and for how many requests at once.
func (s *Scorer) due(b *book, snap *chain.Snapshot, call beacon.Call, window time.Duration) []*burst {
	before := snap.StakeBefore(s.c.Signer.ID())
	c := s.c.Catalogue()
	var list []*burst
	takes := map[string]float64{} // work, by task
	b.mu.Lock()
	defer b.mu.Unlock()
	for i := range b.contenders {
		n := &b.contenders[i]
		tk, ok := c.Lookup(n.Task)
		if !ok {
			continue
		}
		kind, ok := task.KindNamed(tk.Kind)
		if !ok {
			continue
		}
		// One number that all validators share, and a place of its own for
		// each: so they ask together for what is due together.
		offer := n.Offer
		offer.StakeBefore = min(before, 1-offer.StakeShare) // the share may be of an earlier snapshot
		known := b.stateNow(int32(i))
		want := s.c.Mechanism.Burst(known, offer, common(call.Seed, n))
		if want <= 0 {
			continue
		}
		takes[n.Task] += float64(want) * float64(max(tk.Typical, 1))
		list = append(list, &burst{contender: n.Contender, task: tk, kind: kind, want: want, most: offer.AtMost(window, want), pace: paceOf(s.c.Mechanism, known, offer)})
	}
	loads := b.loads()
	return slices.DeleteFunc(list, func(t *burst) bool {
		l := loads[t.task.Name]
		over := b.taken(t.task.Name, s.c.Synthetic)+takes[t.task.Name] > s.c.Synthetic*float64(l.Capacity)
		if over {
			b.stats.Capped++
		}
		return over
	})
}

// common is uniform in [0, 1), and the same for all validators.
func common(seed [32]byte, n *contender) float64 {
	mac := hmac.New(sha256.New, seed[:])
	mac.Write(n.Miner[:])
	mac.Write([]byte(n.Task))
	return float64(binary.BigEndian.Uint64(mac.Sum(nil))>>11) / (1 << 53)
}

// roomFor is how many requests a contender is to be sent now, and what now is. ok is
// false if a bound of ours leaves less than is due, or there is nothing to be seen.
func (s *Scorer) roomFor(t *burst) (n int, ok bool) {
	n = t.want
	if s.c.Board != nil {
		room, known := s.c.Board.Room(t.contender.Task, t.contender.Miner)
		if !known {
			return 0, false
		}
		t.customers = room.Customers
		n = min(max(n-room.Customers, 0), room.Free)
	} else if slots := t.contender.Slots; slots > 0 {
		n = min(n, slots)
	}
	// Not before customers' requests were counted: each of them is waited for, and
	// its end is only noticed if it began by this time.
	t.at = s.c.Now()
	if s.atOnce.Add(int64(n)) > int64(s.c.BurstAtOnce) {
		s.atOnce.Add(-int64(n))
		s.beaconStats(func(st *Stats) { st.Crowded++ })
		return 0, false
	}
	return n, n > 0 || t.customers > 0
}
