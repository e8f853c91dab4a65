package checker

import "strings"

// llama3 is the template of Llama 3, without the dates that later releases put
// into a system message: those are llama31's. The server adds the
// beginning-of-text token itself.
type llama3 struct{}

func (llama3) Name() string { return "llama3" }

func (llama3) Render(messages []message) string {
	var b strings.Builder
	turn := func(role string) { b.WriteString("<|start_header_id|>" + role + "<|end_header_id|>\n\n") }
	for _, m := range messages {
		turn(m.role)
		b.WriteString(strings.TrimSpace(m.content) + "<|eot_id|>")
	}
	turn("assistant")
	return b.String()
}
