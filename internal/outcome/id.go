package outcome

import (
	"encoding/base32"
	"encoding/binary"
	"time"
)

// idText keeps the order of the bytes, so that ids sort by time.
var idText = base32.NewEncoding("0123456789abcdefghijklmnopqrstuv").WithPadding(base32.NoPadding)

// NewID makes a request id from the time, to the millisecond, and 80 random
// bits: all of a and the low 16 of b. Customers' requests and the
// validator's own take theirs from here, so that no miner tells them apart.
func NewID(now time.Time, a, b uint64) string {
	var raw [16]byte
	binary.BigEndian.PutUint64(raw[:8], uint64(now.UnixMilli())<<16|b&0xffff)
	binary.BigEndian.PutUint64(raw[8:], a)
	var text [30]byte
	copy(text[:], "req-")
	idText.Encode(text[4:], raw[:])
	return string(text[:])
}
