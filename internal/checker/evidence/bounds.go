package evidence

import "math"

// Bounds are what honest miners stay below. The zero value with a Noise is the
// conservative choice where nothing was measured.
type Bounds struct {
	// Noise bounds how far an honest miner's logits are from the reference's:
	// the standard deviation in nats on the noisiest honest stack.
	Noise float64
	// Greedy and Redrawn are measured; nil derives them from Noise.
	Greedy, Redrawn *Table
	// Replay bounds the chance per token that an honest answer parts from the
	// reference's own, on its engine with its seed; 0 is DefaultReplay.
	Replay float64
}

// DefaultReplay is the bound where none was measured.
const DefaultReplay = 0.01

// Table is what was measured of a test, by Bin: what honest miners stay below,
// and how often alternatives differ.
type Table struct {
	Text   bool // what reading a text into tokens again does is part of what was measured
	Honest [Bins]Odds
	Cheats [][Bins]Odds
}

// cheat is an alternative: how far its logits are off, in nats, and how often
// it writes tokens that no noise explains.
type cheat struct{ noise, far, absurd float64 }

// cheats disagree about as much as models of 6, 4, 3 and 2 bits and another
// model do; the last is exact but ends, or turns, where it likes.
var cheats = [...]cheat{
	{0.06, 1e-5, 1e-6},
	{0.15, 1e-4, 1e-5},
	{0.4, 5e-3, 1e-3},
	{1.2, 3e-2, 2e-2},
	{0, 1e-4, 1e-2},
}

// turns is the last of cheats beside a bound that was measured.
var turns = Odds{Near: 0, Far: 1e-4, Absurd: 1e-2}

// Without measurement: what may happen to an honest miner for other reasons than noise.
var (
	idsFloor  = Odds{Near: 1e-4, Far: 1e-6, Absurd: 1e-7}
	textFloor = Odds{Near: 2e-3, Far: 1e-3, Absurd: 5e-4} // read into tokens again: some stand elsewhere than they were written
)

// mostNear keeps a bound from claiming that an honest miner hardly ever agrees.
const mostNear = 0.6

// floor is what may happen to an honest miner at a position for other reasons than noise.
func floor(exact bool) Odds {
	if exact {
		return idsFloor
	}
	return textFloor
}

// measured adds what reading a text again may do to a bound that was measured on ids.
func measured(o Odds, exact bool) Odds {
	if !exact {
		o = Odds{min(mostNear, o.Near+textFloor.Near), o.Far + textFloor.Far, o.Absurd + textFloor.Absurd}
	}
	return o
}

// greedyOdds are the bound and the alternatives at a gap. Noise turns the order
// of the two best tokens with probability Phi(-gap / (noise sqrt 2)); a bound
// half as large again stands for ties of more than two.
func (b *Bounds) greedyOdds(bin int, exact bool) (honest Odds, others []Odds) {
	if t := b.Greedy; t != nil {
		return t.at(bin, exact)
	}
	gap := Low(bin)
	honest = floor(exact)
	honest.Near = min(mostNear, honest.Near+1.5*beyond(gap/(b.Noise*math.Sqrt2)))
	for _, c := range cheats {
		others = append(others, Odds{beyond(gap / (math.Hypot(c.noise, b.Noise) * math.Sqrt2)), c.far, c.absurd})
	}
	return honest, others
}

// redrawnOdds are the same for a margin times the temperature. Noise of sd nats
// on each logit, divided by the temperature, moves the cumulative distribution
// by at most about 0.4 of that: a share of a half weighs sqrt(1/8).
func (b *Bounds) redrawnOdds(bin int, exact bool) (honest Odds, others []Odds) {
	if t := b.Redrawn; t != nil {
		return t.at(bin, exact)
	}
	margin := Low(bin)
	honest = floor(exact)
	honest.Near = min(mostNear, honest.Near+3*beyond(margin/shift(b.Noise)))
	for _, c := range cheats {
		others = append(others, Odds{min(mostNear, 2*beyond(margin/shift(math.Hypot(c.noise, b.Noise)))), c.far, c.absurd})
	}
	return honest, others
}

func (t *Table) at(bin int, exact bool) (honest Odds, others []Odds) {
	honest = measured(t.Honest[bin], exact || t.Text)
	for i := range t.Cheats {
		others = append(others, t.Cheats[i][bin])
	}
	return honest, append(others, turns)
}

// shift is how far noise moves the cumulative distribution.
func shift(noise float64) float64 { return 0.4 * noise }

// Greedy is test A's outcome at a position. A token further down than noise
// reaches is far.
func (b *Bounds) GreedyOutcome(p *Position) Outcome {
	switch {
	case p.Best:
		return Agrees
	case p.Deficit > max(30*b.Noise, 3):
		return Absurd
	case p.Deficit > max(12*b.Noise, 0.5):
		return Far
	}
	return Near
}

// RedrawnOutcome is test B's outcome at a position.
func (b *Bounds) RedrawnOutcome(p *Position, temperature float64) Outcome {
	switch {
	case p.Drawn:
		return Agrees
	case p.Miss > max(12*min(shift(b.Noise/temperature), 0.5), 0.1):
		if p.Share < 1e-6 { // unlikely in itself, and the number far from it besides
			return Absurd
		}
		return Far
	}
	return Near
}

// RedrawnBin bins a margin so that bounds hold at every temperature.
func RedrawnBin(p *Position, temperature float64) int { return Bin(p.Margin * min(temperature, 2)) }

// Honest is the bound on ids in a bin, of test A or, if redrawn, of test B.
func (b *Bounds) Honest(redrawn bool, bin int) Odds {
	odds := b.greedyOdds
	if redrawn {
		odds = b.redrawnOdds
	}
	honest, _ := odds(bin, true)
	return honest
}
