package sim

import (
	"math"
	"time"

	"vision/internal/chain/yuma"
	"vision/internal/dispatch"
	"vision/internal/score"
)

// open begins a period: who is there, what is offered, what will be asked.
func (s *Sim) open() {
	s.end = s.world.Period * float64(s.ended+1)
	w := &s.world
	for i, o := range s.people {
		if len(o.Identities) == 0 {
			continue
		}
		leaves, out, from, long := s.trouble.Float64(), s.trouble.Float64(), s.trouble.Float64(), s.trouble.Float64()
		if i > 1 && leaves < w.Churn { // a newcomer with the same GPUs
			for n := range o.Identities {
				o.Identities[n] = s.replaceIdentity(o, o.Identities[n])
			}
		}
		if i > 1 && out < w.Outage {
			o.awayFrom = s.now + from*w.Period
			o.awayTill = o.awayFrom + long*w.Period/2
		}
		o.Strategy.Begin(o, s.ended)
	}
	s.probes, s.probe = s.probes[:0], 0
	for i := range s.contenders {
		c := &s.contenders[i]
		x := &s.seats[c.seat]
		if !x.live {
			continue
		}
		t := &w.Tasks[x.task]
		speed := t.speed()
		declared, slots := x.declared, int64(x.slots)
		if x.toEach { // so that this validator's share of it is all
			declared = int64(float64(declared) / s.stakes[c.validator])
			slots = int64(float64(slots) / s.stakes[c.validator])
		}
		c.offer = score.Offer{
			Declared: declared, Maximum: math.MaxInt64, StakeShare: s.stakes[c.validator], StakeBefore: s.before(c.validator),
			PerRequest: int64(t.Units), Slots: int(slots), PerSlot: int64(w.Period / speed.Mean),
			Length: s.length(), Speed: speed,
		}
		c.plan = s.world.Mechanism.Plan(c.state, c.offer, score.DrawFrom(s.validators.Uint64()))
		c.schedule = c.plan.Schedule(s.length())
		c.counted, c.used, c.missed = 0, 0, 0
		c.checks -= int(c.recent[s.ended%rateOver])
		c.recent[s.ended%rateOver] = 0
		c.counts = score.Counts{Declared: c.offer.Capacity()}
		c.capacity, c.slots = float64(c.plan.Capacity), slots
		begin := s.end - w.Period
		for schedule := c.schedule; ; {
			at, ok := schedule.Next()
			if !ok {
				break
			}
			s.probes = append(s.probes, instant{at: begin + at.Seconds(), of: int32(i)})
		}
	}
	planned(s.probes)
	s.planBeacons()
	s.divide()
}

// divide sets how likely customers' requests are to be put to each seat, by slots as the daemon's dispatch does.
func (s *Sim) divide() {
	s.shares = s.shares[:0]
	for v := range s.stakes {
		for _, field := range s.fields {
			slots := make([]int64, len(field))
			for i, seat := range field {
				slots[i] = s.contenders[s.contenderOf(seat, v)].slots
			}
			s.shares = append(s.shares, dispatch.SharesOf(slots))
		}
	}
}

// before is the stake of the validators that come before one.
func (s *Sim) before(validator int32) (stake float64) {
	for _, x := range s.stakes[:validator] {
		stake += x
	}
	return stake
}

// close ends a period: what was counted is closed, weights are set, and the ledger pays.
func (s *Sim) close() {
	for i := range s.contenders {
		c := &s.contenders[i]
		if !s.seats[c.seat].live {
			continue
		}
		s.closing = score.Closed{Number: int64(s.ended + 1), Counts: c.counts, Offer: c.offer, Missed: c.missed}
		s.observe(c, score.Observation{Closed: &s.closing})
	}
	validators, all := len(s.stakes), len(s.stakes)+len(s.identities)
	set := make([][]float64, validators)
	in := yuma.Input{Stake: make([]float64, all), Voting: make([]bool, all), Weights: make([][]float64, all), Bonds: make([][]float64, all)}
	for v := range validators {
		row := make([]float64, len(s.identities))
		s.weigh(v, row)
		set[v] = row
		in.Stake[v], in.Voting[v] = s.stakes[v], true
		if v < len(s.bonds) && s.bonds[v] != nil {
			in.Bonds[v] = append(s.bonds[v], make([]float64, all-len(s.bonds[v]))...)
		}
	}
	for v := range validators {
		for _, o := range s.people {
			if voter, ok := o.Strategy.(Voter); ok && voter.Runs(v) {
				voter.Votes(o, set[v], s.last)
				break
			}
		}
	}
	s.set = append(s.set, set)
	if len(s.set) > s.world.Reveal { // else none has been revealed so far
		for v, row := range s.set[0] {
			in.Weights[v] = make([]float64, all)
			copy(in.Weights[v][validators:], row)
		}
		s.set = s.set[1:]
	}
	out := yuma.Epoch(in)
	s.bonds = out.Bonds
	copy(s.last, out.Consensus[validators:])
	s.tally.pay(out.Dividends[:validators], out.ValidatorTrust)
	for i := range s.identities {
		s.identities[i].earned = out.Incentive[validators+i]
	}
	for _, o := range s.people {
		o.Earned = 0
	}
	for i := range s.identities {
		o := s.people[s.identities[i].operator]
		o.Earned += s.identities[i].earned
		o.Total += s.identities[i].earned
	}
	for _, o := range s.people {
		for _, id := range o.Servers {
			v := &s.servers[id]
			v.advance(s.now)
			if !o.Away && v.rented == nil {
				o.fixed += v.gpus * ((1 - s.world.Energy) + s.world.Energy*v.busy/s.world.Period)
			}
			v.busy = 0
		}
	}
	s.ended++
	if s.ended == s.world.Settle {
		s.forget()
	}
}

// forget has what was earned and paid so far count for nothing.
func (s *Sim) forget() {
	for _, o := range s.people {
		o.Total, o.fixed, o.paid = 0, 0, 0
	}
	clear(s.tally.dividends)
	clear(s.tally.trust)
}

// weigh writes what a validator sets as weights, by identity.
func (s *Sim) weigh(validator int, row []float64) {
	tasks := make([]score.Task, len(s.world.Tasks))
	for t, field := range s.fields {
		tasks[t] = score.Task{Name: s.world.Tasks[t].Name, Weight: s.world.Tasks[t].Weight, Contenders: make([]score.Contender, 0, len(field))}
		for _, seat := range field {
			c := &s.contenders[s.contenderOf(seat, validator)]
			tasks[t].Contenders = append(tasks[t].Contenders, score.Contender{Hotkey: key(int(s.seats[seat].identity)), Offer: c.offer, State: c.state})
		}
	}
	out, err := s.world.Mechanism.Weights(tasks)
	if err != nil {
		s.failed(err)
		return
	}
	for _, x := range out.Weights {
		row[identityOf(x.Hotkey)] = x.Weight
	}
}

// length is a period's.
func (s *Sim) length() time.Duration { return time.Duration(s.world.Period * float64(time.Second)) }
