// Package yuma is Yuma consensus: how a subnet's epoch turns the validators'
// weights and stakes into pay. It is a pure function of its Input, with no
// clock and no I/O, so ledgers and simulators share it.
//
// It follows Subtensor's epoch with the original bonds (liquid alpha and
// Yuma 3 off, bonds penalty 1):
//
//	weights, of permitted active validators, without self-weights, rows sum to 1
//	consensus_j  = the highest weight that at least kappa of the active stake gives j or more
//	clipped_ij   = min(weight_ij, consensus_j)
//	incentive_j  = sum_i stake_i clipped_ij, normalised over j
//	delta_ij     = stake_i clipped_ij, normalised over i
//	bond_ij      = (1-a) old bond_ij + a delta_ij, normalised over i
//	dividend_i   = sum_j bond_ij incentive_j, normalised over i
//	emission     = half incentive, half dividend; by stake if nobody gave weights
//
// Invariants: all outputs are in [0, 1] and never NaN; incentives, dividends,
// emissions and each column of bonds sum to 1 or are all zero; scaling a row of
// weights, or all stakes, changes nothing (up to rounding).
//
// It departs from the chain in arithmetic only: float64 here, 32-bit fixed
// point there, so values agree to about 1e-9, and to 1/65535 once stored there.
package yuma

import (
	"cmp"
	"math"
	"slices"
)

// Defaults of the chain.
const (
	DefaultKappa = 0.5 // share of stake that makes a majority
	DefaultAlpha = 0.1 // how fast bonds move: 1 minus the moving average's 0.9
)

// Input is one epoch's material, for n neurons by index.
type Input struct {
	Stake   []float64   // n, >= 0, any unit; whoever is below the threshold already at 0
	Voting  []bool      // n: has a permit and set weights recently enough
	Weights [][]float64 // n rows of n, or nil for who set none; >= 0, any scale
	Bonds   [][]float64 // as the last epoch's Output gave them; nil at first
	Kappa   float64     // majority, in (0, 1]; 0 means DefaultKappa
	Alpha   float64     // bonds' speed, in (0, 1]; 0 means DefaultAlpha
}

// Output is what an epoch makes of it. Slices have n entries.
type Output struct {
	Incentive      []float64
	Dividends      []float64
	Emission       []float64
	Consensus      []float64
	ValidatorTrust []float64   // sum of a validator's clipped weights
	Bonds          [][]float64 // rows nil for who has none
}

// Epoch runs one epoch. Numbers that are not finite, or negative, count as
// zero; rows of a wrong length count as none.
func Epoch(in Input) Output {
	n := len(in.Stake)
	kappa, alpha := in.Kappa, in.Alpha
	if !(kappa > 0 && kappa <= 1) {
		kappa = DefaultKappa
	}
	if !(alpha > 0 && alpha <= 1) {
		alpha = DefaultAlpha
	}
	all := scrub(in.Stake)
	normalise(all)
	stake := slices.Clone(all)
	for i := range stake {
		if i >= len(in.Voting) || !in.Voting[i] {
			stake[i] = 0
		}
	}
	normalise(stake)

	rows := make([][]float64, n)
	for i := range rows {
		if stake[i] > 0 && i < len(in.Weights) && len(in.Weights[i]) == n {
			rows[i] = scrub(in.Weights[i])
			rows[i][i] = 0
			normalise(rows[i])
		}
	}

	out := Output{
		Incentive:      make([]float64, n),
		Dividends:      make([]float64, n),
		Emission:       make([]float64, n),
		Consensus:      consensus(rows, stake, kappa),
		ValidatorTrust: make([]float64, n),
	}
	for i, row := range rows {
		for j := range row {
			row[j] = min(row[j], out.Consensus[j])
			out.ValidatorTrust[i] += row[j]
			out.Incentive[j] += stake[i] * row[j]
		}
		out.ValidatorTrust[i] = min(out.ValidatorTrust[i], 1)
	}
	normalise(out.Incentive)

	out.Bonds = bonds(rows, stake, in.Bonds, alpha)
	for i, row := range out.Bonds {
		for j, b := range row {
			out.Dividends[i] += b * out.Incentive[j]
		}
	}
	normalise(out.Dividends)

	for i := range n {
		out.Emission[i] = out.Incentive[i] + out.Dividends[i]
	}
	if normalise(out.Emission) == 0 {
		copy(out.Emission, stake)
		if normalise(out.Emission) == 0 {
			copy(out.Emission, all)
		}
	}
	return out
}

// consensus gives, for each neuron, the stake-weighted median of its weights:
// the highest one such that the stake giving it or more is at least kappa of
// all voting stake. A voter without weights gives zeros.
func consensus(rows [][]float64, stake []float64, kappa float64) []float64 {
	n := len(stake)
	var voters []int
	for i, s := range stake {
		if s > 0 {
			voters = append(voters, i)
		}
	}
	weight := func(i, j int) float64 {
		if rows[i] == nil {
			return 0
		}
		return rows[i][j]
	}
	out := make([]float64, n)
	order := make([]int, len(voters))
	for j := range n {
		copy(order, voters)
		slices.SortFunc(order, func(a, b int) int { return cmp.Compare(weight(b, j), weight(a, j)) })
		support := 0.0
		for _, i := range order {
			// The tolerance lets two halves, summed in any order, make a half.
			if support += stake[i]; support >= kappa-1e-12 {
				out[j] = weight(i, j)
				break
			}
		}
	}
	return out
}

// bonds moves the old bonds towards what this epoch's clipped weights buy.
func bonds(clipped [][]float64, stake []float64, old [][]float64, alpha float64) [][]float64 {
	n := len(stake)
	out := make([][]float64, n)
	for i := range n {
		if i < len(old) && len(old[i]) == n {
			out[i] = scrub(old[i])
		} else if clipped[i] != nil {
			out[i] = make([]float64, n)
		}
	}
	normaliseColumns(out)
	delta := make([][]float64, n)
	for i, row := range clipped {
		delta[i] = slices.Clone(row)
		for j := range row {
			delta[i][j] *= stake[i]
		}
	}
	normaliseColumns(delta)
	for i := range out {
		for j := range out[i] {
			d := 0.0
			if delta[i] != nil {
				d = delta[i][j]
			}
			out[i][j] = (1-alpha)*out[i][j] + alpha*d
		}
	}
	normaliseColumns(out)
	return out
}

// scrub copies v with everything that is not a finite positive number at 0.
func scrub(v []float64) []float64 {
	out := make([]float64, len(v))
	for i, x := range v {
		if x > 0 && !math.IsInf(x, 1) {
			out[i] = x
		}
	}
	return out
}

// normalise scales v to sum 1 in place and returns what the sum was, as far as
// it can be told; all zeros stay so. Dividing by the largest first keeps huge
// and tiny numbers finite.
func normalise(v []float64) float64 {
	if len(v) == 0 {
		return 0
	}
	largest := slices.Max(v)
	if largest == 0 {
		return 0
	}
	sum := 0.0
	for i := range v {
		v[i] /= largest
		sum += v[i]
	}
	for i := range v {
		v[i] /= sum
	}
	return sum
}

func normaliseColumns(rows [][]float64) {
	var column []float64
	for j := range len(rows) {
		column = column[:0]
		for _, row := range rows {
			if row != nil {
				column = append(column, row[j])
			}
		}
		normalise(column)
		k := 0
		for _, row := range rows {
			if row != nil {
				row[j] = column[k]
				k++
			}
		}
	}
}
