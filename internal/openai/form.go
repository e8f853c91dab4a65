package openai

import (
	"bytes"
	"encoding/base64"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"strings"
	"unicode/utf8"

	"vision/internal/fault"
)

// Bounds of a form.
const (
	maxFormFields = 64
	maxFormName   = 128      // bytes
	maxFormText   = 64 << 10 // bytes of a field that is not a file
)

// IsForm says whether a Content-Type is that of a form with files.
func IsForm(contentType string) bool {
	const form = "multipart/form-data"
	return len(contentType) >= len(form) && strings.EqualFold(contentType[:len(form)], form)
}

// FormSize is about how many bytes AppendForm appends for a body of n bytes.
func FormSize(n int) int { return n*4/3 + 4096 }

// AppendForm appends the JSON object that says the same as a form: a file is a
// data URL, a field given twice or called "name[]" an array, numbers and
// booleans are such where the field is known to hold one, and all else is a
// string. Whether the values make sense is for whoever reads the object. Its
// errors are of kind Invalid.
func AppendForm(dst []byte, contentType string, body []byte) ([]byte, error) {
	media, params, err := mime.ParseMediaType(contentType)
	if err != nil || media != "multipart/form-data" || params["boundary"] == "" || len(params["boundary"]) > 70 {
		return nil, badForm("its Content-Type names no boundary")
	}
	fields, err := readForm(multipart.NewReader(bytes.NewReader(body), params["boundary"]))
	if err != nil {
		return nil, err
	}
	if len(fields) == 0 {
		return nil, badForm("it has no fields")
	}
	dst = append(dst, '{')
	for i, f := range fields {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = AppendString(dst, f.name)
		dst = append(dst, ':')
		if len(f.values) > 1 || f.list {
			dst = append(dst, '[')
		}
		for j, v := range f.values {
			if j > 0 {
				dst = append(dst, ',')
			}
			dst = v.append(dst, f.name)
		}
		if len(f.values) > 1 || f.list {
			dst = append(dst, ']')
		}
	}
	return append(dst, '}'), nil
}

// formField is all that a form holds under one name.
type formField struct {
	name   string
	list   bool // it was called "name[]"
	values []formValue
}

type formValue struct {
	bytes []byte
	file  bool
}

func readForm(r *multipart.Reader) (fields []formField, err error) {
	for n := 0; ; n++ {
		part, err := r.NextRawPart()
		if errors.Is(err, io.EOF) {
			return fields, nil
		}
		if err != nil {
			return nil, badForm("it breaks off, or is not one")
		}
		if n == maxFormFields {
			return nil, badForm("it has more fields than any request does")
		}
		name, list := strings.CutSuffix(part.FormName(), "[]")
		if name == "" || len(name) > maxFormName || !utf8.ValidString(name) {
			return nil, badForm("a field has no name, or a very long one")
		}
		v := formValue{file: part.FileName() != ""}
		if v.bytes, err = io.ReadAll(part); err != nil {
			return nil, badForm("it breaks off")
		}
		switch {
		case v.file && len(v.bytes) == 0:
			return nil, fault.BadParam(name, "%s is an empty file.", name)
		case !v.file && len(v.bytes) > maxFormText:
			return nil, fault.BadParam(name, "%s has more than %d bytes; send a file with a file name.", name, maxFormText)
		case !v.file && !utf8.Valid(v.bytes):
			return nil, fault.BadParam(name, "%s is not valid UTF-8; send a file with a file name.", name)
		}
		fields = add(fields, name, list, v)
	}
}

func add(fields []formField, name string, list bool, v formValue) []formField {
	for i := range fields {
		if f := &fields[i]; f.name == name {
			f.values, f.list = append(f.values, v), f.list || list
			return fields
		}
	}
	return append(fields, formField{name, list, []formValue{v}})
}

// literal are the fields whose values are numbers or booleans. A value that is
// neither stays a string, and whoever reads the field says what is wrong.
var literal = map[string]bool{
	"n": true, "seed": true, "steps": true, "num_inference_steps": true, "guidance": true, "guidance_scale": true, "strength": true,
	"adapter_strength": true, "control_strength": true, "output_compression": true, "partial_images": true, "stream": true,
}

func (v formValue) append(dst []byte, name string) []byte {
	switch {
	case v.file:
		dst = append(dst, `"data:application/octet-stream;base64,`...)
		dst = base64.StdEncoding.AppendEncode(dst, v.bytes)
		return append(dst, '"')
	case literal[name] && isLiteral(v.bytes):
		return append(dst, v.bytes...)
	}
	return AppendString(dst, string(v.bytes))
}

// isLiteral says whether v is a JSON number or boolean.
func isLiteral(v []byte) bool {
	if len(v) == 0 || len(v) > 32 || skipValue(v, 0, 1) != len(v) {
		return false
	}
	return v[0] == '-' || '0' <= v[0] && v[0] <= '9' || v[0] == 't' || v[0] == 'f'
}

func badForm(why string) error {
	return fault.New(fault.Invalid, "invalid_form", "The form cannot be read: %s.", why)
}
