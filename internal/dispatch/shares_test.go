package dispatch

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestSharesAreBySlots(t *testing.T) {
	for _, c := range []struct{ slots, want []int64 }{
		{[]int64{8}, []int64{8}},
		{[]int64{4, 16, 8}, []int64{4, 16, 8}},
		{[]int64{0, 0, 2}, []int64{unknownSlots, unknownSlots, 2}},
		{[]int64{-3, 8, 8}, []int64{unknownSlots, 8, 8}},
		{[]int64{4, 2, 0, 1000}, []int64{4, 2, 8, 16}},                           // the median of 2, 4, 8, 1000 is 4
		{[]int64{1000, 4}, []int64{16, 4}},                                       // one of two does not raise it
		{[]int64{1, 1, math.MaxInt64, 1, math.MaxInt64}, []int64{1, 1, 4, 1, 4}}, // two of five cannot raise it
		{[]int64{math.MaxInt64, math.MaxInt64}, []int64{1 << 32, 1 << 32}},       // nothing overflows
	} {
		shares := SharesOf(c.slots)
		var got []int64
		for i := range shares {
			got = append(got, int64(shares.of(i)))
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%v slots count as %v, want %v", c.slots, got, c.want)
		}
	}
	if SharesOf(nil) != nil {
		t.Error("nobody has shares")
	}
}

// Every number draws the contender in whose part it lies, so that each is drawn as often as its share says.
func TestSharesDraw(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		slots := rapid.SliceOfN(rapid.Int64Range(0, 64), 1, 40).Draw(t, "slots")
		shares := SharesOf(slots)
		all := shares[len(shares)-1]
		u := rapid.Uint64().Draw(t, "u")
		i := shares.Draw(u)
		at := float64(u) / (1 << 64) * float64(all)
		begin := float64(shares[i] - shares.of(i))
		if at < begin-1e-6 || at > float64(shares[i])+1e-6 {
			t.Fatalf("%v of %v, by %v, draws %d", at, all, shares, i)
		}
	})
}

// Idle miners of equal pace are sent customers' requests by their slots: who splits a server into four gets no more.
func TestCustomersGoBySlots(t *testing.T) {
	cs := contenders(5, 1e12, 4)
	cs[0].Slots = 16
	b := board(cs)
	got := count(b, rand.New(rand.NewPCG(1, 2)), t0, 20_000)
	parts := 0
	for i := 1; i < 5; i++ {
		parts += got[uint16(i)]
	}
	if whole := got[0]; whole < 9_500 || whole > 10_500 || whole+parts != 20_000 {
		t.Errorf("the whole server was asked %d times, its four parts %d", whole, parts)
	}
}
