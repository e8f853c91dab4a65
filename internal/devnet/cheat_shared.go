package devnet

import "vision/internal/modelserver"

// sharing declares one set of GPUs on every task, as if each had its own. Asked on one
// task after the other it answers all; asked on all at once it cannot.
var sharing = cheat{
	name:  "shared",
	about: "declares the same GPUs on every task, as if each had its own",
	model: func(c *modelserver.Config) { c.MaxConcurrent = 2 },
}
