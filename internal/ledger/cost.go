package ledger

import (
	"fmt"
	"math/bits"

	"vision/internal/task"
)

// Cost is what work costs at a price: both products are summed exactly,
// divided by the thousand units that prices are for, and rounded up, once. So
// it grows with the work and with the price, and no split of it into parts
// costs less. Negative numbers are refused.
func Cost(p task.Price, w task.Work) (Amount, error) {
	if p.Prompt < 0 || p.Output < 0 || w.Prompt < 0 || w.Units < 0 {
		return 0, fmt.Errorf("the cost of %d and %d units at %d and %d: a number is negative", w.Prompt, w.Units, p.Prompt, p.Output)
	}
	high1, low1 := bits.Mul64(uint64(p.Prompt), uint64(w.Prompt))
	high2, low2 := bits.Mul64(uint64(p.Output), uint64(w.Units))
	low, carry := bits.Add64(low1, low2, 0)
	high := high1 + high2 + carry // below 2^127 in all
	low, carry = bits.Add64(low, 999, 0)
	high += carry
	if high >= 1000 {
		return 0, tooDear(p, w)
	}
	cost, _ := bits.Div64(high, low, 1000)
	if cost>>63 != 0 {
		return 0, tooDear(p, w)
	}
	return Amount(cost), nil
}

func tooDear(p task.Price, w task.Work) error {
	return fmt.Errorf("the cost of %d and %d units at %d and %d: %w", w.Prompt, w.Units, p.Prompt, p.Output, ErrOverflow)
}

// Worst is the most work that an answer to the request can hold, as far as it
// is paid for; see Clamp.
func Worst(t *task.Task, r task.Request) task.Work {
	prompt := task.MostPrompt(r)
	if t.Model.Context > 0 {
		prompt = min(prompt, int64(t.Model.Context))
	}
	return task.Work{Units: r.Work() * int64(task.Choices(r)), Prompt: prompt}
}

// Clamp is the part of work that is paid for: what a miner claims beyond the
// worst case is not.
func Clamp(w, worst task.Work) task.Work {
	return task.Work{Units: max(0, min(w.Units, worst.Units)), Prompt: max(0, min(w.Prompt, worst.Prompt))}
}
