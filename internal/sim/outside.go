package sim

// toAPI has an outside API answer: it takes any number at once, at its own
// pace, and is paid by the unit.
func (s *Sim) toAPI(id int32, o *Operator, act Act) {
	q := &s.requests[id]
	t := &s.world.Tasks[q.task]
	price := act.Pay
	if price <= 0 {
		price = s.world.APIPrice
	}
	o.paid += price * float64(q.units) / s.unit[q.task]
	q.api = !act.Private
	q.model = act.Model
	on := s.outside()
	v := &s.servers[on]
	q.server = on
	q.need = apiDelay + (q.prompt+float64(q.units)*t.PerUnit)*apiPace
	q.first = apiDelay + q.prompt*apiPace
	v.advance(s.now)
	s.begin(id, on)
}

// outside is the server that stands for all outside APIs: without bounds.
func (s *Sim) outside() int32 {
	if s.api == 0 {
		s.servers = append(s.servers, server{slots: 1e9, knee: 1e12, pace: 1, at: s.now})
		s.agenda.add()
		s.api = int32(len(s.servers))
	}
	return s.api - 1
}

// toNetwork passes a request on to the network, as a customer of a random validator.
func (s *Sim) toNetwork(id int32) {
	parent := s.requests[id] // a copy: taking a place may move it
	o := s.people[s.identities[s.seats[s.contenders[parent.contender].seat].identity].operator]
	child := s.take()
	s.requests[child] = request{
		kind: organic, validator: int32(choose(s.demand.voters, s.operators.Float64())), task: parent.task, units: parent.units,
		prompt: parent.prompt, arrived: s.now, tried: [tries]int32{-1, -1, -1}, parent: id, talk: -1, home: -1,
	}
	o.paid += s.world.APIPrice * float64(parent.units) / s.unit[parent.task]
	s.requests[id].server = -1
	// Not to itself: its own seats count as tried.
	s.requests[child].tried[0] = s.contenders[parent.contender].seat
	s.requests[child].tries = 1
	s.route(child)
}

// passedBack is the end of a request that was passed on.
func (s *Sim) passedBack(id int32, ok bool) {
	q := &s.requests[id]
	if !ok {
		s.settleLater(id)
		return
	}
	q.first = s.now // it is passed on whole
	s.arrived(id)
}
