package miner

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"mime/multipart"
	"net/textproto"
	"slices"

	"vision/internal/picture"
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
		return asForm(members)
	}
	body, err = json.Marshal(members)
	return body, "application/json", err
}

// asForm writes members as a form: pictures as files, strings as they are, all
// else as JSON.
func asForm(members map[string]json.RawMessage) (body []byte, contentType string, err error) {
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for _, name := range slices.Sorted(maps.Keys(members)) {
		text := string(members[name])
		var s string
		if json.Unmarshal(members[name], &s) == nil {
			text = s
		}
		if name != "image" && name != "mask" {
			if err := w.WriteField(name, text); err != nil {
				return nil, "", err
			}
			continue
		}
		file, err := picture.File(text)
		if err != nil {
			return nil, "", fmt.Errorf("%s: %w", name, err)
		}
		h := textproto.MIMEHeader{}
		h.Set("Content-Disposition", fmt.Sprintf(`form-data; name=%q; filename=%q`, name, name+".png"))
		h.Set("Content-Type", picture.MediaType(file))
		part, err := w.CreatePart(h)
		if err == nil {
			_, err = part.Write(file)
		}
		if err != nil {
			return nil, "", err
		}
	}
	if err := w.Close(); err != nil {
		return nil, "", err
	}
	return b.Bytes(), w.FormDataContentType(), nil
}
