package score

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
)

// Vision4 is the mechanism of Vision 4.x. It has no settings.
type Vision4 struct{}

// Name is recorded beside the weights that this mechanism gave.
func (Vision4) Name() string { return "vision4" }

// Beacons is 0: the original asks every contender apart.
func (Vision4) Beacons() float64 { return 0 }

// Plan tells what to ask of a contender in the period that begins; what is
// known of it makes no difference.
func (Vision4) Plan(_ State, offer Offer, draw Draw) Plan { return plan(offer, draw) }

// Burst is 0.
func (Vision4) Burst(State, Offer, float64) int { return 0 }

// Observe keeps closed periods that have a score, and checks. Answers count by
// the Counts of the period that closes.
func (Vision4) Observe(known State, o Observation) (State, error) {
	s, err := asState4(known)
	if err == nil {
		err = o.one()
	}
	if err != nil {
		return known, fmt.Errorf("score: vision4: %w", err)
	}
	if o.Answer != nil || o.Beacon != nil { // they change nothing, and there are many
		if o.Answer != nil {
			err = o.Answer.validate()
		}
		if err != nil {
			return known, fmt.Errorf("score: vision4: %w", err)
		}
		return s, nil
	}
	e, err := s.entry(o)
	if err != nil {
		return known, fmt.Errorf("score: vision4: %w", err)
	}
	next := state4{history: s.history, checks: s.checks}
	if o.Check != nil {
		next.checks = append([]Check{e.check}, s.checks[:min(len(s.checks), MaxChecks-1)]...)
	} else if e.scored {
		next.history = append([]Period{e.period}, s.history[:min(len(s.history), MaxHistory-1)]...)
	}
	return &next, nil
}

// Update is Observe for who alone holds the state, and every state that it was observed from, and gives them up:
// it is changed in place, which allocates next to nothing. After an error the state must not be used.
func (v Vision4) Update(known State, o Observation) (State, error) {
	s, ok := known.(*state4)
	if !ok || s == nil || o.one() != nil || o.Answer != nil || o.Beacon != nil {
		return v.Observe(known, o)
	}
	next, err := s.entry(o)
	if err != nil {
		return nil, fmt.Errorf("score: vision4: %w", err)
	}
	if o.Check != nil {
		s.checks = prepend(s.checks, next.check, MaxChecks)
	} else if next.scored {
		s.history = prepend(s.history, next.period, MaxHistory)
	}
	return s, nil
}

// prepend puts x before a list that holds so many at most, in its own array.
func prepend[T any](list []T, x T, most int) []T {
	if len(list) < most {
		list = append(list, x)
	}
	copy(list[1:], list)
	list[0] = x
	return list
}

// entry4 is what a check or a period's end adds.
type entry4 struct {
	check  Check
	period Period
	scored bool // the period has a score
}

func (s *state4) entry(o Observation) (e entry4, err error) {
	if o.Check != nil {
		e.check = Check{Quality: o.Check.Quality, Speed: o.Check.Speed}
		return e, o.Check.validate()
	}
	c := o.Closed.Counts
	if err := c.validate(); err != nil {
		return e, err
	}
	if len(s.history) > 0 && o.Closed.Number <= s.history[0].Number {
		return e, fmt.Errorf("period %d ends after period %d has", o.Closed.Number, s.history[0].Number)
	}
	_, e.scored = c.Score()
	c.Asked, c.AskedRateLimited, c.AskedFailed = 0, 0, 0
	e.period = Period{Number: o.Closed.Number, Counts: c}
	return e, nil
}

// Recall is the state that follows from periods and checks, newest first.
func (Vision4) Recall(history []Period, checks []Check) State {
	return &state4{history: slices.Clone(history), checks: slices.Clone(checks[:min(len(checks), MaxChecks)])}
}

// Weights tells what the states come to.
func (Vision4) Weights(tasks []Task) (Outcome, error) {
	evidence := make([]taskEvidence, len(tasks))
	for i, t := range tasks {
		evidence[i] = taskEvidence{Name: t.Name, Weight: t.Weight, Contenders: make([]Evidence, 0, len(t.Contenders))}
		for _, c := range t.Contenders {
			s, err := asState4(c.State)
			if err != nil {
				return Outcome{}, fmt.Errorf("score: task %q, miner %s: %w", t.Name, c.Hotkey, err)
			}
			evidence[i].Contenders = append(evidence[i].Contenders, Evidence{
				Hotkey: c.Hotkey, Declared: c.Offer.Declared, Capacity: c.Offer.Capacity(), History: s.history, Checks: s.checks,
			})
		}
	}
	return weigh(evidence)
}

// state4 is what vision4 remembers. Its slices are written to by Update alone.
type state4 struct {
	history []Period // newest first
	checks  []Check  // newest first
}

func asState4(s State) (*state4, error) {
	if s == nil {
		return &state4{}, nil
	}
	if four, ok := s.(*state4); ok && four != nil {
		return four, nil
	}
	return nil, fmt.Errorf("a state of another mechanism, %T", s)
}

const format4 = 4 // the first byte of a state of vision4

// AppendBinary writes the state: usually 1 to 2 KB, for numbers take as many bytes as they need.
func (s *state4) AppendBinary(b []byte) ([]byte, error) {
	b = append(b, format4)
	b = binary.AppendUvarint(b, uint64(len(s.history)))
	for _, p := range s.history {
		b = binary.AppendVarint(b, p.Number)
		for _, n := range []uint64{uint64(p.OK), uint64(p.RateLimited), uint64(p.Failed), uint64(p.Consumed), uint64(p.Declared)} {
			b = binary.AppendUvarint(b, n)
		}
	}
	b = binary.AppendUvarint(b, uint64(len(s.checks)))
	for _, c := range s.checks {
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(c.Quality))
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(c.Speed))
	}
	return b, nil
}

// Decode reads a state. What AppendBinary could not have written is refused.
func (Vision4) Decode(b []byte) (State, error) {
	r := reader{b: b}
	if r.byte() != format4 {
		return nil, errors.New("score: not a state of vision4")
	}
	s := new(state4)
	for range r.count(MaxHistory) {
		p := Period{Number: r.varint()}
		p.OK, p.RateLimited, p.Failed = r.int(), r.int(), r.int()
		p.Consumed, p.Declared = r.int64(), r.int64()
		p.Requests = p.OK + p.RateLimited + p.Failed
		s.history = append(s.history, p)
		r.check(p.Counts.validate())
	}
	for range r.count(MaxChecks) {
		c := Check{Quality: r.float(), Speed: r.float()}
		s.checks = append(s.checks, c)
		r.check(c.validate())
	}
	if err := r.end(); err != nil {
		return nil, fmt.Errorf("score: a state of vision4: %w", err)
	}
	return s, nil
}
