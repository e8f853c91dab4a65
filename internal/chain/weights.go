package chain

import (
	"fmt"
	"math"
	"slices"
)

// Weights say how much of the miners' pay each UID should get, as one
// validator sees it. Only proportions matter.
type Weights struct {
	UIDs       []uint16
	Values     []uint16 // as many as UIDs
	VersionKey uint64   // version of the rules that made them; Params.WeightsVersion is the least
}

// NewWeights turns shares into weights as the official tools do: divided by
// the largest, times 65535, rounded half to even, zeros left out. Shares are
// >= 0 and finite, at least one of them above 0.
func NewWeights(uids []uint16, shares []float64, versionKey uint64) (Weights, error) {
	if len(uids) != len(shares) {
		return Weights{}, fmt.Errorf("weights: %d uids but %d shares", len(uids), len(shares))
	}
	largest := 0.0
	for i, v := range shares {
		if math.IsNaN(v) || math.IsInf(v, 0) || v < 0 {
			return Weights{}, fmt.Errorf("weights: the share of uid %d is %v; want a finite number >= 0", uids[i], v)
		}
		largest = max(largest, v)
	}
	if largest == 0 {
		return Weights{}, fmt.Errorf("weights: all %d shares are zero, so there is nothing to set", len(shares))
	}
	w := Weights{VersionKey: versionKey}
	for i, v := range shares {
		if value := uint16(math.RoundToEven(v / largest * math.MaxUint16)); value > 0 {
			w.UIDs = append(w.UIDs, uids[i])
			w.Values = append(w.Values, value)
		}
	}
	return w, nil
}

// Upscaled scales the values so that the largest is 65535, as ledgers store
// them. All zeros stay so.
func (w Weights) Upscaled() Weights {
	out := Weights{UIDs: slices.Clone(w.UIDs), Values: slices.Clone(w.Values), VersionKey: w.VersionKey}
	if len(w.Values) == 0 {
		return out
	}
	largest := uint64(slices.Max(w.Values))
	if largest == 0 {
		return out
	}
	for i, v := range out.Values {
		out.Values[i] = uint16(uint64(v) * math.MaxUint16 / largest)
	}
	return out
}

// self reports whether w is one weight that the neuron gives itself.
func (w Weights) self(uid uint16) bool { return len(w.UIDs) == 1 && w.UIDs[0] == uid }
