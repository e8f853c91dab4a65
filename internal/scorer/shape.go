package scorer

import (
	"context"
	"math/rand/v2"

	"vision/internal/task"
)

const (
	// remembered is how many of a kind's last customers' requests shape probes.
	remembered = 1000
	// convincing is from how many on nothing made up is mixed in.
	convincing = 20
)

// shape draws features of requests as customers sent them lately. It does not
// change once made.
type shape map[string][]task.Features

// Draw implements task.Shape. Lengths are moved by up to a tenth, so that no
// probe is as long as a certain customer's request.
func (s shape) Draw(r *rand.Rand, kind string) task.Features {
	past := s[kind]
	if r.IntN(convincing) >= len(past) {
		return usual(r, kind)
	}
	f := past[r.IntN(len(past))]
	f.PromptBytes = int(float64(f.PromptBytes) * (0.9 + 0.2*r.Float64()))
	return f
}

// usual makes up features of a kind that nobody has asked for yet.
func usual(r *rand.Rand, kind string) task.Features {
	f := task.Features{Turns: 1, Temperature: -1, TopP: -1}
	switch kind {
	case "chat":
		f.Stream = r.IntN(10) < 7
		f.Turns = 1 + []int{0, 0, 0, 1, 1, 2, 3, 4, 6}[r.IntN(9)]
		f.PromptBytes = length(r, 40, 2400)
		f.Output = []int{64, 100, 128, 200, 256, 400, 512, 1000, 1024}[r.IntN(9)]
	case "completion":
		f.Stream = r.IntN(2) == 0
		f.PromptBytes = length(r, 40, 1600)
		f.Output = []int{16, 32, 64, 100, 128, 256, 512}[r.IntN(7)]
	case "embedding":
		f.Output = []int{1, 1, 1, 2, 4, 8, 16}[r.IntN(7)]
		f.Turns = f.Output
		f.PromptBytes = f.Output * length(r, 30, 600)
		return f
	default: // pictures
		f.PromptBytes = length(r, 20, 240)
		f.Output = []int{4, 8, 20, 20, 28, 30, 50}[r.IntN(7)]
		f.Size = []string{"1024x1024", "512x512", "768x768", "1024x768"}[r.IntN(4)]
		return f
	}
	if r.IntN(3) > 0 {
		f.Temperature = []float64{0, 0.2, 0.5, 0.7, 0.7, 0.8, 1, 1}[r.IntN(8)]
	}
	if r.IntN(4) == 0 {
		f.TopP = []float64{0.8, 0.9, 0.95, 1}[r.IntN(4)]
	}
	return f
}

// length draws from low to high, shorter ones more often.
func length(r *rand.Rand, low, high int) int {
	u := r.Float64()
	return low + int(float64(high-low)*u*u)
}

// learn reads what customers sent lately.
func (s *Scorer) learn(ctx context.Context) error {
	next := shape{}
	for _, k := range task.KindNames() {
		past, err := s.c.Store.Features(ctx, k, remembered)
		if err != nil {
			return err
		}
		next[k] = past
	}
	s.shape.Store(&next)
	return nil
}
