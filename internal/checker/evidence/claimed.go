package evidence

import "math"

// tilts are test F's alternatives.
var tilts = [...]float64{0.1, 0.3}

const (
	claimedWeight = 0.25 // beside the 1 of others: what a miner says may weigh little
	mostClaimed   = 3.4  // ln 30: one position proves nothing
)

// claimed is test F: the distance of the log-probabilities that a miner returns
// to the reference's. It may only incriminate: numbers that fit prove nothing,
// for a cheat may have let the right model score what another wrote. Noise of sd
// nats on each logit moves ln p by at most sqrt 2 of that; squares of normal
// variables have the tilted mean (1-2t)^(-1/2).
func (b *Bounds) claimed(r *Response) *Part {
	if r.Hidden {
		return nil
	}
	part := &Part{Test: "logprobs", Weight: claimedWeight}
	sd := max(b.Noise, 1e-3) * math.Sqrt2
	for i := range r.Positions {
		p := &r.Positions[i]
		if p.Claimed == nil {
			continue
		}
		part.Tokens++
		if part.Logs == nil {
			part.Logs = make([]float64, len(tilts))
		}
		x := min(math.Abs(*p.Claimed-p.Logprob)/sd, 1e3)
		for j, t := range tilts {
			part.Logs[j] += min(t*x*x+0.5*math.Log1p(-2*t), mostClaimed)
		}
	}
	if part.Tokens == 0 && !r.Claims {
		return nil
	}
	return part
}
