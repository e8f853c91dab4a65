package miner

import (
	"encoding/json"

	"vision/internal/proto"
	"vision/internal/task"
)

// plain is any other OpenAI-compatible server, which may refuse what OpenAI's
// own schema lacks.
type plain struct{ openaiForms }

func (plain) Name() string     { return "openai" }
func (plain) Spec() proto.Spec { return proto.Spec{} }
func (plain) Extras() bool     { return false }

func (plain) Request(_ task.Kind, members map[string]json.RawMessage) {
	delete(members, "return_token_ids")
}
