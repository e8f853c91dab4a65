package evidence

import "math"

// Unlikely is the chance below which two answers that begin alike are worth
// telling people.
const Unlikely = 1e-6

// Landmark is a beginning of a response that nobody else writes by chance.
type Landmark struct {
	Tokens int     // of the beginning
	LogP   float64 // natural logarithm of the most that its probability may be, at most ln(Unlikely)
}

// Landmarks are the beginnings by which a response can be recognised: the
// shortest whose probability is at most Unlikely, then twice as long and so on, and all
// of it; none if it is too short or too likely. logprobs are those of its tokens under the
// request's own distribution; noise is that distribution's bound, nats.
//
// Which landmarks there are follows from the response alone. Another that
// is drawn independently begins with the first of those with LogP <= ln q with a chance
// of at most q, and with a later one only if with that: so the LogP of the
// last one that both have in common is below ln q with a chance of at most q.
func Landmarks(logprobs []float64, noise float64) (list []Landmark) {
	sum, next := 0.0, 0
	for i, lp := range logprobs {
		n := i + 1
		sum += lp
		p := sum + 4*math.Sqrt2*noise*math.Sqrt(float64(n)) // as in Copied
		if !(p <= math.Log(Unlikely)) || n < next && n < len(logprobs) {
			continue
		}
		list = append(list, Landmark{n, p})
		next = 2 * n
	}
	return list
}
