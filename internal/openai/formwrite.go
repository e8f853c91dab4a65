package openai

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"mime/multipart"
	"net/textproto"
	"slices"

	"vision/internal/picture"
)

// WriteForm writes members of a payload as a form: those that are named pictures,
// data URLs, as files, other strings as they are, and all else as JSON.
func WriteForm(members map[string]json.RawMessage, pictures ...string) (body []byte, contentType string, err error) {
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for _, name := range slices.Sorted(maps.Keys(members)) {
		text := string(members[name])
		var s string
		if json.Unmarshal(members[name], &s) == nil {
			text = s
		}
		if !slices.Contains(pictures, name) {
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
