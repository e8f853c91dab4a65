package evidence

import (
	"math/rand/v2"
	"testing"
)

// One position's alternatives, of a list of 20 as servers show it and of a whole
// vocabulary of 2,048.
func BenchmarkFillContrast(b *testing.B) {
	for _, x := range []struct {
		name string
		size int
		topP float64
	}{{"20", 21, 1}, {"20, top_p", 21, 0.9}, {"2048", 2048, 1}, {"2048, top_p", 2048, 0.9}} {
		b.Run(x.name, func(b *testing.B) {
			o := Outcomes(model{rand.New(rand.NewPCG(1, 1)), x.size}.logits())
			normalise(o)
			for b.Loop() {
				var p Position
				p.FillContrast(o, 3, 0.8, x.topP, 0.02)
			}
		})
	}
}

// A response of 128 tokens at temperature 0.
func BenchmarkWeigh(b *testing.B) {
	r := respond(rand.New(rand.NewPCG(1, 1)), miner{noise: 0.02, scale: 1}, 0, 1, 0.02, 128, 0)
	bounds := Bounds{Noise: 0.02}
	for b.Loop() {
		bounds.Weigh(r)
	}
}
