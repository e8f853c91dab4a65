package devnet

import (
	"vision/internal/modelserver"
	"vision/internal/refmodel"
)

// quantised serves the right model with weights of 2 bits, at a fraction of
// the memory, and says nothing of it.
var quantised = cheat{
	name:  "quantised",
	about: "serves the model with weights rounded to 2 bits",
	model: func(c *modelserver.Config) {
		c.Text.Variant = refmodel.Bits(2)
		c.Image.Variant = refmodel.Bits(2)
		c.Embedding.Variant = refmodel.Bits(4) // with fewer nothing is left of it
	},
}
