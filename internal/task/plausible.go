package task

import (
	"math/rand/v2"

	"vision/internal/prompt"
)

// Plausible is the shape of requests where nobody knows what customers send: lengths and
// parameters such as they may have, and nothing that only some requests have.
type Plausible struct{}

// Draw implements Shape.
func (Plausible) Draw(r *rand.Rand, t *Task) Features {
	f := Features{Turns: 1, Temperature: -1, TopP: -1}
	switch t.Kind {
	case "chat":
		f.Stream = r.IntN(10) < 7
		f.Turns = 1 + []int{0, 0, 0, 1, 1, 2, 3, 4, 6}[r.IntN(9)]
		f.PromptBytes = plausibleLength(r, 40, 2400)
		f.Output = []int{64, 100, 128, 200, 256, 400, 512, 1000, 1024}[r.IntN(9)]
	case "completion":
		f.Stream = r.IntN(2) == 0
		f.PromptBytes = plausibleLength(r, 40, 1600)
		f.Output = []int{16, 32, 64, 100, 128, 256, 512}[r.IntN(7)]
	case "embedding":
		f.Output = []int{1, 1, 1, 2, 4, 8, 16}[r.IntN(7)]
		f.Turns = f.Output
		f.PromptBytes = f.Output * plausibleLength(r, 30, 600)
		return f
	default: // pictures
		f.PromptBytes = plausibleLength(r, 20, 240)
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

// Written implements Shape: there are no texts but those made up.
func (Plausible) Written(*rand.Rand, *Task, int, int) []prompt.Turn { return nil }

// plausibleLength draws from low to high, shorter ones more often.
func plausibleLength(r *rand.Rand, low, high int) int {
	u := r.Float64()
	return low + int(float64(high-low)*u*u)
}
