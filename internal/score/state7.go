package score

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
)

// state7 is what vision7 remembers of a contender, about 300 bytes. Work is in the task's
// unit per period, and of all validators together. A state is never written to.
type state7 struct {
	number int64 // of the newest period that closed, 0: none

	// From beacons, at once.
	credit   float64 // capacity shown
	variance float64 // of what beacons showed, around credit
	slowdown float64 // mean natural logarithm of how much longer than usual their answers took, at least 0
	beacons  int64   // that showed anything
	settled  bool    // no newcomer any more
	row      int64   // beacons in a row, up to the newest, that were answered in full and asked for less than all that is declared
	last     shown   // by the newest
	served   float64 // work of answers delivered, older ones fading
	answers  float64 // how many that is the sum of
	held     float64 // seconds that they took from sending to end, the overhead included, fading likewise

	// From answers, when their period closes.
	timed  float64 // answers, older ones fading; 0: none
	took   float64 // seconds that their work took, fading likewise
	worked float64 // their work, fading likewise

	// From periods.
	offered float64 // sum of what each asked, times Fade to the power of its age
	kept    float64 // sum of that times the period's score
	scored  int64   // periods with a score
	score   float64 // of the newest of them, in [0, 1]

	// From checks, when their period closes; sums in which older ones fade.
	passed  float64 // checks
	failed  float64
	quality float64 // of those passed, quality
	speed   float64 // speed factor
	product float64 // quality x speed
	trusted int64   // checks passed since the start, or the last slashing

	audit        [3]float64 // evidence for each rate of failure, at least 1
	slashedUntil int64      // the last period for which the miner is slashed; 0: never was
	slashedIn    int64      // the period at whose end it was last slashed, or one of its slashings forgotten
	slashings    int64      // that are not forgotten

	pending pending7
}

// shown is what the newest beacon showed, to be explained.
type shown struct {
	asked, delivered int64   // requests
	level, evidence  float64 // capacity that was tested, and shown
}

// pending7 is what the period under way has brought so far. All of it is integers, whose sums do not
// depend on their order.
type pending7 struct {
	timed, took, worked     int64 // answers, the microseconds that they took, and their work
	passed, failed          int64 // checks
	quality, speed, product int64 // of those passed, in billionths
	convicted               bool
}

// mostPending bounds each count of a period, so that no sum overflows.
const mostPending = 1 << 26

func newState7() *state7 { return &state7{audit: [3]float64{1, 1, 1}} }

func asState7(s State) (*state7, error) {
	if s == nil {
		return newState7(), nil
	}
	if seven, ok := s.(*state7); ok && seven != nil {
		return seven, nil
	}
	return nil, fmt.Errorf("a state of another mechanism, %T", s)
}

// slashed says whether the period that follows the newest one that closed is one for which the miner is slashed.
func (s *state7) slashed() bool { return s.number < s.slashedUntil }

// Forgettable says whether nothing is lost if a miner that has left the network is known no more: it
// begins anew when it comes back, as it could under another hotkey. It is not so for one that is slashed, or would
// be slashed for longer the next time, or that has been convicted in the period under way.
func (Vision7) Forgettable(known State) bool {
	s, err := asState7(known)
	return err == nil && !s.slashed() && s.slashings == 0 && !s.pending.convicted
}

const format7 = 7 // the first byte of a state of vision7

// The bits of the second byte.
const (
	flagSettled   = 1 << iota
	flagConvicted // in the period under way
	flagHeld      // the time that answers held is written; states from before it was counted have none
	flagWorked    // the usual pace is written as time and work; before, as the logarithm of a mean
	flagsEnd
)

func (s *state7) floats() []*float64 {
	return []*float64{
		&s.credit, &s.variance, &s.slowdown, &s.last.level, &s.last.evidence, &s.served, &s.answers, &s.took, &s.timed, &s.offered, &s.kept, &s.score,
		&s.passed, &s.failed, &s.quality, &s.speed, &s.product, &s.audit[0], &s.audit[1], &s.audit[2],
		&s.held, &s.worked, // last, for states from before they were counted end there
	}
}

func (s *state7) counts() []*int64 {
	p := &s.pending
	return []*int64{
		&s.beacons, &s.row, &s.last.asked, &s.last.delivered, &s.scored, &s.trusted, &s.slashings,
		&p.timed, &p.passed, &p.failed, &p.quality, &p.speed, &p.product,
	}
}

func (s *state7) numbers() []*int64 {
	return []*int64{&s.number, &s.slashedUntil, &s.slashedIn, &s.pending.took, &s.pending.worked}
}

// AppendBinary writes the state.
func (s *state7) AppendBinary(b []byte) ([]byte, error) {
	b = append(b, format7, bit(s.settled, flagSettled)|bit(s.pending.convicted, flagConvicted)|flagHeld|flagWorked)
	for _, x := range s.floats() {
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(*x))
	}
	for _, n := range s.counts() {
		b = binary.AppendUvarint(b, uint64(*n))
	}
	for _, n := range s.numbers() {
		b = binary.AppendVarint(b, *n)
	}
	return b, nil
}

func bit(set bool, flag byte) byte {
	if set {
		return flag
	}
	return 0
}

// Decode reads a state. One that no observations could have led to is refused. In one that was written before
// the time that answers hold a slot was counted that is 0: it comes in with the answers of about a window.
func (v Vision7) Decode(b []byte) (State, error) {
	r := reader{b: b}
	if r.byte() != format7 {
		return nil, errors.New("score: not a state of vision7")
	}
	s := new(state7)
	flags := r.byte()
	if flags >= flagsEnd {
		r.check(fmt.Errorf("unknown flags %d", flags))
	}
	s.settled, s.pending.convicted = flags&flagSettled != 0, flags&flagConvicted != 0
	floats, numbers := s.floats(), s.numbers()
	if flags&flagHeld == 0 {
		floats = slices.DeleteFunc(floats, func(x *float64) bool { return x == &s.held })
	}
	if flags&flagWorked == 0 {
		floats = slices.DeleteFunc(floats, func(x *float64) bool { return x == &s.worked })
		numbers = numbers[:len(numbers)-1]
	}
	for _, x := range floats {
		*x = r.float()
	}
	for _, n := range s.counts() {
		*n = r.int64()
	}
	for _, n := range numbers {
		*n = r.varint()
	}
	if flags&flagWorked == 0 {
		// The mean stands for one unit an answer, so that new answers soon outweigh it. That of the period under way is lost.
		s.took, s.worked = float64(exp(min(max(s.took, -100), 100))*s.timed), s.timed
		s.pending.timed, s.pending.took = 0, 0
	}
	if err := r.end(); err != nil {
		return nil, fmt.Errorf("score: a state of vision7: %w", err)
	}
	if err := s.validate(); err != nil {
		return nil, fmt.Errorf("score: a state of vision7: %w", err)
	}
	return s, nil
}

// mostWork is more than any capacity or sum of volumes: past it something is wrong.
const mostWork = 1e24

// validate is what observations keep to: whatever a state of these ranges is given, no weight is NaN.
func (s *state7) validate() error {
	for _, c := range []struct {
		what      string
		x, lo, hi float64
	}{
		{"credit", s.credit, 0, mostWork},
		{"variance", s.variance, 0, mostWork * mostWork},
		{"slowdown", s.slowdown, 0, 100},
		{"level", s.last.level, 0, mostWork},
		{"evidence", s.last.evidence, 0, mostWork},
		{"work served", s.served, 0, mostWork},
		{"answers", s.answers, 0, mostWork},
		{"time held", s.held, 0, s.answers * mostTaken.Seconds() * (1 + 1e-9)},
		{"timed answers", s.timed, 0, mostWork},
		{"time taken", s.took, 0, mostWork},
		{"work timed", s.worked, 0, mostWork},
		{"volume offered", s.offered, 0, mostWork},
		{"volume kept", s.kept, 0, s.offered * (1 + 1e-9)},
		{"period score", s.score, 0, 1},
		{"passed checks", s.passed, 0, mostWork},
		{"failed checks", s.failed, 0, mostWork},
		{"quality", s.quality, 0, s.passed * (1 + 1e-9)},
		{"speed", s.speed, 0, s.passed * (MaxSpeed + 1e-9)},
		{"quality x speed", s.product, 0, s.passed * (MaxSpeed + 1e-9)},
		{"audit", s.audit[0], 1, mostAudit},
		{"audit", s.audit[1], 1, mostAudit},
		{"audit", s.audit[2], 1, mostAudit},
	} {
		if !(c.x >= c.lo && c.x <= c.hi) {
			return fmt.Errorf("%s is %v, want %v to %v", c.what, c.x, c.lo, c.hi)
		}
	}
	p := &s.pending
	switch {
	case s.last.delivered > s.last.asked:
		return fmt.Errorf("%d delivered of %d asked", s.last.delivered, s.last.asked)
	case p.timed > mostPending || p.passed > mostPending || p.failed > mostPending:
		return fmt.Errorf("%d timed, %d passed, %d failed in one period", p.timed, p.passed, p.failed)
	case p.took < p.timed || p.took > mostTaken.Microseconds()*p.timed || p.worked < p.timed || p.worked > mostServed*p.timed:
		return fmt.Errorf("%d units in %d µs over %d answers", p.worked, p.took, p.timed)
	case p.quality > billion*p.passed || p.speed > mostSpeed*p.passed || p.product > mostSpeed*p.passed:
		return fmt.Errorf("qualities of %d, speeds of %d, products of %d over %d checks", p.quality, p.speed, p.product, p.passed)
	}
	return nil
}

const (
	billion   = 1_000_000_000
	mostSpeed = 1_600_000_000 // MaxSpeed in billionths
)
