package task

import "time"

// slowest is how many times slower than a task's mean a text may come that is
// not streamed.
const slowest = 4

// Allowance is how long a miner may take for a request, from its first byte:
// first to the first output, or to the whole answer where it comes at once;
// total to the end. Both are more than 0 and at most t.Timeouts.Total, and
// first is at most total. It is the same whoever asks: a miner that is given
// up sooner has not failed.
func (t *Task) Allowance(kind Kind, req Request) (first, total time.Duration) {
	if req.Stream() || kind.Unit() != Token {
		return t.Timeouts.First, t.Timeouts.Total
	}
	// All tokens come at once: give them the time of a miner whose speed earns
	// next to nothing. Here the first output is the last.
	slow := slowest * (t.Speed.Overhead + t.Speed.Mean*float64(req.Work()))
	whole := t.Timeouts.First + min(time.Duration(min(slow, 1e6)*float64(time.Second)), t.Timeouts.Total-t.Timeouts.First)
	return whole, whole
}
