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
	counts [400]int64
	all    int64
}

const (
	bucketFloor  = 1e-3 // seconds
	bucketGrowth = 1.04
)

func (q *quantiles) add(seconds float64) {
	i := 0
	if seconds > bucketFloor {
		i = min(int(math.Log(seconds/bucketFloor)*(1/math.Log(bucketGrowth))), len(q.counts)-1)
	}
	q.counts[i]++
	q.all++
}

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
