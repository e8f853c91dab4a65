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
	if k, ok := KindNamed(t.Kind); ok {
		return k.Plausible(r)
	}
	return plausiblePicture(r)
}

// plausibleText gives a text's request the sampling that it may have.
func plausibleText(r *rand.Rand, f Features) Features {
	f.Temperature, f.TopP = -1, -1
	if r.IntN(3) > 0 {
		f.Temperature = []float64{0, 0.2, 0.5, 0.7, 0.7, 0.8, 1, 1}[r.IntN(8)]
	}
	if r.IntN(4) == 0 {
		f.TopP = []float64{0.8, 0.9, 0.95, 1}[r.IntN(4)]
	}
	return f
}

// plausiblePicture is a picture that may be asked for.
func plausiblePicture(r *rand.Rand) Features {
	return Features{
		Turns: 1, Temperature: -1, TopP: -1,
		PromptBytes: plausibleLength(r, 20, 240),
		Output:      []int{4, 8, 20, 20, 28, 30, 50}[r.IntN(7)],
		Size:        []string{"1024x1024", "512x512", "768x768", "1024x768"}[r.IntN(4)],
	}
}

// Written implements Shape: there are no texts but those made up.
func (Plausible) Written(*rand.Rand, *Task, int, int) []prompt.Turn { return nil }

// plausibleLength draws from low to high, shorter ones more often.
func plausibleLength(r *rand.Rand, low, high int) int {
	u := r.Float64()
	return low + int(float64(high-low)*u*u)
}
