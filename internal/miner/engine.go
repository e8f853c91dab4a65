package miner

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"vision/internal/proto"
	"vision/internal/task"
)

// Engine is what the miner knows of one make of model server: how it differs
// from the requests that validators send and the answers that they want.
type Engine interface {
	// Name is how configurations name it.
	Name() string
	// Spec is what a miner with this engine can truly declare of it.
	Spec() proto.Spec
	// Request changes the members of a validator's request into what the server
	// takes. The model's name is set already.
	Request(kind task.Kind, members map[string]json.RawMessage)
	// Extras says whether the server takes fields that the task's kind does not
	// know, which customers may send for it, or at least ignores them. Others
	// are not shown them.
	Extras() bool
}

// engines are all there are. To add one, write a file and name it here.
var engines = []Engine{
	vllm{},
	sglang{},
	llamaCPP{},
	llamaCPPPython{},
	visionRef{},
	plain{},
}

func engineNamed(name string) (Engine, bool) {
	i := slices.IndexFunc(engines, func(e Engine) bool { return e.Name() == name })
	if i < 0 {
		return nil, false
	}
	return engines[i], true
}

func engineNames() []string {
	names := make([]string, len(engines))
	for i, e := range engines {
		names[i] = e.Name()
	}
	return names
}

// neutral asks servers that read the defaults of sampling from the model's
// files (generation_config.json: vLLM, SGLang) for the model's own distribution.
var neutral = map[string]string{"temperature": "1", "top_p": "1", "top_k": "-1", "min_p": "0", "repetition_penalty": "1"}

// unlessGiven sets the members that a request lacks. A server with a taste of
// its own would otherwise write, even at temperature 0, another answer than the
// model's, and a check take it for a cheat's.
func unlessGiven(members map[string]json.RawMessage, values map[string]string) {
	for name, v := range values {
		if old, ok := members[name]; !ok || string(old) == "null" {
			members[name] = json.RawMessage(v)
		}
	}
}

// pinDate has a chat's template told the day that references are told.
func pinDate(members map[string]json.RawMessage) {
	if _, chat := members["messages"]; chat {
		unlessGiven(members, map[string]string{"chat_template_kwargs": `{"date_string":"` + task.TemplateDate + `"}`})
	}
}

// translate writes a validator's payload for a server that calls the model by
// another name.
func translate(e Engine, kind task.Kind, payload []byte, model string) (body []byte, contentType string, err error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(payload, &members); err != nil {
		return nil, "", err
	}
	name, err := json.Marshal(model)
	if err != nil {
		return nil, "", err
	}
	members["model"] = name
	if k, ok := kind.(interface{ Knows(field string) bool }); ok && !e.Extras() {
		for field := range members {
			if !k.Knows(field) {
				delete(members, field)
			}
		}
	}
	e.Request(kind, members)
	return encode(e, kind, members)
}

// ForServer is what a miner sends a model server of a make for a validator's
// payload, and what it declares of the server: for those who ask one without a miner.
func ForServer(engine string, kind task.Kind, payload []byte, model string) (body []byte, contentType string, spec proto.Spec, err error) {
	e, ok := engineNamed(engine)
	if !ok {
		return nil, "", spec, fmt.Errorf("%q is not an engine; the engines are %s", engine, strings.Join(engineNames(), ", "))
	}
	body, contentType, err = translate(e, kind, payload, model)
	return body, contentType, e.Spec(), err
}
