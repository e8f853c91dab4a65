package score

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// reader reads a state. After its first error everything it gives is zero.
type reader struct {
	b   []byte
	err error
}

var errShort = errors.New("it ends too early")

func (r *reader) check(err error) {
	if r.err == nil {
		r.err = err
	}
}

func (r *reader) byte() byte {
	if r.err == nil && len(r.b) == 0 {
		r.err = errShort
	}
	if r.err != nil {
		return 0
	}
	x := r.b[0]
	r.b = r.b[1:]
	return x
}

// take gives what a function of encoding/binary read with its number of bytes. Numbers are accepted in
// their shortest form only, so that equal states have equal bytes.
func take[T uint64 | int64](r *reader, read func([]byte) (T, int), size func(T) int) T {
	if r.err != nil {
		return 0
	}
	x, n := read(r.b)
	switch {
	case n <= 0:
		r.err = errShort
		return 0
	case n != size(x):
		r.err = errors.New("a number is longer than it need be")
		return 0
	}
	r.b = r.b[n:]
	return x
}

func (r *reader) uvarint() uint64 {
	return take(r, binary.Uvarint, func(x uint64) int { return len(binary.AppendUvarint(nil, x)) })
}

func (r *reader) varint() int64 {
	return take(r, binary.Varint, func(x int64) int { return len(binary.AppendVarint(nil, x)) })
}

// int64 is a number of at least 0.
func (r *reader) int64() int64 {
	x := r.uvarint()
	if x > math.MaxInt64 {
		r.check(fmt.Errorf("%d is too large", x))
		return 0
	}
	return int64(x)
}

// int is a count; four such can be added without overflow.
func (r *reader) int() int {
	x := r.uvarint()
	if x > math.MaxInt/4 {
		r.check(fmt.Errorf("%d is too large", x))
		return 0
	}
	return int(x)
}

func (r *reader) count(most int) int {
	x := r.uvarint()
	if x > uint64(most) {
		r.check(fmt.Errorf("%d entries, want %d at most", x, most))
		return 0
	}
	return int(x)
}

func (r *reader) float() float64 {
	if r.err == nil && len(r.b) < 8 {
		r.err = errShort
	}
	if r.err != nil {
		return 0
	}
	x := math.Float64frombits(binary.LittleEndian.Uint64(r.b))
	r.b = r.b[8:]
	return x
}

func (r *reader) end() error {
	if r.err == nil && len(r.b) > 0 {
		return fmt.Errorf("%d bytes too many", len(r.b))
	}
	return r.err
}
