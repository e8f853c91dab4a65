package sim

import (
	"time"

	"vision/internal/score"
)

// burst is what one validator asks of one contender at a beacon.
type burst struct {
	contender int32
	at        float64
	pending   int
	inFlight  int
	asked     int
	offer     score.Offer
	running   []int32         // requests that have not ended
	answers   []score.Arrived // Of is the slot until the beacon is closed
	sent      []int           // requests that count, by slot
	answered  []int           // of them
	most      int             // requests to a slot
	over      bool
}

// planBeacons draws the period's beacons: instants that operators cannot
// foresee, the same for all validators and tasks up to their clocks.
func (s *Sim) planBeacons() {
	s.beacons, s.beacon = s.beacons[:0], 0
	mean := s.world.Mechanism.Beacons()
	if mean <= 0 {
		return
	}
	begin := s.end - s.world.Period
	draw := func(validator, task int) {
		for at := 0.0; ; {
			every := s.world.Period / mean
			at += every/10 + s.beaconRand.ExpFloat64()*every*0.9 // a tenth is rest
			if at >= 0.98*s.world.Period {
				return
			}
			s.rounds++
			if validator >= 0 {
				s.beacons = append(s.beacons, instant{at: begin + at, of: int32(validator), on: int32(task), no: s.rounds})
				continue
			}
			for v, skew := range s.skews {
				s.beacons = append(s.beacons, instant{at: begin + max(at+skew, 0), of: int32(v), on: -1, no: s.rounds})
			}
		}
	}
	if s.world.Apart {
		for v := range s.stakes {
			for t := range s.world.Tasks {
				draw(v, t)
			}
		}
	} else {
		draw(-1, -1)
	}
	planned(s.beacons)
}

// sendBeacon asks all contenders of a validator at once.
func (s *Sim) sendBeacon(b instant) {
	for t, field := range s.fields {
		if b.on >= 0 && int(b.on) != t || len(field) == 0 {
			continue
		}
		from := s.beaconRand.IntN(len(field))
		for i := range field {
			s.burstAt(field[(from+i)%len(field)], b)
		}
	}
}

func (s *Sim) burstAt(seat int32, b instant) {
	of := s.contenderOf(seat, int(b.of))
	c := &s.contenders[of]
	if c.burst >= 0 { // the last one is not over: what is missing did not come
		s.closeBurst(c.burst)
	}
	if c.offer.Capacity() == 0 {
		c.missed++
		return
	}
	u := float64(mix(s.world.Seed^uint64(b.no)<<32^uint64(seat))>>11) / (1 << 53)
	n := s.world.Mechanism.Burst(c.state, c.offer, u)
	if n <= 0 {
		return
	}
	id := s.newBurst()
	k := &s.bursts[id]
	*k = burst{contender: of, at: s.now, inFlight: int(c.organic), offer: c.offer, running: k.running[:0], answers: k.answers[:0], sent: k.sent[:0], answered: k.answered[:0], most: c.offer.AtMost(time.Duration(s.world.Window*float64(time.Second)), n)}
	c.burst = id
	for slot := range max(n-k.inFlight, 0) {
		k = &s.bursts[id]
		k.sent, k.answered = append(k.sent, 0), append(k.answered, 0)
		s.sendOne(id, int32(slot))
	}
	if k = &s.bursts[id]; k.pending == 0 && !k.over {
		s.closeBurst(id)
	}
}

// sendOne sends one of a beacon's requests.
func (s *Sim) sendOne(id, slot int32) {
	k := &s.bursts[id]
	c := &s.contenders[k.contender]
	task := int(s.seats[c.seat].task)
	wish := s.world.draw(s.validators, task)
	q := s.take()
	s.requests[q] = request{kind: bursting, validator: c.validator, task: int32(task), units: wish.units, prompt: wish.prompt, repeated: wish.repeated, arrived: s.now, parent: -1, talk: -1, home: -1, burst: id, slot: slot}
	k.asked++
	k.sent[slot]++
	k.pending++
	k.running = append(k.running, q)
	s.tally.probes++
	s.send(q, c.seat)
}

func (s *Sim) newBurst() int32 {
	if n := len(s.idle); n > 0 {
		id := s.idle[n-1]
		s.idle = s.idle[:n-1]
		return id
	}
	s.bursts = append(s.bursts, burst{})
	return int32(len(s.bursts) - 1)
}

// burstEnded is the end of one request of a beacon.
func (s *Sim) burstEnded(id int32, how score.Kind) {
	q := s.requests[id]
	s.release(id)
	if how == score.OK {
		t := &s.world.Tasks[q.task]
		elapsed := time.Duration((s.now - q.sent) * float64(time.Second))
		s.good(&q)
		s.checked(&q, t.speed().Factor(t.speed().PerUnit(elapsed, int64(q.served))))
	}
	if q.burst < 0 {
		return // its beacon was closed without it
	}
	k := &s.bursts[q.burst]
	k.drop(id)
	if how == score.OK {
		k.answers = append(k.answers, score.Arrived{Served: int64(q.served), Elapsed: time.Duration((s.now - q.sent) * float64(time.Second)), Of: int(q.slot)})
		k.answered[q.slot]++
	}
	k.pending--
	if how == score.OK && s.now < k.at+s.world.Window && k.sent[q.slot] < k.most {
		s.sendOne(q.burst, q.slot) // what is answered sooner is asked for again
	}
	if k.pending == 0 && !k.over && s.now > k.at { // at the instant itself, more may be sent
		s.closeBurst(q.burst)
	}
}

func (k *burst) drop(id int32) {
	for i, r := range k.running {
		if r == id {
			k.running[i] = k.running[len(k.running)-1]
			k.running = k.running[:len(k.running)-1]
			return
		}
	}
}

// closeBurst observes what came of a beacon.
func (s *Sim) closeBurst(id int32) {
	k := &s.bursts[id]
	for _, r := range k.running {
		s.requests[r].burst = -1
	}
	c := &s.contenders[k.contender]
	slots := score.Divide(k.sent, k.answered)
	for i := range k.answers {
		k.answers[i].Of = k.sent[k.answers[i].Of]
	}
	s.observed = score.Beacon{Offer: k.offer, Asked: k.asked, InFlight: max(k.inFlight, 0), Answers: k.answers, Slots: slots}
	s.observe(c, score.Observation{Beacon: &s.observed})
	k.over = true
	c.burst = -1
	s.idle = append(s.idle, id)
}

// preempt takes off one of a validator's own requests of a beacon for a
// customer's that goes to the same contender. It is not counted as asked.
func (s *Sim) preempt(of int32) {
	c := &s.contenders[of]
	if c.burst < 0 {
		return
	}
	k := &s.bursts[c.burst]
	for _, id := range k.running {
		q := &s.requests[id]
		if q.server < 0 {
			continue
		}
		v := &s.servers[q.server]
		v.advance(s.now)
		if !v.cancel(id) {
			continue
		}
		s.tally.synthetic += float64(q.served) / s.unit[q.task] // at most
		s.fill(q.server)
		c.inFlight--
		k.drop(id)
		k.asked--
		k.sent[q.slot]--
		k.pending--
		s.release(id)
		if k.pending == 0 && s.now > k.at {
			s.closeBurst(c.burst)
		}
		return
	}
}

// mix is the finaliser of splitmix64.
func mix(u uint64) uint64 {
	u += 0x9e3779b97f4a7c15
	u = (u ^ u>>30) * 0xbf58476d1ce4e5b9
	u = (u ^ u>>27) * 0x94d049bb133111eb
	return u ^ u>>31
}
