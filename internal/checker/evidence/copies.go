package evidence

import "math"

// copyTokens are the lengths of a common beginning that test E looks at.
var copyTokens = [...]int{8, 32, 128}

// Copied is test E: two responses of one miner to the same prompt under
// different seeds that begin alike. Given the first, an honest second one begins
// with its n first tokens with probability exp(sum of their ln p), so
// that the reciprocal of that where it does, and 0 where it does not, is an
// e-value: the exact form of "less likely than exp(-sum of the collision
// entropy)". logprobs are those of the first response's tokens under the
// request's own distribution; same is how many of them the second repeats. noise
// is that distribution's bound, nats.
func Copied(logprobs []float64, same int, noise float64) float64 {
	sum, e, next := 0.0, 0.0, 0
	for i, lp := range logprobs {
		// Noise moves each by sd at most sqrt 2 noise; 4 of the sum's.
		sum += lp
		if next < len(copyTokens) && (i+1 == copyTokens[next] || i+1 == len(logprobs)) {
			if same >= i+1 {
				slack := 4 * math.Sqrt2 * noise * math.Sqrt(float64(i+1))
				e += math.Exp(min(-min(0, sum+slack), 690)) / float64(len(copyTokens))
			}
			next++
		}
	}
	return min(e, 1e300)
}
