package outcome

import "vision/internal/hotkey"

// Numbered is an outcome with its place in the order of writing.
type Numbered struct {
	Seq int64
	Outcome
}

// Pair names a miner in a task.
type Pair struct {
	Miner hotkey.ID
	Task  string
}
