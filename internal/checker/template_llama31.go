package checker

import (
	"strings"

	"vision/internal/task"
)

// llama31 is the template of Llama 3.1 and 3.2, whose system message always
// begins with two dates. The second is the day, which is pinned: see
// task.TemplateDate. The server adds the beginning-of-text token itself.
type llama31 struct{ llama3 }

func (llama31) Name() string { return "llama3.1" }

func (l llama31) Render(messages []message) string {
	system := "Cutting Knowledge Date: December 2023\nToday Date: " + task.TemplateDate + "\n\n"
	if len(messages) > 0 && messages[0].role == "system" {
		system += strings.TrimSpace(messages[0].content)
		messages = messages[1:]
	}
	return "<|start_header_id|>system<|end_header_id|>\n\n" + system + "<|eot_id|>" + l.llama3.Render(messages)
}
