package node

import (
	"time"

	"vision/internal/miner"
)

// minerRole is what a small miner offers.
func minerRole(units int64) miner.Config {
	return miner.Config{
		Period:  time.Hour,
		Servers: []miner.Server{{Name: "main", URL: "http://127.0.0.1:1", Engine: "vllm"}},
		Tasks:   []miner.Task{{Task: "chat-llama-3.2-3b", Server: "main", Units: units, Slots: 1}},
	}
}
