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
func (llamaCPP) Extras() bool     { return true }

func (llamaCPP) Request(kind task.Kind, members map[string]json.RawMessage) {
	delete(members, "return_token_ids")
	narrowSeed(members)
	if kind.Evidence() == task.Tokens {
		plainSampling(members)
		pinDate(members)
	}
}

// llamaCPPPython is the server that llama-cpp-python brings.
type llamaCPPPython struct{}

func (llamaCPPPython) Name() string     { return "llama-cpp-python" }
func (llamaCPPPython) Spec() proto.Spec { return proto.Spec{Engine: "llama-cpp-python"} }
func (llamaCPPPython) Extras() bool     { return true }

func (llamaCPPPython) Request(kind task.Kind, members map[string]json.RawMessage) {
	delete(members, "return_token_ids")
	delete(members, "stream_options")
	narrowSeed(members)
	if kind.Evidence() == task.Tokens {
		plainSampling(members)
	}
}

// plainSampling asks llama.cpp's servers for the model's own distribution. Left
// alone they take a top_k of 40, a min_p of 0.05, and llama-cpp-python's a
// repeat_penalty of 1.1. They also have their own name for one of the fields.
func plainSampling(members map[string]json.RawMessage) {
	if v, ok := members["repetition_penalty"]; ok {
		members["repeat_penalty"] = v
		delete(members, "repetition_penalty")
	}
	unlessGiven(members, map[string]string{"temperature": "1", "top_p": "1", "top_k": "0", "min_p": "0", "repeat_penalty": "1"})
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
