package modelserver

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
)

// format is a request's response_format.
type format struct {
	Type   string `json:"type"`
	Schema struct {
		Schema json.RawMessage `json:"schema"`
	} `json:"json_schema"`
}

// text is what the answer must be, "" where it may be anything. Like the
// arguments of tools it is made up: a stub of what guided decoding would give.
func (f *format) text(word string) (string, error) {
	switch f.Type {
	case "", "text":
		return "", nil
	case "json_object":
		return `{"answer": ` + quote(word) + `}`, nil
	case "json_schema":
		if len(f.Schema.Schema) == 0 {
			return "", badRequest("response_format.json_schema.schema", "response_format has the type json_schema, but no schema")
		}
		return makeJSON(f.Schema.Schema, word, false), nil
	}
	return "", badRequest("response_format.type", "response_format has the type %q: use text, json_object or json_schema", f.Type)
}

// mulledOver is how many tokens come as reasoning where some is asked for.
const mulledOver = 8

// reasoning is how many tokens of an answer of at most so many are reasoning.
func (r *chatRequest) reasoning(most int) (int, error) {
	switch r.Effort {
	case "", "none", "minimal":
		return 0, nil
	case "low", "medium", "high", "xhigh":
		return min(mulledOver, most/2), nil
	}
	return 0, badRequest("reasoning_effort", "reasoning_effort is %q: use none, minimal, low, medium, high or xhigh", r.Effort)
}

// lastWord is the last word of the conversation that could be meant.
func (r *chatRequest) lastWord() string {
	said := string(r.Messages[len(r.Messages)-1].Content)
	words := strings.FieldsFunc(said, func(r rune) bool { return strings.ContainsRune(" \t\r\n.,;:!?\"'()", r) })
	if len(words) == 0 {
		return "example"
	}
	return words[len(words)-1]
}

// schema is the part of JSON Schema that made-up values look at.
type schema struct {
	Ref         string            `json:"$ref"`
	Defs        map[string]schema `json:"$defs"`
	Definitions map[string]schema `json:"definitions"`
	Type        json.RawMessage   `json:"type"`
	Const       json.RawMessage   `json:"const"`
	Enum        []json.RawMessage `json:"enum"`
	AnyOf       []schema          `json:"anyOf"`
	OneOf       []schema          `json:"oneOf"`
	AllOf       []schema          `json:"allOf"`
	Properties  properties        `json:"properties"`
	Items       *schema           `json:"items"`
	MinItems    int               `json:"minItems"`
	Minimum     *float64          `json:"minimum"`
	Above       *float64          `json:"exclusiveMinimum"`
	Maximum     *float64          `json:"maximum"`
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

const (
	maxSchemaDepth = 8
	maxMadeUp      = 4 << 10 // bytes
)

// makeJSON makes up a value that fits a schema, an object where the schema does
// not say. Strings are word.
func makeJSON(raw json.RawMessage, word string, object bool) string {
	var s schema
	if len(raw) == 0 || json.Unmarshal(raw, &s) != nil {
		return "{}"
	}
	m := maker{root: &s, word: word}
	m.write(&s, object || len(s.Type) == 0, 0)
	return m.String()
}

type maker struct {
	strings.Builder
	root *schema
	word string
}

// resolve follows references and takes the first of alternatives.
func (m *maker) resolve(s *schema) *schema {
	for range maxSchemaDepth {
		switch {
		case s.Ref != "":
			name := s.Ref[strings.LastIndexByte(s.Ref, '/')+1:]
			next, ok := m.root.Defs[name]
			if !ok {
				if next, ok = m.root.Definitions[name]; !ok {
					return s
				}
			}
			s = &next
		case len(s.AnyOf) > 0:
			s = &s.AnyOf[0]
		case len(s.OneOf) > 0:
			s = &s.OneOf[0]
		case len(s.AllOf) > 0:
			s = &s.AllOf[0]
		default:
			return s
		}
	}
	return s
}

func (m *maker) write(s *schema, object bool, depth int) {
	s = m.resolve(s)
	kind := ""
	if json.Unmarshal(s.Type, &kind) != nil {
		var kinds []string
		if json.Unmarshal(s.Type, &kinds) == nil && len(kinds) > 0 {
			kind = kinds[0]
		}
	}
	switch {
	case len(s.Const) > 0:
		m.Write(s.Const)
	case len(s.Enum) > 0:
		m.Write(s.Enum[0])
	case kind == "object" || kind == "" && (object || len(s.Properties) > 0):
		m.WriteByte('{')
		for i := range s.Properties {
			if depth == maxSchemaDepth || m.Len() > maxMadeUp {
				break
			}
			if i > 0 {
				m.WriteString(", ")
			}
			fmt.Fprintf(m, "%s: ", quote(s.Properties[i].name))
			m.write(&s.Properties[i].schema, false, depth+1)
		}
		m.WriteByte('}')
	case kind == "array":
		m.WriteByte('[')
		for i := range max(s.MinItems, 1) {
			if s.Items == nil || depth == maxSchemaDepth || m.Len() > maxMadeUp {
				break
			}
			if i > 0 {
				m.WriteString(", ")
			}
			m.write(s.Items, false, depth+1)
		}
		m.WriteByte(']')
	case kind == "number", kind == "integer":
		fmt.Fprintf(m, "%.0f", s.number())
	case kind == "boolean":
		m.WriteString("true")
	case kind == "null":
		m.WriteString("null")
	default:
		m.WriteString(quote(m.word))
	}
}

// number is 1, or the whole number nearest to it that the bounds allow.
func (s *schema) number() float64 {
	n := 1.0
	if s.Minimum != nil {
		n = max(n, math.Ceil(*s.Minimum))
	}
	if s.Above != nil {
		n = max(n, math.Floor(*s.Above)+1)
	}
	if s.Maximum != nil {
		n = min(n, math.Floor(*s.Maximum))
	}
	return n
}

func quote(s string) string {
	raw, err := json.Marshal(s)
	if err != nil {
		return `""`
	}
	return string(raw)
}
