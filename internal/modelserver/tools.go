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

// calledTool returns the tool that is called, or nil: the one that must be, or,
// where the choice is free, the first that the user's last message names.
func (r *chatRequest) calledTool() (*tool, error) {
	switch r.ToolChoice.mode {
	case "", "auto":
		if last := r.Messages[len(r.Messages)-1]; last.Role == "user" {
			for i := range r.Tools {
				if name := r.Tools[i].Function.Name; name != "" && strings.Contains(string(last.Content), name) {
					return &r.Tools[i], nil
				}
			}
		}
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
