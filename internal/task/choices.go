package task

import "vision/internal/openai"

// MaxChoices is how many answers a request for texts may ask for at once.
const MaxChoices = 16

// Choices is how many answers a request asks for: its n, where that is a number
// of texts. A miner is asked for one at a time; see Choice.
func Choices(r Request) int {
	if own, ok := r.(*request); ok {
		return max(own.choices, 1)
	}
	return 1
}

// Choice is the request for one of the answers that r asks for, the i-th from 0.
// If the customer chose a seed, each answer has one of its own that follows from
// it, the first the very same.
func Choice(r Request, i int) Request {
	own, ok := r.(*request)
	if !ok {
		return r
	}
	one := *own
	one.choices = 1
	one.seed += uint64(i)
	return &one
}

// choices reads n, which miners are not told of.
func choices(p *parsing, name string, v []byte) error {
	n, err := openai.Int(v, name, 1, MaxChoices)
	p.r.choices = int(n)
	return err
}
