package dispatch

import (
	"math/bits"
	"slices"
)

// Shares is how likely each of a task's contenders is to be drawn: as likely as it has slots. Were all as likely, one that
// splits its GPUs over four identities would be drawn four times as often as who keeps them together, and customers would
// crowd its small servers while large ones stand idle. Slots are what a miner says it has, so none counts for more than
// mostDrawn times the median, of two middle ones the lower: where contenders are two, none sets its own bound.
//
//	slots   4      2      -      1000          unknown: 8; median of (2 4 8 1000), the lower: 4; 16 at most
//	        |----|--|--------|------------------ … |
//	ends    4      6      14     30
type Shares []uint64

// mostDrawn is how many times the median of slots a contender's may count.
const mostDrawn = 4

// SharesOf is the shares of contenders with so many slots; 0 is unknown.
func SharesOf(slots []int64) Shares {
	if len(slots) == 0 {
		return nil
	}
	ends := make(Shares, len(slots))
	for i, n := range slots {
		if n <= 0 {
			n = unknownSlots
		}
		ends[i] = uint64(min(n, 1<<32)) // so that no sum overflows
	}
	most := mostDrawn * slices.Sorted(slices.Values(ends))[(len(ends)-1)/2]
	sum := uint64(0)
	for i, n := range ends {
		sum += min(n, most)
		ends[i] = sum
	}
	return ends
}

// Draw is the contender that u, uniform over all of uint64, draws. There must be one.
func (e Shares) Draw(u uint64) int {
	at, _ := bits.Mul64(u, e[len(e)-1])
	lo, hi := 0, len(e)-1 // the first whose end is above at
	for lo < hi {
		if mid := (lo + hi) / 2; e[mid] > at {
			hi = mid
		} else {
			lo = mid + 1
		}
	}
	return lo
}

// of is a contender's share, as a whole number.
func (e Shares) of(i int) uint64 {
	if i == 0 {
		return e[0]
	}
	return e[i] - e[i-1]
}
