package miner

import (
	"encoding/json"

	"vision/internal/proto"
	"vision/internal/task"
)

// vllm is vLLM's server. It gives token ids when asked by return_token_ids.
type vllm struct{ openaiForms }

func (vllm) Name() string     { return "vllm" }
func (vllm) Spec() proto.Spec { return proto.Spec{Engine: "vllm", TokenIDs: true} }
func (vllm) Extras() bool     { return true }

func (vllm) Request(kind task.Kind, members map[string]json.RawMessage) {
	if kind.Evidence() == task.Tokens {
		unlessGiven(members, neutral)
		pinDate(members)
	}
}
