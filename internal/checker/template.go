package checker

import (
	"errors"
	"slices"
	"strings"
)

// template renders a conversation to the text that a model reads, up to where
// the answer begins. It is for references that take raw prompts only; others
// render with the model's own.
type template interface {
	Name() string // as catalogues name it (model.template)
	Render(messages []message) string
}

// templates are all there are. To add one, write a file and name it here.
var templates = []template{
	chatML{name: "chatml"},
	chatML{name: "smollm2", system: "You are a helpful AI assistant named SmolLM, trained by Hugging Face"},
	llama3{},
	llama31{},
}

func templateNamed(name string) (template, bool) {
	i := slices.IndexFunc(templates, func(t template) bool { return t.Name() == name })
	if i < 0 {
		return nil, false
	}
	return templates[i], true
}

func templateNames() (names []string) {
	for _, t := range templates {
		names = append(names, t.Name())
	}
	return names
}

// errNoTemplate says that a chat cannot be scored, for want of its prompt's text.
var errNoTemplate = errors.New("the task's chat template is not one of " + strings.Join(templateNames(), ", "))

// rendered is the text that the model reads; errNoTemplate if its template is
// not known here.
func (q *textQuery) rendered() (string, error) {
	if !q.chat {
		return q.prompt, nil
	}
	t, ok := templateNamed(q.model.Template)
	if !ok {
		return "", errNoTemplate
	}
	return t.Render(q.messages), nil
}
