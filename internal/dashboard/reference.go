package dashboard

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"vision/internal/openai"
)

// group is the operations under one tag.
type group struct {
	Name, About string
	Operations  []operation
}

// operation is a method of a path, to be read by people.
type operation struct {
	ID, Method, Path string
	Summary, About   string
	Media            string // of the request, "application/json"
	Fields           []property
	Example          string // of the request
	Answers          []answer
}

type answer struct {
	Status, About string
	Good          bool
	Streams       bool
	Fields        []property
}

// property is a field, named by its way from the top: "messages[].role".
type property struct {
	Name, Type, About string
	Required          bool
}

// places are where parameters are, as OpenAPI names them.
var places = map[string]string{"path": "in the path", "query": "in the query", "header": "a header"}

// deepest is how many levels of fields in fields are shown.
const deepest = 3

// object is a JSON object whose members keep their order.
type object []byte

func (o object) members() []openai.Member {
	m, err := openai.ObjectMembers(o, "")
	if err != nil {
		return nil // absent, or no object
	}
	return m
}

// at is what is found by going down the names, nil if there is nothing.
func (o object) at(names ...string) object {
	for _, n := range names {
		var next object
		for _, m := range o.members() {
			if m.Name == n {
				next = object(m.Value)
			}
		}
		o = next
	}
	return o
}

func (o object) text(name string) (s string) {
	_ = json.Unmarshal(o.at(name), &s)    // what is no text is shown as none
	return strings.ReplaceAll(s, "`", "") // descriptions are in Markdown, of which there is no more than that
}

// reader reads a document whose references are to its own components.
type reader struct{ document object }

func (r reader) follow(o object) object {
	for range 8 { // no component refers to a component for ever
		ref := o.text("$ref")
		if ref == "" {
			return o
		}
		o = r.document.at(strings.Split(strings.TrimPrefix(ref, "#/"), "/")...)
	}
	return o
}

// reference reads a description of an API, which Document made.
func reference(document []byte) ([]group, error) {
	r := reader{document}
	var groups []group
	for e := range openai.Elements(r.document.at("tags")) {
		groups = append(groups, group{Name: object(e).text("name"), About: object(e).text("description")})
	}
	for _, path := range r.document.at("paths").members() {
		for _, method := range object(path.Value).members() {
			var op operation
			o := object(method.Value)
			op = r.operation(o)
			op.Method, op.Path = strings.ToUpper(method.Name), path.Name
			var tags []string
			_ = json.Unmarshal(o.at("tags"), &tags)
			found := false
			for i := range groups {
				if len(tags) == 1 && groups[i].Name == tags[0] {
					groups[i].Operations = append(groups[i].Operations, op)
					found = true
				}
			}
			if !found {
				return nil, fmt.Errorf("dashboard: %s %s has not one of the description's tags", op.Method, op.Path)
			}
		}
	}
	kept := groups[:0]
	for _, g := range groups {
		if len(g.Operations) > 0 {
			kept = append(kept, g)
		}
	}
	return kept, nil
}

func (r reader) operation(o object) operation {
	op := operation{ID: o.text("operationId"), Summary: o.text("summary"), About: o.text("description")}
	for e := range openai.Elements(o.at("parameters")) {
		p := r.follow(object(e))
		in := p.text("in")
		op.Fields = append(op.Fields, property{Name: p.text("name"), Type: r.typeOf(p.at("schema")) + ", " + places[in],
			About: p.text("description"), Required: string(p.at("required")) == "true"})
	}
	if content := o.at("requestBody", "content").members(); len(content) > 0 {
		op.Media = content[0].Name
		schema := r.follow(object(content[0].Value).at("schema"))
		op.Fields = r.fields(op.Fields, "", schema, 0)
		for e := range openai.Elements(schema.at("examples")) {
			op.Example = indented(e)
			break
		}
	}
	for _, m := range o.at("responses").members() {
		a := r.follow(object(m.Value))
		one := answer{Status: m.Name, About: a.text("description"), Good: m.Name[0] == '2'}
		for _, c := range a.at("content").members() {
			if c.Name == "text/event-stream" {
				one.Streams = true
			} else if one.Good {
				one.Fields = r.fields(nil, "", r.follow(object(c.Value).at("schema")), 0)
			}
		}
		op.Answers = append(op.Answers, one)
	}
	return op
}

// fields appends the properties of a schema, those of inner objects after each.
func (r reader) fields(to []property, before string, schema object, depth int) []property {
	required := map[string]bool{}
	for e := range openai.Elements(schema.at("required")) {
		if name, err := openai.Text(e, ""); err == nil {
			required[name] = true
		}
	}
	for _, m := range schema.at("properties").members() {
		s := r.follow(object(m.Value))
		about := s.text("description")
		if own := object(m.Value).text("description"); own != "" {
			about = own
		}
		name := before + m.Name
		to = append(to, property{Name: name, Type: r.typeOf(s), About: noted(about, remarks(s)), Required: required[m.Name]})
		if depth+1 < deepest {
			to = r.fields(to, name+".", s, depth+1)
			to = r.fields(to, name+"[].", r.follow(s.at("items")), depth+1)
		}
	}
	return to
}

// typeOf is a schema's type in words: "string or null", "array of integer".
func (r reader) typeOf(s object) string {
	s = r.follow(s)
	var names []string
	if t := s.at("type"); openai.IsArray(t) {
		_ = json.Unmarshal(t, &names)
	} else if one := s.text("type"); one != "" {
		names = []string{one}
	}
	for i, n := range names {
		if n == "array" {
			if of := r.typeOf(s.at("items")); of != "" {
				names[i] = "array of " + of
			}
		}
	}
	for e := range openai.Elements(s.at("oneOf")) {
		names = append(names, r.typeOf(object(e)))
	}
	return strings.Join(names, " or ")
}

// remarks are what else a schema says of values.
func remarks(s object) string {
	var words []string
	say := func(name, keyword string) {
		if v := s.at(keyword); v != nil {
			words = append(words, name+string(v))
		}
	}
	if enum := s.at("enum"); enum != nil {
		var all []string
		for e := range openai.Elements(enum) {
			all = append(all, strings.Trim(string(e), `"`))
		}
		words = append(words, "one of "+strings.Join(all, ", "))
	}
	switch low, high := s.at("minimum"), s.at("maximum"); {
	case low != nil && high != nil:
		words = append(words, string(low)+" to "+string(high))
	case low != nil:
		say("at least ", "minimum")
	default:
		say("at most ", "maximum")
	}
	say("default ", "default")
	if len(words) == 0 {
		return ""
	}
	return strings.Join(words, "; ")
}

// noted adds remarks to a description, which may be empty as they may.
func noted(about, remarks string) string {
	switch {
	case remarks == "":
		return about
	case about == "":
		return strings.ToUpper(remarks[:1]) + remarks[1:]
	}
	return about + " (" + remarks + ")"
}

func indented(v []byte) string {
	var b bytes.Buffer
	if json.Indent(&b, v, "", "  ") != nil {
		return string(v)
	}
	return b.String()
}
