package task

import (
	"slices"
	"testing"
)

// Every kind is described, and by fields that it takes.
func TestDescribe(t *testing.T) {
	forms := map[string]*form{"chat": chatForm, "completion": completionForm}
	for _, tk := range tasks() {
		d := Describe(&tk)
		if len(d.Input) == 0 || len(d.Output) == 0 {
			t.Errorf("%s: %+v", tk.Kind, d)
		}
		f := forms[tk.Kind]
		for _, name := range d.Parameters {
			if f != nil && !f.knows(name) && name != "structured_outputs" { // the name that catalogues have for response_format's json_schema
				t.Errorf("%s does not know %s", tk.Kind, name)
			}
		}
	}
	tk, _ := taskOf(t, "chat")
	if d := Describe(tk); slices.Contains(d.Input, "image") || !slices.Contains(d.Parameters, "tools") {
		t.Errorf("%+v", d)
	}
	tk.Model.Images = true
	if d := Describe(tk); !slices.Contains(d.Input, "image") {
		t.Errorf("%+v", d)
	}
}
