package devnet

import "vision/internal/modelserver"

// slow runs on hardware far below what the task needs.
var slow = cheat{
	name:  "slow",
	about: "writes a fifth of the tokens a second that others do",
	model: func(c *modelserver.Config) { c.TokensPerSecond = honestPace / 5 },
}
