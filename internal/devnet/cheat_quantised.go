package devnet

import (
	"vision/internal/modelserver"
	"vision/internal/refmodel"
)

// quantised serves the right model with weights of 3 bits, at a fraction of
// the memory, and says nothing of it.
var quantised = cheat{
	name:  "quantised",
	about: "serves the model with weights rounded to 3 bits",
	model: func(c *modelserver.Config) {
		c.Text.Variant = refmodel.Bits(3)
		c.Image.Variant = refmodel.Bits(3)
		c.Embedding.Variant = refmodel.Bits(3)
	},
}
