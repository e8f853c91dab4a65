package checker

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"vision/internal/checker/evidence"
)

// sglang is an SGLang server. It scores token ids as they are, in one prefill,
// by its own interface: /generate with input_ids, return_logprob and
// logprob_start_len. It does not tell how it reads a conversation, so chats are
// rendered here (a task without a template known here is only replayed);
// /tokenize reads texts, /detokenize tells what ids stand for.
//
// Its seeds repeat an answer only where it runs with deterministic inference:
// the configuration says so by sampler.
type sglang struct{ server }

func openSGLang(c ReferenceConfig, d Deps) (Reference, error) {
	s, err := openServer(c, d, "")
	s.plain, s.dated = plainSampling, true
	return &sglang{s}, err
}

func (g *sglang) Proves() Proof {
	return Proof{Engine: g.engine, Score: true, IDs: true, Replay: true, Images: true, Vectors: true, Noise: g.noise}
}

// sglangRow is one alternative: log-probability, id, and text or null.
type sglangRow [3]json.RawMessage

func (r sglangRow) read() (l listed, ok bool) {
	if len(r[0]) == 0 || string(r[0]) == "null" { // the first of a text has none
		return l, false
	}
	return l, json.Unmarshal(r[0], &l.logprob) == nil && json.Unmarshal(r[1], &l.id) == nil
}

type sglangAnswer struct {
	Meta struct {
		Own  []sglangRow   `json:"input_token_logprobs"`
		Top  [][]sglangRow `json:"input_top_logprobs"`
		Next [][]sglangRow `json:"output_top_logprobs"`
	} `json:"meta_info"`
}

// Score takes a prompt's ids for certain only where no template of ours made them:
// one that is not quite the model's must not convict.
func (g *sglang) Score(ctx context.Context, q *textQuery) (*scores, error) {
	return scoreIDs(ctx, g, q, !q.chat)
}

// read takes the rows after the first, which is the prompt's last token.
func (g *sglang) read(ctx context.Context, q *textQuery, prompt, ids []int) (*reading, error) {
	a, err := g.logprobs(ctx, prompt, ids)
	if err != nil {
		return nil, err
	}
	said := &reading{}
	for i, id := range ids {
		p, err := g.position(a, i+1, id, q)
		if err != nil {
			return nil, err
		}
		said.positions = append(said.positions, p)
	}
	if len(a.Meta.Next) > 0 {
		said.next = sglangList(a.Meta.Next[0])
	}
	return said, nil
}

// position reads row i, of token id.
func (g *sglang) position(a *sglangAnswer, i, id int, q *textQuery) (evidence.Position, error) {
	own, ok := a.Meta.Own[i].read()
	if !ok || own.id != id {
		return evidence.Position{}, fmt.Errorf("the reference's row %d is not of the token asked about", i)
	}
	list := sglangList(a.Meta.Top[i])
	if len(list) == 0 {
		return evidence.Position{}, fmt.Errorf("the reference gave no alternatives of token %d", i)
	}
	at := slices.IndexFunc(list, func(l listed) bool { return l.id == id })
	if at < 0 {
		at, list = len(list), append(list, own)
	}
	return positionOf(list, at, q), nil
}

func sglangList(rows []sglangRow) (list []listed) {
	for _, r := range rows {
		if l, ok := r.read(); ok {
			list = append(list, l)
		}
	}
	return list
}

// logprobs scores ids as the continuation of a prompt: rows from the prompt's
// last token on.
func (g *sglang) logprobs(ctx context.Context, prompt, ids []int) (*sglangAnswer, error) {
	raw, err := g.suspect(ctx, "/generate", prompt, ids, func(ids []int) map[string]any {
		return map[string]any{
			"input_ids": slices.Concat(prompt, ids), "return_logprob": true, "logprob_start_len": len(prompt) - 1,
			"top_logprobs_num": topListed, "sampling_params": map[string]any{"max_new_tokens": 1, "temperature": 0},
		}
	})
	if err != nil {
		return nil, err
	}
	a, err := object[sglangAnswer](raw, "log-probabilities")
	if err != nil {
		return nil, err
	}
	if n := len(ids) + 1; len(a.Meta.Own) != n || len(a.Meta.Top) != n {
		return nil, fmt.Errorf("the reference gave log-probabilities of %d tokens, want %d", len(a.Meta.Own), n)
	}
	return &a, nil
}

// prompt asks how the server reads the request as it is rendered here.
func (g *sglang) prompt(ctx context.Context, q *textQuery) ([]int, error) {
	text, err := q.rendered()
	if err != nil {
		return nil, err
	}
	raw, err := g.post(ctx, "/tokenize", g.tokenize(text, true))
	if err != nil {
		return nil, g.blamePrompt(ctx, q, err)
	}
	return tokensOf(raw, text)
}

// tokens asks how it reads the answer's text.
func (g *sglang) tokens(ctx context.Context, q *textQuery) ([]int, error) {
	return g.tokenized(ctx, q, func(text string) map[string]any { return g.tokenize(text, false) })
}

func (g *sglang) tokenize(text string, special bool) map[string]any {
	return map[string]any{"model": g.model, "prompt": text, "add_special_tokens": special}
}

// text asks what text the ids stand for, without the end token.
func (g *sglang) text(ctx context.Context, q *textQuery, prompt, ids []int) (string, error) {
	raw, err := g.suspect(ctx, "/detokenize", prompt, withoutEnd(ids, q), func(ids []int) map[string]any {
		return map[string]any{"model": g.model, "tokens": ids, "skip_special_tokens": true}
	})
	if err != nil {
		return "", err
	}
	a, err := object[struct {
		Text string `json:"text"`
	}](raw, "text")
	return a.Text, err
}
