package miner

import (
	"encoding/json"

	"vision/internal/proto"
	"vision/internal/task"
)

// sglang is SGLang's OpenAI-compatible server. It has no return_token_ids, so
// its answers are judged by their text.
type sglang struct{ openaiForms }

func (sglang) Name() string     { return "sglang" }
func (sglang) Spec() proto.Spec { return proto.Spec{Engine: "sglang"} }
func (sglang) Extras() bool     { return true }

func (sglang) Request(kind task.Kind, members map[string]json.RawMessage) {
	delete(members, "return_token_ids")
	if kind.Evidence() == task.Tokens {
		unlessGiven(members, neutral)
		pinDate(members)
	}
}
