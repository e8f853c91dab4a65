package sim

import (
	"math"

	"vision/internal/score"
)

// kind is why a request is made.
type kind uint8

const (
	organic  kind = iota // a customer's
	probe                // a single request of a validator's own
	bursting             // one of those of a beacon
)

// request is one request on its way: put to one miner after another until one answers.
type request struct {
	kind            kind
	model           Model
	api             bool // answered by an outside API
	warm            bool // the prompt's beginning was in the miner's cache
	repeated        bool
	refused         bool // by the miner that it is with
	tries           uint8
	validator, task int32
	units           int32   // work of an honest answer
	served          int32   // work of the answer that is being written
	prompt          float64 // seconds of service before the first output, cold
	arrived         float64 // when the customer, or the validator, asked
	sent            float64 // when it was put to the miner that it is with
	first           float64 // when that miner's first output comes
	need            float64 // seconds of service at the server it is with
	hold            float64 // seconds that the answer is held back beyond its service
	contender       int32
	server          int32
	tried           [tries]int32 // seats
	talk            int32        // conversation's place, -1: none
	home            int32        // seat that the conversation was with, -1: none
	burst           int32        // of bursting requests
	slot            int32        // of theirs: which of the burst's
	parent          int32        // request that a miner passed on as this one; -1: none
}

// take gives a free request's place.
func (s *Sim) take() int32 {
	if n := len(s.free); n > 0 {
		id := s.free[n-1]
		s.free = s.free[:n-1]
		return id
	}
	s.requests = append(s.requests, request{})
	return int32(len(s.requests) - 1)
}

func (s *Sim) release(id int32) { s.free = append(s.free, id) }

// patience is the seconds in which a whole answer must come.
func (t Service) patience(units int32) float64 {
	return 5 + 3*float64(units)*t.Lone()/t.Units
}

// route puts a customer's request to the next miner; if there is none, it has failed.
func (s *Sim) route(id int32) {
	q := &s.requests[id]
	for {
		seat := int32(-1)
		if int(q.tries) < tries {
			seat = s.pick(q)
		}
		if seat < 0 {
			s.lost(id)
			return
		}
		q.tried[q.tries] = seat
		q.tries++
		s.preempt(s.contenderOf(seat, int(q.validator)))
		if s.send(id, seat) {
			return
		}
		q = &s.requests[id] // sending may have moved it
	}
}

// lost is a customer's request that nobody answered.
func (s *Sim) lost(id int32) {
	q := &s.requests[id]
	if q.parent >= 0 {
		parent := q.parent
		s.release(id)
		s.passedBack(parent, false)
		return
	}
	s.tally.lost++
	s.release(id)
}

// send puts a request to a seat. It reports false if it was refused or failed at once; that is then observed.
func (s *Sim) send(id, seat int32) bool {
	q := &s.requests[id]
	q.contender = s.contenderOf(seat, int(q.validator))
	q.sent, q.model, q.api, q.warm, q.refused, q.served, q.hold = s.now, True, false, false, false, q.units, 0
	c := &s.contenders[q.contender]
	c.inFlight++
	if q.kind == organic {
		c.organic++
	}
	x := &s.seats[seat]
	who := &s.identities[x.identity]
	o := s.people[who.operator]
	server := &s.servers[who.server]

	o.asked++
	if who.gone || o.Away || (s.now >= o.awayFrom && s.now < o.awayTill) || s.trouble.Float64() < s.world.Errors {
		s.settle(id, score.Failed)
		return false
	}
	query := &s.query // handed to strategies: one that were made here would be allocated for each request
	*query = Query{
		Now: s.now, Identity: o.number(x.identity), Task: int(x.task), Validator: int(q.validator), Units: q.units,
		Burst: o.crowd(s.now), Since: s.now - o.flurry, Repeated: q.repeated, FollowUp: q.home == seat,
		Running: len(server.running), Slots: int(server.slots),
	}
	query.Organic = (q.kind == organic) == (s.operators.Float64() < s.world.Telling)
	q.warm = query.FollowUp
	act := o.Strategy.Answer(o, query)
	switch act.Verb {
	case Serve:
		on := who.server
		if act.On > 0 {
			on = int32(o.Servers[act.On])
		}
		return s.serve(id, on, act)
	case Refuse:
		s.settle(id, score.RateLimited)
		return false
	case API:
		s.toAPI(id, o, act)
		return true
	case Pass:
		s.toNetwork(id)
		return true
	}
	s.settle(id, score.Failed)
	return false
}

// serve runs a request on a server, lets it wait for a slot, or refuses it.
func (s *Sim) serve(id, on int32, act Act) bool {
	q := &s.requests[id]
	t := &s.world.Tasks[q.task]
	v := &s.servers[on]
	stretch := act.Stretch
	if stretch <= 0 {
		stretch = 1
	}
	q.server, q.model = on, act.Model
	q.served = int32(max(math.Round(float64(q.units)*stretch), 1))
	prompt := q.prompt
	if q.warm {
		prompt *= warmth
	}
	q.need = (prompt + float64(q.served)*t.PerUnit) * act.Model.effort() / v.pace
	q.first = prompt * act.Model.effort() / v.pace // so far the seconds of service that it takes
	v.advance(s.now)
	switch {
	case v.free() || act.Over && !v.loads:
		s.begin(id, on)
	case v.queued() < act.Queue:
		v.wait(id)
	default:
		s.settle(id, score.RateLimited)
		return false
	}
	return true
}

// begin starts a request's service. The server's clock must be at now.
func (s *Sim) begin(id, on int32) {
	v, q := &s.servers[on], &s.requests[id]
	v.start(id, q.need)
	q.first = s.now + q.first*v.slowdown(float64(len(v.running)))
	s.agenda.set(on, v.next())
}

// finishNext ends the request that a server finishes now, and starts the next that waits.
func (s *Sim) finishNext(on int32) {
	v := &s.servers[on]
	v.advance(s.now)
	id := v.finish()
	if id == loading {
		v.loads = false
		s.fill(on)
		return
	}
	s.fill(on)
	s.arrived(id)
}

// fill starts what waits while slots are free, and looks after the agenda.
func (s *Sim) fill(on int32) {
	v := &s.servers[on]
	for v.queued() > 0 && v.free() {
		id := v.shift()
		q := &s.requests[id]
		if s.now > q.sent+s.world.Tasks[q.task].patience(q.units) { // nobody waits any more
			s.settleLater(id)
			v = &s.servers[on]
			continue
		}
		s.begin(id, on)
	}
	s.agenda.set(on, v.next())
}

// settleLater fails a request whose miner was too late, and asks another if it was a customer's.
func (s *Sim) settleLater(id int32) {
	q := &s.requests[id]
	customers := q.kind == organic
	s.settle(id, score.Failed)
	if customers {
		s.route(id)
	}
}

// arrived is a whole answer: is it in time?
func (s *Sim) arrived(id int32) {
	q := &s.requests[id]
	if s.now > q.sent+s.world.Tasks[q.task].patience(q.units) {
		s.settleLater(id)
		return
	}
	if q.kind == organic {
		s.delivered(q)
	}
	parent := q.parent
	s.settle(id, score.OK)
	if parent >= 0 {
		s.passedBack(parent, true)
	}
}

// delivered notes what a customer saw.
func (s *Sim) delivered(q *request) {
	if q.talk >= 0 {
		s.talks[q.talk] = talk{seat: q.tried[q.tries-1], valid: true}
	}
	if q.parent < 0 {
		s.tally.served++
		s.tally.first.add(q.first - q.arrived)
		s.tally.total.add(s.now - q.arrived)
	}
}

// crowd notes that a request came, and gives how many came within the last half second.
func (o *Operator) crowd(now float64) int {
	o.arrivals[o.at] = now
	o.at = (o.at + 1) % len(o.arrivals)
	n := 0
	for _, at := range o.arrivals {
		if now-at <= 0.5 {
			n++
		}
	}
	if n == len(o.arrivals) {
		o.flurry = now
	}
	return n
}

// number is an identity's place among the operator's.
func (o *Operator) number(identity int32) int {
	for i, id := range o.Identities {
		if id == int(identity) {
			return i
		}
	}
	return 0
}
