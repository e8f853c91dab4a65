package sim

import (
	"math"
	"math/rand/v2"
)

// stream is one sequence of chance that follows from a seed and a name.
func stream(seed uint64, name uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, name)) }

// The streams of a run. Each thing that must not change when another does has its own.
const (
	ofPopulation = iota + 1 // who owns what
	ofDemand                // when customers ask for what
	ofValidators            // whom they ask, what is probed and checked
	ofOperators             // what strategies draw
	ofTrouble               // errors, outages, who leaves
	ofBeacons
	ofSearch // how a search changes strategies
)

// heavyTailed draws from a log-normal distribution with the mean, cut at six times it.
func heavyTailed(r *rand.Rand, mean, sigma float64) float64 {
	return min(mean*math.Exp(sigma*r.NormFloat64()-sigma*sigma/2), 6*mean)
}
