package calibration

import "math"

// UpperBound is the upper end of Clopper and Pearson's exact one-sided interval
// for a probability: with k of n seen, whatever the true one is, it is above
// the bound with chance at most alpha. n = 0 gives 1.
func UpperBound(k, n int, alpha float64) float64 {
	if k >= n {
		return 1
	}
	// The p for which k or fewer of n have chance alpha, by halving.
	low, high := float64(k)/float64(n), 1.0
	for range 100 {
		p := (low + high) / 2
		if atMost(k, n, p) > alpha {
			low = p
		} else {
			high = p
		}
	}
	return high
}

// atMost is the chance of k or fewer of n, each with chance p.
func atMost(k, n int, p float64) float64 {
	return incompleteBeta(float64(n-k), float64(k+1), 1-p)
}

// incompleteBeta is the regularised incomplete beta function I_x(a, b), by its
// continued fraction in Lentz's way.
func incompleteBeta(a, b, x float64) float64 {
	switch {
	case x <= 0:
		return 0
	case x >= 1:
		return 1
	case x > (a+1)/(a+b+2):
		return 1 - incompleteBeta(b, a, 1-x)
	}
	lab, _ := math.Lgamma(a + b)
	la, _ := math.Lgamma(a)
	lb, _ := math.Lgamma(b)
	front := math.Exp(lab-la-lb+a*math.Log(x)+b*math.Log1p(-x)) / a
	const tiny = 1e-300
	away := func(v float64) float64 {
		if math.Abs(v) < tiny {
			return tiny
		}
		return v
	}
	f, c, d := 1.0, 1.0, 0.0
	for i := range 100_000 {
		m := float64(i / 2)
		term := 1.0
		switch {
		case i == 0:
		case i%2 == 0:
			term = m * (b - m) * x / ((a + 2*m - 1) * (a + 2*m))
		default:
			term = -(a + m) * (a + b + m) * x / ((a + 2*m) * (a + 2*m + 1))
		}
		d = 1 / away(1+term*d)
		c = away(1 + term/c)
		f *= c * d
		if math.Abs(1-c*d) < 1e-14 {
			break
		}
	}
	return front * (f - 1)
}
