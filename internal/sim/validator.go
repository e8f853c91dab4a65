package sim

import (
	"math"
	"time"

	"vision/internal/dispatch"
	"vision/internal/sampling"
	"vision/internal/score"
)

// contender is what one validator knows of one seat.
type contender struct {
	seat      int32
	validator int32
	state     score.State
	offer     score.Offer
	counts    score.Counts
	plan      score.Plan
	schedule  score.Schedule
	counted   int   // requests of the period that ended
	slots     int64 // requests at once that customers may have there
	capacity  float64
	used      int64 // units served to customers in the period
	inFlight  int64
	organic   int64           // of inFlight, customers'
	burst     int32           // the beacon that runs, -1: none
	checks    int             // of the last rateOver periods
	recent    [rateOver]int32 // them, by period
	look      look
	refusals  int
	closed    float64 // not asked until then
	wait      float64 // usual seconds to the first output, 0: unknown
	success   float64
	missed    int
}

// updater is a mechanism that can change a state in place. Who holds a state alone may let it.
type updater interface {
	Update(known score.State, o score.Observation) (score.State, error)
}

// What dispatch expects of a miner without a record, as dispatch.record does.
const (
	priorSuccess = 0.6
	recent       = 0.1
	draws        = 6 // random seats looked at for one of the two that are compared
)

func (s *Sim) contenderOf(seat int32, validator int) int32 {
	return seat*int32(len(s.stakes)) + int32(validator)
}

// pick gives the seat that a customer's request is put to next, -1 if no one may be asked.
func (s *Sim) pick(q *request) int32 {
	field := s.fields[q.task]
	if len(field) == 0 {
		return -1
	}
	a, b := s.draw(q, field), s.draw(q, field)
	if a < 0 || b < 0 {
		a = max(a, b)
		if a < 0 {
			a = s.any(q, field)
		}
		return a
	}
	cost := s.cost(q, a)
	if a != b {
		if other := s.cost(q, b); other < cost {
			a, cost = b, other
		}
	}
	if q.home >= 0 && q.home != a && s.ready(q, q.home) && s.cost(q, q.home) <= 1.5*cost {
		return q.home // where the conversation's beginning may be in the cache
	}
	return a
}

func (s *Sim) draw(q *request, field []int32) int32 {
	for range draws {
		if i := field[s.sharesOf(q).Draw(s.validators.Uint64())]; s.ready(q, i) {
			return i
		}
	}
	return -1
}

// sharesOf is how a task's seats are drawn by the validator that asks.
func (s *Sim) sharesOf(q *request) dispatch.Shares {
	return s.shares[int(q.validator)*len(s.fields)+int(q.task)]
}

// any is the first seat from a random place on that may be asked, -1 if none.
func (s *Sim) any(q *request, field []int32) int32 {
	from := s.validators.IntN(len(field))
	for i := range field {
		if seat := field[(from+i)%len(field)]; s.ready(q, seat) {
			return seat
		}
	}
	return -1
}

func (s *Sim) ready(q *request, seat int32) bool {
	if !s.seats[seat].live {
		return false
	}
	for _, t := range q.tried[:q.tries] {
		if t == seat {
			return false
		}
	}
	c := &s.contenders[s.contenderOf(seat, int(q.validator))]
	return c.slots > c.organic && s.now >= c.closed
}

func (s *Sim) cost(q *request, seat int32) float64 {
	c := &s.contenders[s.contenderOf(seat, int(q.validator))]
	wait := c.wait
	if wait == 0 {
		wait = 0.5 * s.world.Tasks[q.task].Prompt
	}
	return dispatch.Cost(dispatch.State{
		Wait: wait, Success: c.success, InFlight: c.organic, Slots: c.slots, Left: 1 - float64(c.used)/max(c.capacity, 1),
	})
}

// settle is the end of a request at the miner that it is with: it is observed,
// and its place given free unless it is a customer's that failed, which may be put to another.
func (s *Sim) settle(id int32, how score.Kind) {
	q := &s.requests[id]
	c := &s.contenders[q.contender]
	t := &s.world.Tasks[q.task]
	c.inFlight--
	if q.kind == organic && how == score.OK {
		c.used += int64(q.served)
	}
	if q.kind != organic && how == score.OK {
		s.tally.synthetic += float64(q.served) / s.unit[q.task]
	}
	if q.kind == bursting {
		s.burstEnded(id, how)
		return
	}
	if q.kind == organic {
		c.organic--
		s.learn(q, c, how)
		if how != score.OK && c.burst >= 0 && q.sent < s.bursts[c.burst].at {
			s.bursts[c.burst].inFlight-- // it was under way at the beacon, and did not end well
		}
	}
	elapsed := time.Duration((s.now - q.sent) * float64(time.Second))
	a := &s.hidden
	*a = score.Answer{Kind: how, Asked: int64(q.units), Organic: q.kind == organic}
	if how == score.OK {
		a.Served = int64(q.served)
		a.Took = t.speed().Beyond(elapsed)
	}
	c.counted++
	s.failed(c.counts.Add(*a))
	s.observe(c, score.Observation{Answer: a})
	if how == score.OK {
		s.good(q)
		s.checked(q, t.speed().Factor(t.speed().PerUnit(elapsed, a.Served)))
	}
	if q.kind == probe || how == score.OK {
		s.release(id)
	}
}

// good counts an answer for what its operator is worth.
func (s *Sim) good(q *request) {
	if q.model == True && q.served == q.units {
		s.people[s.identities[s.seats[s.contenders[q.contender].seat].identity].operator].good++
	}
}

// learn keeps what dispatch knows of a miner.
func (s *Sim) learn(q *request, c *contender, how score.Kind) {
	if how == score.OK {
		first := q.first - q.sent
		if c.wait == 0 {
			c.wait = first
		}
		c.wait += recent * (first - c.wait)
		c.success += recent * (1 - c.success)
		c.refusals = 0
		return
	}
	c.success -= recent * c.success
	if how == score.RateLimited {
		c.closed = s.now + min(math.Ldexp(1, min(c.refusals, 16)), 30)
		c.refusals++
	}
}

// checked may check an answer.
func (s *Sim) checked(q *request, speed float64) {
	c := &s.contenders[q.contender]
	rate := s.world.Sampling.Rate(sampling.Known{Checks: c.checks, Accused: s.looking(c)})
	if q.kind == bursting {
		rate *= s.world.Sampling.Beacon
	}
	if s.validators.Float64() >= rate {
		return
	}
	c.checks++
	c.recent[s.ended%rateOver]++
	s.tally.checks++
	if s.looking(c) {
		c.look.left--
	}
	caught := s.world.caught(q.model)
	if q.api && s.world.Salted {
		caught = apiCaught
	}
	if q.served != q.units {
		caught = max(caught, s.world.Power)
	}
	s.check = score.Check{Quality: 1, Speed: speed, Work: int64(q.served)}
	if s.validators.Float64() < caught {
		s.check.Quality, s.check.Failed = 0, true
		s.tally.failures++
	}
	if s.check.Failed && s.world.Pooling == Receipts && q.kind != organic { // what customers asked is shown to nobody
		s.show(c)
	}
	if s.world.Pooling != Pooled {
		s.observe(c, score.Observation{Check: &s.check})
		return
	}
	seat := c.seat
	for v := range s.stakes {
		s.observe(&s.contenders[s.contenderOf(seat, v)], score.Observation{Check: &s.check})
	}
}

func (s *Sim) observe(c *contender, o score.Observation) {
	var next score.State
	var err error
	if s.update != nil {
		next, err = s.update.Update(c.state, o)
	} else {
		next, err = s.world.Mechanism.Observe(c.state, o)
	}
	if err != nil {
		s.failed(err)
		return
	}
	c.state = next
}

// sendProbe sends a single request to a contender, unless customers' made it superfluous.
func (s *Sim) sendProbe(of int32) {
	c := &s.contenders[of]
	if !s.seats[c.seat].live {
		return
	}
	c.schedule.Next()
	if c.schedule.Covered(c.counted) {
		return
	}
	task := int(s.seats[c.seat].task)
	wish := s.world.draw(s.validators, task)
	id := s.take()
	s.tally.probes++
	s.requests[id] = request{kind: probe, validator: c.validator, task: int32(task), units: wish.units, prompt: wish.prompt, repeated: wish.repeated, arrived: s.now, parent: -1, talk: -1, home: -1, burst: -1}
	s.send(id, c.seat)
}
