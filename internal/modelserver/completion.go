package modelserver

import (
	"fmt"
	"net/http"

	"vision/internal/refmodel"
)

const (
	defaultCompletionTokens = 16 // as vLLM and OpenAI
	maxPrompts              = 64
)

type completionChoice struct {
	Index          int                     `json:"index"`
	Text           string                  `json:"text"`
	Logprobs       *completionLogprobs     `json:"logprobs"`
	FinishReason   *string                 `json:"finish_reason"`
	StopReason     *string                 `json:"stop_reason,omitempty"`
	TokenIDs       []int                   `json:"token_ids,omitempty"`
	PromptTokenIDs []int                   `json:"prompt_token_ids,omitempty"`
	PromptLogprobs []map[int]promptLogprob `json:"prompt_logprobs,omitempty"`
}

type completionAnswer struct {
	ID      string             `json:"id"`
	Object  string             `json:"object"`
	Created int64              `json:"created"`
	Model   string             `json:"model"`
	Choices []completionChoice `json:"choices"`
	Usage   *usage             `json:"usage,omitempty"`
}

// completionJob is one completion request being answered.
type completionJob struct {
	s    *server
	req  *completionRequest
	asks []refmodel.Request // one per prompt
	none bool               // max_tokens 0: only echo and score
	base completionAnswer
	pace *pacer
}

func (s *server) completions(w http.ResponseWriter, r *http.Request, req *completionRequest) error {
	model, err := s.Text.pick(req.Model)
	if err != nil {
		return err
	}
	j := &completionJob{s: s, req: req, pace: s.newPacer()}
	if err := j.prepare(); err != nil {
		return err
	}
	j.base = completionAnswer{
		ID: fmt.Sprintf("cmpl-%016x", s.Seed()), Object: "text_completion",
		Created: s.Clock.Now().Unix(), Model: model,
	}
	if req.Stream {
		j.stream(newSSE(w), r)
		return nil
	}
	answer := j.base
	answer.Usage = newUsage(0, 0)
	for i := range j.asks {
		choice, n, err := j.whole(r, i)
		if err != nil {
			return err
		}
		answer.Choices = append(answer.Choices, *choice)
		answer.Usage = newUsage(answer.Usage.PromptTokens+len(j.asks[i].Prompt), answer.Usage.CompletionTokens+n)
	}
	writeJSON(w, http.StatusOK, answer)
	return nil
}

func (j *completionJob) prepare() error {
	req := j.req
	if len(req.Prompt) == 0 || len(req.Prompt) > maxPrompts {
		return badRequest("prompt", "there are %d prompts: send 1 to %d", len(req.Prompt), maxPrompts)
	}
	seed := j.s.seed(req.Seed)
	for _, prompt := range req.Prompt {
		ask, err := req.request(prompt, defaultCompletionTokens, seed)
		if err != nil {
			return err
		}
		if req.Logprobs != nil {
			ask.TopLogprobs = *req.Logprobs
		}
		if req.Echo && ask.MaxTokens == 0 {
			j.none, ask.MaxTokens = true, 1
		}
		if err := ask.Validate(); err != nil {
			return badRequest("", "%v", err)
		}
		j.asks = append(j.asks, ask)
	}
	if j.none && req.Stream {
		return badRequest("max_tokens", "max_tokens is 0: nothing to stream, use at least 1")
	}
	return nil
}

// start is the choice before its first token: empty, or the echoed prompt.
func (j *completionJob) start(i int) (completionChoice, error) {
	c := completionChoice{Index: i}
	prompt := j.asks[i].Prompt
	if j.req.ReturnTokenIDs {
		c.PromptTokenIDs = prompt
	}
	if j.req.Logprobs != nil {
		c.Logprobs = &completionLogprobs{}
	}
	if !j.req.Echo {
		return c, nil
	}
	c.Text = refmodel.Decode(prompt)
	if c.Logprobs == nil {
		return c, nil
	}
	steps, err := j.s.text.Prefill(prompt[:1], prompt[1:], *j.req.Logprobs)
	if err != nil {
		return c, err
	}
	c.Logprobs.add(naming(j.req.TokensAsIDs), prompt[0], nil, nil)
	for _, s := range steps {
		c.Logprobs.add(naming(j.req.TokensAsIDs), s.Token, &s.Logprob, s.Top)
	}
	return c, nil
}

// extend adds a token to a choice.
func (j *completionJob) extend(c *completionChoice, t refmodel.Token) {
	c.Text += t.Text
	if c.Logprobs != nil {
		c.Logprobs.add(naming(j.req.TokensAsIDs), t.ID, &t.Logprob, t.Top)
	}
	if j.req.ReturnTokenIDs {
		c.TokenIDs = append(c.TokenIDs, t.ID)
	}
	if t.Finish != "" {
		c.FinishReason = &t.Finish
		if t.Stop != "" {
			c.StopReason = &t.Stop
		}
	}
}

func (j *completionJob) whole(r *http.Request, i int) (*completionChoice, int, error) {
	c, err := j.start(i)
	if err != nil {
		return nil, 0, err
	}
	n := 0
	if j.none {
		length := refmodel.FinishLength
		c.FinishReason = &length
	} else {
		err = j.s.text.Generate(r.Context(), j.asks[i], func(t refmodel.Token) bool {
			if j.pace.wait(r.Context()) != nil {
				return false
			}
			n++
			j.extend(&c, t)
			return true
		})
		if err == nil {
			err = r.Context().Err()
		}
		if err != nil {
			return nil, 0, err
		}
	}
	if k := j.req.PromptLogprobs; k != nil {
		if c.PromptLogprobs, err = promptLogprobs(j.s.text, j.asks[i].Prompt, *k); err != nil {
			return nil, 0, err
		}
	}
	return &c, n, nil
}

// stream answers the prompts one after another, one event per token.
func (j *completionJob) stream(out *sse, r *http.Request) {
	total := newUsage(0, 0)
	for i := range j.asks {
		n, ok := j.streamOne(out, r, i)
		if !ok {
			out.fail() // reaches nobody if the client left
			return
		}
		total = newUsage(total.PromptTokens+len(j.asks[i].Prompt), total.CompletionTokens+n)
	}
	if j.req.includeUsage() {
		last := j.base
		last.Choices = []completionChoice{}
		last.Usage = total
		out.send(last)
	}
	out.raw([]byte("[DONE]"))
}

func (j *completionJob) streamOne(out *sse, r *http.Request, i int) (n int, finished bool) {
	c, err := j.start(i) // what precedes the first token goes out with it
	if err != nil {
		return 0, false
	}
	err = j.s.text.Generate(r.Context(), j.asks[i], func(t refmodel.Token) bool {
		if j.pace.wait(r.Context()) != nil {
			return false
		}
		n++
		j.extend(&c, t)
		chunk := j.base
		chunk.Choices = []completionChoice{c}
		finished = t.Finish != ""
		if !out.send(chunk) {
			finished = false
			return false
		}
		next := completionChoice{Index: i}
		if c.Logprobs != nil {
			next.Logprobs = &completionLogprobs{offset: c.Logprobs.offset}
		}
		c = next
		return true
	})
	return n, finished && err == nil
}
