package devnet

import (
	"vision/internal/miner"
	"vision/internal/modelserver"
)

// overdeclare promises twenty times what it has and refuses the rest.
var overdeclare = cheat{
	name:  "overdeclare",
	about: "declares 20 times its capacity and answers 429 to most of it",
	model: func(c *modelserver.Config) { c.MaxConcurrent = 1; c.TokensPerSecond = honestPace / 4 },
	lie: func(c *miner.Config) {
		for i := range c.Tasks {
			c.Tasks[i].Units *= 20
		}
	},
}
