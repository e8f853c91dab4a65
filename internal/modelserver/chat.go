package modelserver

import (
	"fmt"
	"net/http"

	"vision/internal/refmodel"
)

// chatDelta is a message, whole or in part.
type chatDelta struct {
	Role      string     `json:"role,omitempty"`
	Content   *string    `json:"content,omitempty"`
	Reasoning *string    `json:"reasoning_content,omitempty"`
	ToolCalls []toolCall `json:"tool_calls,omitempty"`
}

type chatChoice struct {
	Index        int           `json:"index"`
	Message      *chatDelta    `json:"message,omitempty"`
	Delta        *chatDelta    `json:"delta,omitempty"`
	Logprobs     *chatLogprobs `json:"logprobs"`
	FinishReason *string       `json:"finish_reason"`
	StopReason   *string       `json:"stop_reason,omitempty"`
	TokenIDs     []int         `json:"token_ids,omitempty"`
}

type chatAnswer struct {
	ID             string                  `json:"id"`
	Object         string                  `json:"object"`
	Created        int64                   `json:"created"`
	Model          string                  `json:"model"`
	Choices        []chatChoice            `json:"choices"`
	Usage          *usage                  `json:"usage,omitempty"`
	PromptTokenIDs []int                   `json:"prompt_token_ids,omitempty"`
	PromptLogprobs []map[int]promptLogprob `json:"prompt_logprobs,omitempty"`
}

// chatJob is one chat request being answered.
type chatJob struct {
	s    *server
	req  *chatRequest
	ask  refmodel.Request
	tool *tool // the one that is called, or nil
	mull int   // tokens of reasoning still to come
	base chatAnswer
	pace *pacer
}

func (s *server) chat(w http.ResponseWriter, r *http.Request, req *chatRequest) error {
	model, err := s.Text.pick(req.Model)
	if err != nil {
		return err
	}
	j := &chatJob{s: s, req: req, pace: s.newPacer()}
	if err := j.prepare(); err != nil {
		return err
	}
	j.base = chatAnswer{
		ID: fmt.Sprintf("chatcmpl-%016x", s.Seed()), Object: "chat.completion",
		Created: s.Clock.Now().Unix(), Model: model,
	}
	if req.Stream {
		j.base.Object = "chat.completion.chunk"
		j.stream(newSSE(w), r)
		return nil
	}
	answer, err := j.whole(r)
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, answer)
	return nil
}

func (j *chatJob) prepare() error {
	req := j.req
	prompt, err := req.prompt()
	if err != nil {
		return err
	}
	if j.ask, err = req.request(prompt, refmodel.MaxContext, j.s.seed(req.Seed)); err != nil {
		return err
	}
	if req.TopLogprobs != nil {
		if !req.Logprobs && *req.TopLogprobs > 0 {
			return badRequest("top_logprobs", "top_logprobs needs logprobs to be true")
		}
		j.ask.TopLogprobs = *req.TopLogprobs
	}
	if j.tool, err = req.calledTool(); err != nil {
		return err
	}
	forced, err := req.Format.text(req.lastWord())
	if err != nil {
		return err
	}
	if j.tool != nil {
		forced = makeJSON(j.tool.Function.Parameters, req.lastWord(), true)
	}
	if forced != "" {
		j.ask.Forced = refmodel.Encode(forced)
		j.ask.Stop = nil // they are for prose
	} else if j.mull, err = req.reasoning(j.ask.MaxTokens); err != nil {
		return err
	}
	if err := j.ask.Validate(); err != nil {
		return badRequest("", "%v", err)
	}
	return nil
}

// choice is one token as a choice with its text in delta.
func (j *chatJob) choice(t refmodel.Token) chatChoice {
	c := chatChoice{Delta: &chatDelta{}}
	if j.mull > 0 {
		j.mull--
		c.Delta.Reasoning = &t.Text
	} else if j.tool == nil {
		c.Delta.Content = &t.Text
	} else if t.Text != "" {
		call := toolCall{Index: new(int)}
		call.Function.Arguments = t.Text
		c.Delta.ToolCalls = []toolCall{call}
	}
	if j.req.Logprobs {
		c.Logprobs = &chatLogprobs{[]chatLogprob{naming(j.req.TokensAsIDs).chatToken(t)}}
	}
	if j.req.ReturnTokenIDs {
		c.TokenIDs = []int{t.ID}
	}
	if t.Finish != "" {
		c.FinishReason = j.finish(t)
		if t.Stop != "" {
			c.StopReason = &t.Stop
		}
	}
	return c
}

func (j *chatJob) finish(t refmodel.Token) *string {
	f := t.Finish
	if j.tool != nil && f == refmodel.FinishStop && j.req.ToolChoice.mode != "named" {
		f = "tool_calls"
	}
	return &f
}

// opening begins the tool call, whose arguments follow.
func (j *chatJob) opening() toolCall {
	call := toolCall{ID: "call_" + j.base.ID[len("chatcmpl-"):], Type: "function"}
	call.Function.Name = j.tool.Function.Name
	return call
}

func (j *chatJob) stream(out *sse, r *http.Request) {
	first := j.base
	empty := ""
	first.Choices = []chatChoice{{Delta: &chatDelta{Role: "assistant", Content: &empty}}}
	if j.tool != nil {
		call := j.opening()
		call.Index = new(int)
		first.Choices[0].Delta = &chatDelta{Role: "assistant", ToolCalls: []toolCall{call}}
	}
	if j.req.ReturnTokenIDs {
		first.PromptTokenIDs = j.ask.Prompt
	}
	if !out.send(first) {
		return
	}
	n, finished := 0, false
	err := j.s.text.Generate(r.Context(), j.ask, func(t refmodel.Token) bool {
		if j.pace.wait(r.Context()) != nil {
			return false
		}
		n++
		chunk := j.base
		chunk.Choices = []chatChoice{j.choice(t)}
		finished = t.Finish != ""
		return out.send(chunk)
	})
	if err != nil || !finished {
		out.fail() // reaches nobody if the client left
		return
	}
	if j.req.includeUsage() {
		last := j.base
		last.Choices = []chatChoice{}
		last.Usage = newUsage(len(j.ask.Prompt), n)
		out.send(last)
	}
	out.raw([]byte("[DONE]"))
}

func (j *chatJob) whole(r *http.Request) (*chatAnswer, error) {
	answer := j.base
	text, reasoning := "", ""
	all := chatChoice{Message: &chatDelta{Role: "assistant"}}
	if j.req.Logprobs {
		all.Logprobs = &chatLogprobs{}
	}
	n := 0
	err := j.s.text.Generate(r.Context(), j.ask, func(t refmodel.Token) bool {
		if j.pace.wait(r.Context()) != nil {
			return false
		}
		n++
		c := j.choice(t)
		if c.Delta.Reasoning != nil {
			reasoning += t.Text
		} else {
			text += t.Text
		}
		all.TokenIDs = append(all.TokenIDs, c.TokenIDs...)
		if c.Logprobs != nil {
			all.Logprobs.Content = append(all.Logprobs.Content, c.Logprobs.Content...)
		}
		all.FinishReason, all.StopReason = c.FinishReason, c.StopReason
		return true
	})
	if err == nil {
		err = r.Context().Err()
	}
	if err != nil {
		return nil, err
	}
	if reasoning != "" {
		all.Message.Reasoning = &reasoning
	}
	if j.tool == nil {
		all.Message.Content = &text
	} else {
		call := j.opening()
		call.Function.Arguments = text
		all.Message.ToolCalls = []toolCall{call}
	}
	answer.Choices = []chatChoice{all}
	answer.Usage = newUsage(len(j.ask.Prompt), n)
	if j.req.ReturnTokenIDs {
		answer.PromptTokenIDs = j.ask.Prompt
	}
	if k := j.req.PromptLogprobs; k != nil {
		if answer.PromptLogprobs, err = promptLogprobs(j.s.text, j.ask.Prompt, *k); err != nil {
			return nil, err
		}
	}
	return &answer, nil
}
