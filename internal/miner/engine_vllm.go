package miner

import (
	"encoding/json"

	"vision/internal/proto"
	"vision/internal/task"
)

// vllm is vLLM's server. It takes validators' requests as they are, and gives
// token ids when asked by return_token_ids.
type vllm struct{}

func (vllm) Name() string                                      { return "vllm" }
func (vllm) Spec() proto.Spec                                  { return proto.Spec{Engine: "vllm", TokenIDs: true} }
func (vllm) Request(_ task.Kind, _ map[string]json.RawMessage) {}
