package judgement

import "fmt"

// Observe is s and one more checked response, whose e-value is e: finite and
// at least 0; Proof or more convicts. A response that was judged twice counts
// with the smaller e-value, which is one too.
func (r Rules) Observe(s State, e float64) (State, error) { return r.observe(s, e, true) }

// ObservePart is Observe of a response that was broken off: it speaks against the
// miner as far as it came, and is none of a clean record, which friends could
// make long by asking and going away.
func (r Rules) ObservePart(s State, e float64) (State, error) { return r.observe(s, e, false) }

func (r Rules) observe(s State, e float64, whole bool) (State, error) {
	if !(e >= 0 && e <= maxE) {
		return s, fmt.Errorf("evidence of %v, want a number from 0 to %v", e, maxE)
	}
	s.Checked++
	if s.Rise == 0 {
		s.Rise = 1
	}
	if e >= Suspect {
		s.Suspicious++
	}
	s.bet(r, e)
	wealth := s.Wealth()
	proved := e >= Proof || wealth >= 1/r.Alpha
	switch {
	case s.Standing == Convicted:
		if s.clean(r, e, whole, proved || wealth >= r.Watch) {
			s.Standing, s.Probation, s.Rise = Watched, true, s.Checked+1
			s.begin()
		}
	case proved:
		s.Standing, s.Probation = Convicted, false
		s.Convictions++
		s.begin()
	default:
		s.lowest(wealth)
		s.stand(r, e, whole, wealth)
	}
	return s, nil
}

// maxE is the largest evidence there is.
const maxE = 1e307

// bet stakes a little more on each bet, and settles them all.
func (s *State) bet(r Rules, e float64) {
	stake := reserve(s.term) - reserve(s.term+1)
	if s.term == 0 {
		stake += 0.5
	}
	s.term++
	e = min(e, r.Clip)
	for i, f := range fractions {
		s.bets[i] = (s.bets[i] + stake/float64(len(fractions))) * ((1 - f) + f*e)
	}
}

// begin starts a term: a capital of 1 again, and no record.
func (s *State) begin() {
	s.term, s.low, s.Record, s.bets = 0, 0, 0, [len(fractions)]float64{}
}

// lowest follows from where the wealth rises. The reserve falls with every
// response, so that while a miner is honest new lows keep coming.
func (s *State) lowest(wealth float64) {
	if s.low == 0 {
		s.low = 1 // as the term began
	}
	if wealth <= s.low {
		s.low, s.Rise = wealth, s.Checked+1
	}
}

// clean adds a response to the record of a miner that has been convicted, and
// says whether it is long enough now.
func (s *State) clean(r Rules, e float64, whole, broken bool) bool {
	switch {
	case broken && s.Standing == Convicted:
		s.begin()
	case broken:
		s.Record = 0
	case e >= Suspect:
		s.Record = max(s.Record-25, 0)
	case whole:
		s.Record++
	}
	return s.Record >= r.Record(s.Convictions)
}

// stand is the standing of a miner that is not convicted.
func (s *State) stand(r Rules, e float64, whole bool, wealth float64) {
	switch {
	case s.Probation:
		if s.clean(r, e, whole, wealth >= r.Watch) {
			s.Standing, s.Probation, s.Record = Trusted, false, 0
		}
	case wealth >= r.Watch:
		s.Standing = Watched
	case wealth < 2:
		s.Standing = Trusted
	}
}
