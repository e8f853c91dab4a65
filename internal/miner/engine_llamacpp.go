package miner

import (
	"encoding/json"

	"vision/internal/proto"
	"vision/internal/task"
)

// llamaCPP is llama.cpp's own server (llama-server).
type llamaCPP struct{}

func (llamaCPP) Name() string     { return "llama.cpp" }
func (llamaCPP) Spec() proto.Spec { return proto.Spec{Engine: "llama.cpp"} }

func (llamaCPP) Request(_ task.Kind, members map[string]json.RawMessage) {
	delete(members, "return_token_ids")
	narrowSeed(members)
}

// llamaCPPPython is the server that llama-cpp-python brings.
type llamaCPPPython struct{}

func (llamaCPPPython) Name() string     { return "llama-cpp-python" }
func (llamaCPPPython) Spec() proto.Spec { return proto.Spec{Engine: "llama-cpp-python"} }

func (llamaCPPPython) Request(_ task.Kind, members map[string]json.RawMessage) {
	delete(members, "return_token_ids")
	delete(members, "stream_options")
	narrowSeed(members)
}

// narrowSeed keeps the low 31 bits of a seed: llama.cpp's are 32 bits wide and
// its all-ones value means "random". A task served by it pins seed_bits to 31,
// so that nothing is lost here.
func narrowSeed(members map[string]json.RawMessage) {
	var seed uint64
	if json.Unmarshal(members["seed"], &seed) == nil {
		members["seed"], _ = json.Marshal(seed & (1<<31 - 1))
	}
}
