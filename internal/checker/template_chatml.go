package checker

import "strings"

// chatML is the template of Qwen, SmolLM2 and many more. Some of them begin a
// conversation that has no system message with one of their own.
type chatML struct{ name, system string }

func (c chatML) Name() string { return c.name }

func (c chatML) Render(messages []message) string {
	var b strings.Builder
	turn := func(role, content string) {
		b.WriteString("<|im_start|>" + role + "\n" + content + "<|im_end|>\n")
	}
	if c.system != "" && (len(messages) == 0 || messages[0].role != "system") {
		turn("system", c.system)
	}
	for _, m := range messages {
		turn(m.role, m.content)
	}
	b.WriteString("<|im_start|>assistant\n")
	return b.String()
}
