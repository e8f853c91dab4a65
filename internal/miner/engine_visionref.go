package miner

import (
	"encoding/json"

	"vision/internal/proto"
	"vision/internal/task"
)

// visionRef is the built-in reference model's server, which answers as vLLM does.
type visionRef struct{}

func (visionRef) Name() string                                      { return "vision-ref" }
func (visionRef) Spec() proto.Spec                                  { return proto.Spec{Engine: "vision-ref", TokenIDs: true} }
func (visionRef) Extras() bool                                      { return true }
func (visionRef) Request(_ task.Kind, _ map[string]json.RawMessage) {}
