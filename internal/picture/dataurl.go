package picture

import (
	"encoding/base64"
	"errors"
	"strings"
)

// IsLink says whether s is an http or https URL, which only a gateway follows.
func IsLink(s string) bool {
	return hasScheme(s, "http://") || hasScheme(s, "https://")
}

func hasScheme(s, scheme string) bool {
	return len(s) >= len(scheme) && strings.EqualFold(s[:len(scheme)], scheme)
}

// File gives the bytes of a data URL in base64 ("data:image/png;base64,…"), or
// of base64 alone. The media type that is claimed is not believed. Its errors
// end a sentence as Read's do.
func File(s string) ([]byte, error) {
	text := s
	if hasScheme(s, "data:") {
		head, data, ok := strings.Cut(s[len("data:"):], ",")
		if !ok || !strings.HasSuffix(strings.ToLower(head), ";base64") {
			return nil, errors.New(`it is a data URL that is not in base64: write "data:image/png;base64," and the base64`)
		}
		text = data
	}
	file, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		if file, err = base64.RawStdEncoding.DecodeString(text); err != nil {
			return nil, errors.New(`it is not base64: send a data URL, "data:image/png;base64," and the base64, or an https URL`)
		}
	}
	if len(file) == 0 {
		return nil, errors.New("it is empty")
	}
	return file, nil
}

// AppendURL appends a file as a data URL, of the type that it is and not the
// one that was claimed. It needs no escapes in JSON.
func AppendURL(dst, file []byte) []byte {
	media := MediaType(file)
	if media == "" {
		media = "application/octet-stream"
	}
	dst = append(dst, "data:"...)
	dst = append(dst, media...)
	dst = append(dst, ";base64,"...)
	return base64.StdEncoding.AppendEncode(dst, file)
}
