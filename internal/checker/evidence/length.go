package evidence

import "math"

// hazards are test D's alternatives: the chance that a cheat ends a response at
// any one token, whatever the model says.
var hazards = [...]float64{0.005, 0.03}

// reluctances are its others: how much rarer than the model's one who is to be
// paid for more ends a response.
var reluctances = [...]float64{0.1, 0.5}

// length is test D: whether the response ended where the reference may end,
// and went on where it may go on. Lambda, the sum of -ln(1 - p_end), is about
// exponential with mean 1 for an honest miner, cut off where the response was;
// this is that law's likelihood ratio token by token, so that lengths of any
// number of responses multiply. The chance of an end is taken from one part in
// a million up, and may be off by what noise does to a probability.
func (b *Bounds) length(r *Response) *Part {
	if r.Temperature < LowestTemperature {
		return nil
	}
	part := &Part{Test: "length", Weight: 1, Logs: make([]float64, len(hazards)+len(reluctances))}
	slack := math.Exp(max(0.18, 2.5*b.Noise/max(r.Temperature, LowestTemperature)))
	found := false
	for i := range r.Positions {
		p := &r.Positions[i]
		if !p.HasEnd {
			continue
		}
		found = true
		low, high := p.EndLow, p.EndHigh
		if high == 0 {
			low, high = p.End, p.End
		}
		most := min(max(slack*high, 1e-6), 0.999)
		least := min(low/slack, most)
		for j := range part.Logs {
			h := 0.0
			if j < len(hazards) {
				h = hazards[j]
			} else {
				h = reluctances[j-len(hazards)] * p.End
			}
			h = min(max(h, 1e-7), 0.99)
			if p.Ends {
				part.Logs[j] += math.Log(h / most)
			} else {
				part.Logs[j] += math.Log((1 - h) / (1 - least))
			}
		}
		part.Tokens++
	}
	if !found {
		return nil
	}
	return part
}
