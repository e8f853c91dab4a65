package miner

import (
	"encoding/json"

	"vision/internal/openai"
	"vision/internal/task"
)

// former is an Engine some of whose requests are forms, as OpenAI's own are for
// pictures that are made from others.
type former interface {
	// Form says whether the server wants requests of a kind as forms.
	Form(kind task.Kind) bool
}

// openaiForms is embedded by engines that take what OpenAI's clients send. What
// OpenAI has no path for is JSON.
type openaiForms struct{}

func (openaiForms) Form(kind task.Kind) bool {
	switch kind.(type) {
	case task.ImageToImage, task.Inpaint, task.Upscale:
		return true
	}
	return false
}

// encode writes a request's members as the server wants them.
func encode(e Engine, kind task.Kind, members map[string]json.RawMessage) (body []byte, contentType string, err error) {
	if f, ok := e.(former); ok && f.Form(kind) {
		return openai.WriteForm(members, "image", "mask")
	}
	body, err = json.Marshal(members)
	return body, "application/json", err
}
