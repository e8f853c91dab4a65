package modelserver

import (
	"encoding/json"
	"fmt"
	"strings"
)

type tool struct {
	Type     string `json:"type"`
	Function struct {
		Name       string          `json:"name"`
		Parameters json.RawMessage `json:"parameters"`
	} `json:"function"`
}

type toolCall struct {
	Index    *int   `json:"index,omitempty"`
	ID       string `json:"id,omitempty"`
	Type     string `json:"type,omitempty"`
	Function struct {
		Name      string `json:"name,omitempty"`
		Arguments string `json:"arguments"`
	} `json:"function"`
}

// toolChoice is "none", "auto", "required" or the name of a function.
type toolChoice struct{ mode, name string }

func (c *toolChoice) UnmarshalJSON(raw []byte) error {
	*c = toolChoice{}
	if json.Unmarshal(raw, &c.mode) == nil {
		switch c.mode {
		case "", "none", "auto", "required":
			return nil
		}
		return fmt.Errorf("tool_choice is %q: use none, auto, required or a function", c.mode)
	}
	var t tool
	if err := json.Unmarshal(raw, &t); err != nil || t.Function.Name == "" {
		return fmt.Errorf("tool_choice: want a string or {\"type\":\"function\",\"function\":{\"name\":...}}")
	}
	c.mode, c.name = "named", t.Function.Name
	return nil
}

// forcedTool returns the tool that must be called, or nil.
func (r *chatRequest) forcedTool() (*tool, error) {
	switch r.ToolChoice.mode {
	case "required":
		if len(r.Tools) == 0 {
			return nil, badRequest("tool_choice", "tool_choice is required, but tools is empty")
		}
		return &r.Tools[0], nil
	case "named":
		for i := range r.Tools {
			if r.Tools[i].Function.Name == r.ToolChoice.name {
				return &r.Tools[i], nil
			}
		}
		return nil, badRequest("tool_choice", "tool_choice names %q, which is not among tools", r.ToolChoice.name)
	}
	return nil, nil
}

// schema is the part of JSON Schema that made-up arguments look at.
type schema struct {
	Type       json.RawMessage   `json:"type"`
	Enum       []json.RawMessage `json:"enum"`
	Properties properties        `json:"properties"`
	Items      *schema           `json:"items"`
	Minimum    *float64          `json:"minimum"`
}

// properties keeps the order in which a schema lists them.
type properties []struct {
	name string
	schema
}

func (p *properties) UnmarshalJSON(raw []byte) error {
	var values map[string]schema
	if err := json.Unmarshal(raw, &values); err != nil {
		return err
	}
	d := json.NewDecoder(strings.NewReader(string(raw)))
	*p = nil
	for depth := 0; ; {
		t, err := d.Token()
		if err != nil {
			return nil // the end: the object was valid above
		}
		if delim, ok := t.(json.Delim); ok {
			if delim == '{' || delim == '[' {
				depth++
			} else {
				depth--
			}
			continue
		}
		name, ok := t.(string)
		if v, known := values[name]; depth == 1 && ok && known {
			*p = append(*p, struct {
				name string
				schema
			}{name, v})
			delete(values, name)
		}
	}
}

const maxSchemaDepth = 8

// makeArguments makes up arguments that fit a schema: a stub of what a model
// would choose. Strings are the last word of said that could be meant.
func makeArguments(parameters json.RawMessage, said string) string {
	var s schema
	if len(parameters) == 0 || json.Unmarshal(parameters, &s) != nil {
		return "{}"
	}
	words := strings.FieldsFunc(said, func(r rune) bool { return strings.ContainsRune(" \t\r\n.,;:!?\"'()", r) })
	word := "example"
	if len(words) > 0 {
		word = words[len(words)-1]
	}
	var b strings.Builder
	s.write(&b, word, true, 0)
	return b.String()
}

func (s *schema) write(b *strings.Builder, word string, object bool, depth int) {
	kind := ""
	if json.Unmarshal(s.Type, &kind) != nil {
		var kinds []string
		if json.Unmarshal(s.Type, &kinds) == nil && len(kinds) > 0 {
			kind = kinds[0]
		}
	}
	switch {
	case len(s.Enum) > 0:
		b.Write(s.Enum[0])
	case object || kind == "object":
		b.WriteByte('{')
		for i := range s.Properties {
			if depth == maxSchemaDepth {
				break
			}
			if i > 0 {
				b.WriteString(", ")
			}
			fmt.Fprintf(b, "%s: ", quote(s.Properties[i].name))
			s.Properties[i].write(b, word, false, depth+1)
		}
		b.WriteByte('}')
	case kind == "array":
		b.WriteByte('[')
		if s.Items != nil && depth < maxSchemaDepth {
			s.Items.write(b, word, false, depth+1)
		}
		b.WriteByte(']')
	case kind == "number", kind == "integer":
		n := 1.0
		if s.Minimum != nil {
			n = max(n, *s.Minimum)
		}
		fmt.Fprintf(b, "%.0f", n)
	case kind == "boolean":
		b.WriteString("true")
	case kind == "null":
		b.WriteString("null")
	default:
		b.WriteString(quote(word))
	}
}

func quote(s string) string {
	raw, err := json.Marshal(s)
	if err != nil {
		return `""`
	}
	return string(raw)
}
