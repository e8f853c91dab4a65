package checker

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// vllm is a vLLM server. It scores token ids as they are, in one prefill:
// /v1/completions with prompt ids and prompt_logprobs. The prompt's own ids it
// tells by answering the request with one token, so that its chat template
// decides; /detokenize tells what text ids stand for. Text without ids it reads
// into tokens by /tokenize, which may be others than were written.
type vllm struct{ server }

func openVLLM(c ReferenceConfig, d Deps) (Reference, error) {
	s, err := openServer(c, d, "vllm")
	s.plain, s.dated = plainSampling, true
	return &vllm{s}, err
}

func (v *vllm) Proves() Proof {
	return Proof{Engine: v.engine, Score: true, IDs: true, Replay: true, Images: true, Vectors: true, Noise: v.noise}
}

// topListed is how many alternatives servers are asked for: vLLM's own limit.
const topListed = 20

type vllmChoice struct {
	PromptTokenIDs []int `json:"prompt_token_ids"`
	PromptLogprobs []map[string]struct {
		Logprob float64 `json:"logprob"`
	} `json:"prompt_logprobs"`
	Logprobs *struct {
		Top []map[string]float64 `json:"top_logprobs"`
	} `json:"logprobs"`
}

type vllmAnswer struct {
	PromptTokenIDs []int        `json:"prompt_token_ids"`
	Choices        []vllmChoice `json:"choices"`
}

func (v *vllm) Score(ctx context.Context, q *textQuery) (*scores, error) {
	return scoreIDs(ctx, v, q, true)
}

// read takes the lists of the answer's tokens from those of the whole prompt.
func (v *vllm) read(ctx context.Context, q *textQuery, prompt, ids []int) (*reading, error) {
	choice, err := v.logprobs(ctx, prompt, ids)
	if err != nil {
		return nil, err
	}
	said := &reading{next: choice.next()}
	for i, id := range ids {
		list, own := []listed{}, -1
		for name, x := range choice.PromptLogprobs[len(prompt)+i] {
			n, err := strconv.Atoi(name)
			if err != nil {
				return nil, fmt.Errorf("the reference names a token %.20q, not by its id", name)
			}
			if n == id {
				own = len(list)
			}
			list = append(list, listed{n, x.Logprob})
		}
		if own < 0 {
			return nil, fmt.Errorf("the reference gave no log-probability for token %d", i)
		}
		said.positions = append(said.positions, positionOf(list, own, q))
	}
	return said, nil
}

// logprobs scores ids as the continuation of a prompt.
func (v *vllm) logprobs(ctx context.Context, prompt, ids []int) (vllmChoice, error) {
	raw, err := v.suspect(ctx, "/v1/completions", prompt, ids, func(ids []int) map[string]any {
		return map[string]any{
			"model": v.model, "prompt": slices.Concat(prompt, ids), "max_tokens": 1, "temperature": 0,
			"prompt_logprobs": topListed, "logprobs": topListed, "return_tokens_as_token_ids": true,
			"repetition_penalty": 1,
		}
	})
	if err != nil {
		return vllmChoice{}, err
	}
	a, err := object[vllmAnswer](raw, "prompt_logprobs")
	if err != nil {
		return vllmChoice{}, err
	}
	if len(a.Choices) != 1 || len(a.Choices[0].PromptLogprobs) != len(prompt)+len(ids) {
		return vllmChoice{}, fmt.Errorf("the reference gave no prompt_logprobs for each of %d tokens", len(prompt)+len(ids))
	}
	return a.Choices[0], nil
}

// tokens asks how the server reads the answer's text.
func (v *vllm) tokens(ctx context.Context, q *textQuery) ([]int, error) {
	return v.tokenized(ctx, q, func(text string) map[string]any {
		return map[string]any{"model": v.model, "prompt": text, "add_special_tokens": false}
	})
}

// next is what may come after the last token, if the server names it by ids.
func (c vllmChoice) next() (list []listed) {
	if c.Logprobs == nil || len(c.Logprobs.Top) == 0 {
		return nil
	}
	for name, lp := range c.Logprobs.Top[0] {
		n, err := strconv.Atoi(strings.TrimPrefix(name, "token_id:"))
		if err != nil {
			return nil
		}
		list = append(list, listed{n, lp})
	}
	return list
}

// prompt asks how the server reads the request.
func (v *vllm) prompt(ctx context.Context, q *textQuery) ([]int, error) {
	body, err := v.write(q.payload, map[string]any{"max_tokens": 1,
		"return_token_ids": true, "logprobs": nil, "top_logprobs": nil, "stop": nil})
	if err != nil {
		return nil, err
	}
	raw, err := v.post(ctx, q.path(), body)
	if err != nil {
		return nil, v.blamePrompt(ctx, q, err)
	}
	a, err := object[vllmAnswer](raw, "prompt ids")
	if err != nil {
		return nil, err
	}
	ids := a.PromptTokenIDs
	if len(ids) == 0 && len(a.Choices) > 0 {
		ids = a.Choices[0].PromptTokenIDs
	}
	if len(ids) == 0 {
		return nil, fmt.Errorf("the reference gave no prompt_token_ids: it must know return_token_ids (vLLM from 0.10.2)")
	}
	return ids, nil
}

// text asks what text the ids stand for, without the end token.
func (v *vllm) text(ctx context.Context, q *textQuery, prompt, ids []int) (string, error) {
	raw, err := v.suspect(ctx, "/detokenize", prompt, withoutEnd(ids, q), func(ids []int) map[string]any {
		return map[string]any{"model": v.model, "tokens": ids}
	})
	if err != nil {
		return "", err
	}
	a, err := object[struct {
		Prompt string `json:"prompt"`
	}](raw, "text")
	return a.Prompt, err
}
