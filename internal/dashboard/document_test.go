package dashboard

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"vision/internal/openai"
	"vision/internal/task"
)

func document(t testing.TB) (raw []byte, parsed map[string]any) {
	t.Helper()
	raw, err := Document()
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, &parsed); err != nil {
		t.Fatal(err)
	}
	return raw, parsed
}

func TestTheDocumentHasNoNameTwice(t *testing.T) {
	raw, _ := document(t)
	d := json.NewDecoder(bytes.NewReader(raw))
	if err := once(d, "#"); err != nil {
		t.Error(err)
	}
}

// once reads a value and fails if one of its objects has a member twice.
func once(d *json.Decoder, at string) error {
	first, err := d.Token()
	if err != nil {
		return err
	}
	seen := map[any]bool{}
	switch first {
	case json.Delim('{'), json.Delim('['):
		for n := 0; d.More(); n++ {
			below := fmt.Sprintf("%s/%d", at, n)
			if first == json.Delim('{') {
				name, err := d.Token()
				if err != nil {
					return err
				}
				if below = fmt.Sprintf("%s/%v", at, name); seen[name] {
					return fmt.Errorf("%s is there twice", below)
				}
				seen[name] = true
			}
			if err := once(d, below); err != nil {
				return err
			}
		}
		_, err = d.Token()
	}
	return err
}

func TestTheDocumentsReferencesExistAndEveryComponentIsUsed(t *testing.T) {
	raw, doc := document(t)
	used := map[string]bool{}
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			for name, inner := range v {
				if ref, ok := inner.(string); ok && name == "$ref" {
					used[ref] = true
					if (reader{raw}).follow(object(fmt.Sprintf(`{"$ref":%q}`, ref))) == nil {
						t.Errorf("there is no %s", ref)
					}
				}
				walk(inner)
			}
		case []any:
			for _, inner := range v {
				walk(inner)
			}
		}
	}
	walk(doc)
	for section, members := range doc["components"].(map[string]any) {
		for name := range members.(map[string]any) {
			if ref := "#/components/" + section + "/" + name; !used[ref] && section != "securitySchemes" {
				t.Errorf("nothing refers to %s", ref)
			}
		}
	}
}

// sample is a task of a kind with room for any example.
func sample(kind string) *task.Task {
	return &task.Task{Name: "MODEL", Kind: kind, Model: task.Model{Context: 4096, SeedBits: 63},
		Timeouts: task.Timeouts{First: time.Second, Total: time.Minute},
		Limits:   task.Limits{Output: 512, Steps: 50, Images: 4, Items: 16, Sizes: []string{"512x512"}, Scale: 4, Pixels: 1 << 16, Dimensions: 256}}
}

// Every kind's path is described, and what the description gives as an example
// is what the code accepts.
func TestEveryKindIsDescribedByExamplesThatItAccepts(t *testing.T) {
	raw, _ := document(t)
	for _, k := range task.Kinds() {
		post := object(raw).at("paths", k.Path(), "post")
		if post == nil {
			t.Errorf("the kind %s: nothing is said of %s", k.Name(), k.Path())
			continue
		}
		schema := reader{raw}.follow(post.at("requestBody", "content", "application/json", "schema"))
		n := 0
		for e := range openai.Elements(schema.at("examples")) {
			if n++; accepts(e, k.Path()) != nil {
				t.Errorf("%s: its example is refused: %v\n%s", k.Path(), accepts(e, k.Path()), e)
			}
		}
		if n == 0 {
			t.Errorf("%s has no example", k.Path())
		}
	}
}

// accepts says why no kind at a path takes a body; nil: one does.
func accepts(body []byte, path string) error {
	var last error
	for _, k := range task.Kinds() {
		if k.Path() == path {
			if _, last = k.Parse(body, sample(k.Name())); last == nil {
				return nil
			}
		}
	}
	return last
}

// Fields are described with the bounds that the code has: a value at a bound is
// accepted, one beyond it refused, and so is one of another type.
func TestBoundsOfFieldsAreTheCodes(t *testing.T) {
	raw, _ := document(t)
	for _, k := range task.Kinds() {
		schema := reader{raw}.follow(object(raw).at("paths", k.Path(), "post", "requestBody", "content", "application/json", "schema"))
		var example []byte
		for e := range openai.Elements(schema.at("examples")) {
			example = e
			break
		}
		for _, m := range schema.at("properties").members() {
			p := reader{raw}.follow(object(m.Value))
			with := func(value string) error {
				var body map[string]json.RawMessage
				if json.Unmarshal(example, &body) != nil {
					return fmt.Errorf("no example")
				}
				body[m.Name] = json.RawMessage(value)
				switch m.Name {
				case "top_logprobs":
					body["logprobs"] = json.RawMessage("true")
				case "max_completion_tokens":
					delete(body, "max_tokens")
				}
				text, err := json.Marshal(body)
				if err != nil {
					return err
				}
				return accepts(text, k.Path())
			}
			for keyword, step := range map[string]float64{"minimum": -1, "maximum": 1} {
				bound := p.at(keyword)
				if bound == nil {
					continue
				}
				var n float64
				_ = json.Unmarshal(bound, &n)
				if err := with(string(bound)); err != nil {
					t.Errorf("%s: %s of %s, its %s, is refused: %v", k.Path(), m.Name, bound, keyword, err)
				}
				if with(fmt.Sprint(n+step)) == nil {
					t.Errorf("%s: %s of %v is accepted, although its %s is %s", k.Path(), m.Name, n+step, keyword, bound)
				}
			}
			for e := range openai.Elements(p.at("enum")) {
				if strings.Contains(string(e), "json_schema") {
					continue
				}
				if err := with(string(e)); err != nil {
					t.Errorf("%s: %s of %s is refused: %v", k.Path(), m.Name, e, err)
				}
			}
			if !strings.Contains(p.text("description"), "not passed on") && with(`[[{}]]`) == nil && m.Name != "model" {
				t.Errorf("%s: %s takes anything", k.Path(), m.Name)
			}
		}
	}
}

func TestTheReferenceShowsAllThatTheDocumentSays(t *testing.T) {
	raw, doc := document(t)
	groups, err := reference(raw)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, g := range groups {
		for _, op := range g.Operations {
			n++
			if op.Summary == "" || len(op.Answers) < 2 {
				t.Errorf("%s %s is told of too little: %+v", op.Method, op.Path, op)
			}
			if op.Method == "POST" && (len(op.Fields) < 2 || op.Example == "") {
				t.Errorf("%s has %d fields and the example %q", op.Path, len(op.Fields), op.Example)
			}
		}
	}
	want := 0
	for _, methods := range doc["paths"].(map[string]any) {
		want += len(methods.(map[string]any))
	}
	if n != want {
		t.Errorf("%d operations are shown, there are %d", n, want)
	}
	chat := groups[0].Operations[0]
	if chat.Fields[1].Name != "model" || !chat.Fields[1].Required || chat.Fields[3].Name != "messages[].role" || chat.Fields[0].Required {
		t.Errorf("the fields of a chat begin with %+v", chat.Fields[:4])
	}
}
