package dashboard

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"path"
	"strings"
)

//go:embed openapi
var parts embed.FS

// Document is the API's description as an OpenAPI 3.1 document: what
// openapi/head.json says, with the paths and components of the files in the
// folders of those names. Each file there is an object whose members are
// taken over in the order of the files' names.
func Document() ([]byte, error) {
	head, err := parts.ReadFile("openapi/head.json")
	if err != nil {
		return nil, fmt.Errorf("dashboard: the API's description: %w", err)
	}
	paths, err := joined("paths")
	if err != nil {
		return nil, err
	}
	components, err := fs.ReadDir(parts, "openapi/components")
	if err != nil {
		return nil, fmt.Errorf("dashboard: the API's description: %w", err)
	}
	var b bytes.Buffer
	b.Write(members(head))
	fmt.Fprintf(&b, `,"paths":{%s},"components":{`, paths)
	for i, c := range components {
		text, err := joined(path.Join("components", c.Name()))
		if err != nil {
			return nil, err
		}
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `%q:{%s}`, c.Name(), text)
	}
	b.WriteByte('}')
	var out bytes.Buffer
	if err := json.Compact(&out, append(append([]byte{'{'}, b.Bytes()...), '}')); err != nil {
		return nil, fmt.Errorf("dashboard: the API's description: %w", err)
	}
	return out.Bytes(), nil
}

// joined is the members of a folder's files, without the braces around them.
func joined(folder string) ([]byte, error) {
	folder = path.Join("openapi", folder)
	entries, err := fs.ReadDir(parts, folder)
	if err != nil {
		return nil, fmt.Errorf("dashboard: the API's description: %w", err)
	}
	var all [][]byte
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".json") {
			continue
		}
		text, err := parts.ReadFile(path.Join(folder, e.Name()))
		if err != nil {
			return nil, fmt.Errorf("dashboard: the API's description: %w", err)
		}
		if !json.Valid(text) || bytes.TrimSpace(text)[0] != '{' {
			return nil, fmt.Errorf("dashboard: %s/%s is not a JSON object", folder, e.Name())
		}
		if m := members(text); len(m) > 0 {
			all = append(all, m)
		}
	}
	return bytes.Join(all, []byte{','}), nil
}

// members is what is between an object's braces.
func members(object []byte) []byte {
	object = bytes.TrimSpace(object)
	return bytes.TrimSpace(object[1 : len(object)-1])
}
