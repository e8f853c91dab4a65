package outcome

import (
	"encoding/base32"
	"encoding/binary"
	"time"
)

// idText keeps the order of the bytes, so that ids sort by time.
var idText = base32.NewEncoding("0123456789abcdefghijklmnopqrstuv").WithPadding(base32.NoPadding)

// NewID makes a request id from the time, to the millisecond, and 80 random
// bits: all of a and the low 16 of b. Miners do not get to see it: they see an
// id of each attempt that package relay derives from it.
func NewID(now time.Time, a, b uint64) string {
	var raw [16]byte
	binary.BigEndian.PutUint64(raw[:8], uint64(now.UnixMilli())<<16|b&0xffff)
	binary.BigEndian.PutUint64(raw[8:], a)
	return TextID(raw)
}

// TextID writes 16 bytes as a request id.
func TextID(raw [16]byte) string {
	var text [30]byte
	copy(text[:], "req-")
	idText.Encode(text[4:], raw[:])
	return string(text[:])
}
