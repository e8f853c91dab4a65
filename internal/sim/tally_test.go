package sim

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

func TestTimesFallIntoTheirBuckets(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := math.Exp(rapid.Float64Range(-12, 16).Draw(t, "logarithm"))
		i := bucketOf(x)
		if i > 0 && x < bucketEdges[i] || i+1 < buckets && x >= bucketEdges[i+1] {
			t.Fatalf("%v falls into bucket %d, which begins at %v", x, i, bucketEdges[i])
		}
	})
	for _, x := range []float64{0, -1, math.NaN(), math.Inf(1), 5e-324} {
		if i := bucketOf(x); i != 0 && !math.IsInf(x, 1) || math.IsInf(x, 1) && i != buckets-1 {
			t.Errorf("%v falls into bucket %d", x, i)
		}
	}
}

func TestQuantilesAreWithinABucket(t *testing.T) {
	var q quantiles
	if q.at(0.5) != 0 {
		t.Error("nothing has a median")
	}
	for i := 1; i <= 1000; i++ {
		q.add(float64(i) / 100)
	}
	for _, p := range []float64{0.1, 0.5, 0.95} {
		if got := q.at(p); math.Abs(got/(10*p)-1) > 0.04 {
			t.Errorf("the quantile of %v is %v", p, got)
		}
	}
}
