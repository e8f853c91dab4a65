package judgement

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// stateVersion begins every encoded State.
const stateVersion = 1

// AppendBinary appends s: at most 96 bytes.
func (s State) AppendBinary(b []byte) ([]byte, error) {
	flags := byte(s.Standing)
	if s.Probation {
		flags |= probation
	}
	b = append(b, stateVersion, flags)
	for _, n := range s.numbers() {
		b = binary.AppendUvarint(b, uint64(*n))
	}
	b = binary.AppendUvarint(b, uint64(s.Convictions))
	for _, w := range s.floats() {
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(*w))
	}
	return b, nil
}

const probation = 1 << 7

func (s *State) numbers() [5]*int64 {
	return [5]*int64{&s.Checked, &s.Suspicious, &s.Rise, &s.Record, &s.term}
}

func (s *State) floats() [1 + len(fractions)]*float64 {
	return [...]*float64{&s.low, &s.bets[0], &s.bets[1], &s.bets[2]}
}

var errState = errors.New("not a state of judgement")

// Decode reads what AppendBinary wrote; nothing at all is the zero State.
func Decode(b []byte) (s State, err error) {
	if len(b) == 0 {
		return s, nil
	}
	if b[0] != stateVersion {
		return s, fmt.Errorf("%w that this program knows (version %d)", errState, b[0])
	}
	if len(b) < 2 || b[1]&^probation > byte(Convicted) {
		return State{}, errState
	}
	s.Standing, s.Probation = Standing(b[1]&^probation), b[1]&probation != 0
	b = b[2:]
	var convictions int64
	numbers := s.numbers()
	for _, n := range append(numbers[:], &convictions) {
		v, size := binary.Uvarint(b)
		if size <= 0 || v > math.MaxInt32<<20 || size > 1 && b[size-1] == 0 {
			return State{}, errState
		}
		*n, b = int64(v), b[size:]
	}
	s.Convictions = int(convictions)
	floats := s.floats()
	if len(b) != 8*len(floats) {
		return State{}, errState
	}
	for i, w := range floats {
		*w = math.Float64frombits(binary.LittleEndian.Uint64(b[8*i:]))
	}
	if !s.possible() {
		return State{}, errState
	}
	return s, nil
}

// possible refuses what no series of responses leads to.
func (s State) possible() bool {
	for _, w := range s.floats() {
		if !(*w >= 0 && *w < 1e20) || math.Signbit(*w) || s.term == 0 && *w != 0 {
			return false
		}
	}
	return s.Rise <= s.Checked+1 &&
		max(s.Suspicious, s.Record, s.term, int64(s.Convictions)) <= s.Checked &&
		(s.Standing != Convicted || s.Convictions > 0) &&
		(!s.Probation || s.Standing == Watched && s.Convictions > 0)
}
