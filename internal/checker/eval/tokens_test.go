package eval

import (
	"math/rand/v2"
	"testing"

	"vision/internal/checker/evidence"
)

// A miner whose every token is far off is convicted within a response, one that
// always agrees never, and one that is guilty of its shape at once.
func TestTokensToConvict(t *testing.T) {
	bounds := evidence.Bounds{Noise: 0.02}
	answer := func(p evidence.Position) []*judged {
		r := &Response{Label: "x", Prompt: "y", IDs: true}
		for range 20 {
			r.Positions = append(r.Positions, p)
		}
		return []*judged{judge(r, &bounds)}
	}
	for name, c := range map[string]struct {
		list []*judged
		want int // 0: never
	}{
		"always agrees": {answer(evidence.Position{Best: true, Gap: 1}), 0},
		"far off":       {answer(evidence.Position{Gap: 1, Deficit: 5}), step},
		"malformed":     {[]*judged{judge(&Response{Guilt: "malformed"}, &bounds)}, 1},
	} {
		for i, got := range tokensToConvict(rand.New(rand.NewPCG(1, 2)), c.list, 9) {
			if got != c.want {
				t.Errorf("%s: percentile %d is %d, want %d", name, Percentiles[i], got, c.want)
			}
		}
	}
}

// Pieces say together what the whole says.
func TestStepsAddUp(t *testing.T) {
	bounds := evidence.Bounds{Noise: 0.05}
	r := &Response{IDs: true}
	chance := rand.New(rand.NewPCG(3, 4))
	for range 37 {
		gap := chance.ExpFloat64()
		r.Positions = append(r.Positions, evidence.Position{Gap: gap, Deficit: gap, Best: chance.IntN(9) > 0})
	}
	var sum evidence.Sum
	pieces := steps(r, &bounds)
	for _, s := range pieces {
		sum.Add(s)
	}
	if got, want := sum.E(), bounds.Weigh(r).E; len(pieces) != 5 || got < want*(1-1e-9) || got > want*(1+1e-9) {
		t.Errorf("%d pieces with evidence %v, want 5 with %v", len(pieces), got, want)
	}
}
