package dispatch

import (
	"encoding/binary"
	"math"
	"math/bits"

	"vision/internal/hotkey"
)

const (
	// nearLoad is how many times its share (Shares) of the requests under way a miner may
	// have and still be preferred for what its cache holds.
	nearLoad = 1.25
	// nearCost is how many times the cost of the better of two it may have.
	nearCost = 1.5
)

// near gives the seat that requests with the same prefix go to, if it is as
// good as any: Ready, with few enough under way, and expected to take not much
// longer than a seat chosen without the prefix, of the given cost. It gives -1
// if it is not.
//
// The seats rank anew for every prefix (rendezvous hashing): each is first for
// its equal share of the prefixes, and when one leaves, only the prefixes that
// it was first for go elsewhere, each to its second. The second is asked where
// the first may not be, so that a prefix is warm at two miners at most while
// neither is overloaded.
func (f *field) near(q *query, prefix uint64, cost float64) int {
	first, second := -1, -1
	var most, more uint64
	for i, key := range f.keys {
		hi, lo := bits.Mul64(prefix^key, 0x9e3779b97f4a7c15^key>>1)
		h := hi ^ lo
		if h <= more { // almost always
			continue
		}
		switch {
		case q.excludes(&f.seats[i]):
		case h > most:
			second, more = first, most
			first, most = i, h
		default:
			second, more = i, h
		}
	}
	load, all := f.usual.load.Load(), f.shares[len(f.shares)-1]
	for _, i := range [2]int{first, second} {
		if i < 0 {
			continue
		}
		if s := &f.seats[i]; s.InFlight() < nearBound(load, f.shares.of(i), all) && s.standing(q) == Ready && Cost(s.state(q)) <= nearCost*cost {
			return i
		}
	}
	return -1
}

// nearBound is how many requests a preferred seat with a share of all may have under way, the one
// that is about to begin included, with load under way at all seats before it.
func nearBound(load int64, share, all uint64) int64 {
	return int64(math.Ceil(nearLoad * float64(load+1) * float64(share) / float64(all)))
}

// keyOf spreads a miner's identity over 64 bits.
func keyOf(miner hotkey.ID) uint64 {
	var k uint64
	for i := 0; i < len(miner); i += 8 {
		k = mix(k ^ binary.LittleEndian.Uint64(miner[i:]))
	}
	return k
}
