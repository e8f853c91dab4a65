package sim

import "math"

// tally is what is counted in a run.
type tally struct {
	customers int64 // requests
	served    int64
	lost      int64
	probes    int64
	checks    int64
	failures  int64 // checks that ended failed
	synthetic float64
	first     quantiles // seconds to the first output
	total     quantiles // seconds to the whole answer
	dividends []float64
	trust     []float64
}

func (t *tally) init(validators int) {
	t.dividends, t.trust = make([]float64, validators), make([]float64, validators)
}

func (t *tally) pay(dividends, trust []float64) {
	for v, d := range dividends {
		t.dividends[v] += d
		t.trust[v] += trust[v]
	}
}

// quantiles is a histogram of times: each bucket is 4% wider than the one before.
type quantiles struct {
	counts [buckets]int64
	all    int64
}

const (
	buckets      = 400
	bucketFloor  = 1e-3 // seconds
	bucketGrowth = 1.04
)

func (q *quantiles) add(seconds float64) {
	q.counts[bucketOf(seconds)]++
	q.all++
}

// bucketOf is the bucket of a time, as the logarithm has it, which was a part of a run: a table by the number's
// exponent and the first bits of its fraction is at most two buckets too low.
func bucketOf(seconds float64) int {
	if !(seconds > bucketFloor) {
		return 0
	}
	i := int(bucketFrom[min(math.Float64bits(seconds)>>bucketShift-bucketLeast, uint64(len(bucketFrom)-1))])
	for i+1 < buckets && seconds >= bucketEdges[i+1] {
		i++
	}
	return i
}

const (
	bucketShift = 52 - 5                     // 5 bits of the fraction: steps of 3% or less
	bucketLeast = (1023 - 10) << 5           // of 2^-10, which is below bucketFloor
	bucketSteps = (1023+13)<<5 - bucketLeast // to 2^13, which is above the last bucket's edge
)

// bucketEdges is where each bucket begins; bucketFrom is the bucket of the least number that begins with the bits.
var bucketEdges, bucketFrom = func() (edges [buckets]float64, from [bucketSteps]int16) {
	for i := range edges {
		edges[i] = bucketFloor * math.Pow(bucketGrowth, float64(i))
	}
	i := 0
	for step := range from {
		x := math.Float64frombits(uint64(step+bucketLeast) << bucketShift)
		for i+1 < buckets && x >= edges[i+1] {
			i++
		}
		from[step] = int16(i)
	}
	return edges, from
}()

// at is the time below which a part p of all lies, within 2%; 0 if there is none.
func (q *quantiles) at(p float64) float64 {
	if q.all == 0 {
		return 0
	}
	left := int64(p * float64(q.all))
	for i, n := range q.counts {
		if left -= n; left < 0 {
			return bucketFloor * math.Pow(bucketGrowth, float64(i)+0.5)
		}
	}
	return bucketFloor * math.Pow(bucketGrowth, float64(len(q.counts)))
}
