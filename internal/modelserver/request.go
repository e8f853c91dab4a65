package modelserver

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"image"
	_ "image/jpeg" // pictures in prompts
	_ "image/png"
	"strings"

	"vision/internal/refmodel"
)

// sampling is what chat and completions have in common.
type sampling struct {
	Model               string   `json:"model"`
	Stream              bool     `json:"stream"`
	MaxTokens           *int     `json:"max_tokens"`
	MaxCompletionTokens *int     `json:"max_completion_tokens"`
	Temperature         *float64 `json:"temperature"`
	TopP                *float64 `json:"top_p"`
	Seed                *int64   `json:"seed"`
	N                   *int     `json:"n"`
	Stop                texts    `json:"stop"`
	PromptLogprobs      *int     `json:"prompt_logprobs"`
	ReturnTokenIDs      bool     `json:"return_token_ids"`
	TokensAsIDs         bool     `json:"return_tokens_as_token_ids"`
	StreamOptions       *struct {
		IncludeUsage bool `json:"include_usage"`
	} `json:"stream_options"`
}

type chatRequest struct {
	sampling
	Messages    []chatMessage `json:"messages"`
	Logprobs    bool          `json:"logprobs"`
	TopLogprobs *int          `json:"top_logprobs"`
	Tools       []tool        `json:"tools"`
	ToolChoice  toolChoice    `json:"tool_choice"`
	Format      format        `json:"response_format"`
	Effort      string        `json:"reasoning_effort"`
}

type completionRequest struct {
	sampling
	Prompt   prompts `json:"prompt"`
	Echo     bool    `json:"echo"`
	Logprobs *int    `json:"logprobs"`
}

// request turns the common fields into the model's terms. def is max_tokens
// where none is given.
func (p *sampling) request(prompt []int, def int, seed uint64) (refmodel.Request, error) {
	r := refmodel.Request{Prompt: prompt, MaxTokens: def, Temperature: 1, TopP: 1, Seed: seed, Stop: p.Stop}
	if p.N != nil && *p.N != 1 {
		return r, badRequest("n", "n is %d: this server gives one answer, use 1", *p.N)
	}
	if m := p.MaxCompletionTokens; m != nil {
		r.MaxTokens = *m
	} else if m := p.MaxTokens; m != nil {
		r.MaxTokens = *m
	}
	if p.Temperature != nil {
		r.Temperature = *p.Temperature
	}
	if p.TopP != nil {
		if r.TopP = *p.TopP; r.TopP == 0 {
			return r, badRequest("top_p", "top_p is 0: use more than 0, at most 1")
		}
	}
	if k := p.PromptLogprobs; k != nil {
		if *k < 0 || *k > refmodel.MaxTopLogprobs {
			return r, badRequest("prompt_logprobs", "prompt_logprobs is %d: use 0 to %d", *k, refmodel.MaxTopLogprobs)
		}
		if p.Stream {
			return r, badRequest("prompt_logprobs", "prompt_logprobs are not available with stream: leave one out")
		}
	}
	return r, nil
}

func (p *sampling) includeUsage() bool { return p.StreamOptions != nil && p.StreamOptions.IncludeUsage }

// texts is a string or a list of strings; null is none.
type texts []string

func (t *texts) UnmarshalJSON(raw []byte) error {
	var one *string
	if json.Unmarshal(raw, &one) == nil {
		if *t = nil; one != nil {
			*t = texts{*one}
		}
		return nil
	}
	var many []string
	if json.Unmarshal(raw, &many) != nil {
		return fmt.Errorf("want a string or a list of strings")
	}
	*t = many
	return nil
}

// prompts is a text, a list of texts, a list of token ids or a list of those.
type prompts [][]int

func (p *prompts) UnmarshalJSON(raw []byte) error {
	var ids []int
	var lists [][]int
	var list texts
	*p = nil
	switch {
	case json.Unmarshal(raw, &list) == nil:
		for _, s := range list {
			*p = append(*p, refmodel.Prompt(s))
		}
	case json.Unmarshal(raw, &ids) == nil:
		*p = prompts{ids}
	case json.Unmarshal(raw, &lists) == nil:
		*p = lists
	default:
		return fmt.Errorf("prompt: want a string, a list of token ids, or a list of either")
	}
	return nil
}

type chatMessage struct {
	Role      string     `json:"role"`
	Content   content    `json:"content"`
	ToolCalls []toolCall `json:"tool_calls"`
}

// content is a text or a list of parts, joined; null is empty. A picture stands
// in the prompt as its size, which is all that the model can tell of it.
type content string

func (c *content) UnmarshalJSON(raw []byte) error {
	var one *string
	if json.Unmarshal(raw, &one) == nil {
		if *c = ""; one != nil {
			*c = content(*one)
		}
		return nil
	}
	var parts []struct {
		Type  string `json:"type"`
		Text  string `json:"text"`
		Image struct {
			URL string `json:"url"`
		} `json:"image_url"`
	}
	if json.Unmarshal(raw, &parts) != nil {
		return fmt.Errorf("content: want a string or a list of parts")
	}
	var b strings.Builder
	for _, p := range parts {
		switch p.Type {
		case "text", "":
			b.WriteString(p.Text)
		case "image_url":
			size, err := sizeOf(p.Image.URL)
			if err != nil {
				return err
			}
			fmt.Fprintf(&b, " a picture of %d by %d. ", size.X, size.Y)
		default:
			return fmt.Errorf("content: a part has type %q: this model reads text and pictures only", p.Type)
		}
	}
	*c = content(b.String())
	return nil
}

// sizeOf is the size of the picture that a data URL holds.
func sizeOf(url string) (image.Point, error) {
	_, data, ok := strings.Cut(url, ";base64,")
	if !ok || !strings.HasPrefix(url, "data:image/") {
		return image.Point{}, fmt.Errorf("content: a picture is not a data URL: this server fetches nothing")
	}
	c, _, err := image.DecodeConfig(base64.NewDecoder(base64.StdEncoding, strings.NewReader(data)))
	if err != nil {
		return image.Point{}, fmt.Errorf("content: a picture cannot be read: %w", err)
	}
	return image.Pt(c.Width, c.Height), nil
}

// prompt renders the conversation. Tools the caller offers come first, as a
// system message, and calls already made as the text of their message.
func (r *chatRequest) prompt() ([]int, error) {
	if len(r.Messages) == 0 {
		return nil, badRequest("messages", "messages is empty: send at least one")
	}
	var list []refmodel.Message
	if len(r.Tools) > 0 {
		var names []string
		for _, t := range r.Tools {
			names = append(names, t.Function.Name)
		}
		list = append(list, refmodel.Message{Role: "system", Content: "Tools: " + strings.Join(names, ", ")})
	}
	for _, m := range r.Messages {
		text := string(m.Content)
		for _, c := range m.ToolCalls {
			text += c.Function.Name + " " + c.Function.Arguments
		}
		list = append(list, refmodel.Message{Role: m.Role, Content: text})
	}
	ids, err := refmodel.Chat(list)
	if err != nil {
		return nil, badRequest("messages", "%v", err)
	}
	return ids, nil
}
