package devnet

import "vision/internal/modelserver"

// hurried paints with no more than 3 steps, however many are paid for.
var hurried = cheat{
	name:  "hurried",
	about: "paints with 3 steps of however many are asked for",
	model: func(c *modelserver.Config) { c.MaxImageSteps = 3 },
}
