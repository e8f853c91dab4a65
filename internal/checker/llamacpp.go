package checker

import (
	"context"
	"fmt"
	"slices"

	"vision/internal/checker/evidence"
)

// llamaCPP is llama.cpp's own server (llama-server). It gives no
// log-probabilities of a prompt, so the answer is walked through: the server
// continues prompt and beginning greedily for a few tokens with n_probs, each of
// which has a distribution; as long as its own tokens are the miner's the next
// distributions are of the miner's text too, and where they part the next step
// begins after the miner's token. The beginning is in its cache (cache_prompt), so
// a step costs about the tokens that it writes: one each where they disagree often, up to
// mostSteps where they hardly do.
//
// /apply-template and /tokenize tell how it reads a request, /detokenize what ids
// stand for. Give it the same batch sizes as honest miners have: cached and
// batched tokens differ a little.
type llamaCPP struct{ server }

// mostSteps is how many tokens are asked for at once.
const mostSteps = 32

func openLlamaCPP(c ReferenceConfig, d Deps) (Reference, error) {
	s, err := openServer(c, d, "")
	s.plain, s.dated = map[string]any{"temperature": 1, "top_p": 1, "top_k": 0, "min_p": 0, "repeat_penalty": 1}, true
	return &llamaCPP{s}, err
}

func (l *llamaCPP) Proves() Proof {
	return Proof{Engine: l.engine, Score: true, IDs: true, Replay: true, Vectors: true, Noise: l.noise}
}

type llamaToken struct {
	ID      int          `json:"id"`
	Logprob float64      `json:"logprob"`
	Top     []llamaToken `json:"top_logprobs"`
}

type llamaAnswer struct {
	Tokens []int        `json:"tokens"`
	Probs  []llamaToken `json:"completion_probabilities"`
}

// Score takes a completion's prompt ids for certain; in a chat the template may
// write the token that begins a text, which /tokenize adds too.
func (l *llamaCPP) Score(ctx context.Context, q *textQuery) (*scores, error) {
	return scoreIDs(ctx, l, q, !q.chat)
}

// read asks for the whole first: that shows whether it fits, fills the cache, and
// tells of the end.
func (l *llamaCPP) read(ctx context.Context, q *textQuery, prompt, ids []int) (*reading, error) {
	last, err := l.whole(ctx, prompt, ids)
	if err != nil {
		return nil, err
	}
	said := &reading{}
	if len(last.Probs) > 0 {
		said.next = last.Probs[0].list()
	}
	said.positions, err = l.walk(ctx, q, prompt, ids)
	return said, err
}

// walk gives a position for each id of which the server shows a distribution:
// it leaves those out that end within a character.
func (l *llamaCPP) walk(ctx context.Context, q *textQuery, prompt, ids []int) (list []evidence.Position, err error) {
	for i, steps := 0, 1; i < len(ids); {
		steps = min(steps, len(ids)-i)
		a, err := l.continued(ctx, slices.Concat(prompt, ids[:i]), steps)
		if err != nil {
			return nil, err
		}
		if len(a.Tokens) == 0 {
			return nil, fmt.Errorf("the reference gave no token after %d: it must know return_tokens (llama.cpp from b4365)", i)
		}
		shown := a.Probs
		same := true
		for k := 0; k < min(len(a.Tokens), steps) && same; k++ {
			if len(shown) > 0 && shown[0].ID == a.Tokens[k] {
				if p, ok := shown[0].position(ids[i], q); ok {
					list = append(list, p)
				}
				shown = shown[1:]
			}
			same = a.Tokens[k] == ids[i]
			i++
		}
		if same {
			steps = min(2*steps, mostSteps)
		} else {
			steps = max(1, steps/4)
		}
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("the reference shows no probabilities: it must know n_probs")
	}
	return list, nil
}

// position is that of token id in the distribution that t came from.
func (t llamaToken) position(id int, q *textQuery) (evidence.Position, bool) {
	list := t.list()
	if len(list) == 0 {
		return evidence.Position{}, false
	}
	own := slices.IndexFunc(list, func(x listed) bool { return x.id == id })
	if own < 0 { // as unlikely as the least of those listed, or more so
		own, list = len(list), append(list, listed{id, lowest(list)})
	}
	return positionOf(list, own, q), true
}

func (t llamaToken) list() (list []listed) {
	for _, x := range t.Top {
		list = append(list, listed{x.ID, max(x.Logprob, -100)})
	}
	return list
}

// continued asks for n tokens after ids.
func (l *llamaCPP) continued(ctx context.Context, ids []int, n int) (*llamaAnswer, error) {
	raw, err := l.post(ctx, "/completion", continuation(ids, n))
	if err != nil {
		return nil, err
	}
	a, err := object[llamaAnswer](raw, "continuation")
	return &a, err
}

// continuation asks for the likeliest tokens, and for probabilities that no
// sampler has changed.
func continuation(ids []int, n int) map[string]any {
	return map[string]any{"prompt": ids, "n_predict": n, "temperature": -1, "n_probs": topListed, "post_sampling_probs": false,
		"return_tokens": true, "cache_prompt": true, "repeat_penalty": 1, "stream": false}
}

// whole has the server read all of an answer, and write a token after it.
func (l *llamaCPP) whole(ctx context.Context, prompt, ids []int) (*llamaAnswer, error) {
	raw, err := l.suspect(ctx, "/completion", prompt, ids, func(ids []int) map[string]any {
		return continuation(slices.Concat(prompt, ids), 1)
	})
	if err != nil {
		return nil, err
	}
	a, err := object[llamaAnswer](raw, "continuation")
	return &a, err
}

// prompt asks how the server reads the request.
func (l *llamaCPP) prompt(ctx context.Context, q *textQuery) ([]int, error) {
	ids, err := l.promptTokens(ctx, q)
	return ids, l.blamePrompt(ctx, q, err)
}

func (l *llamaCPP) promptTokens(ctx context.Context, q *textQuery) ([]int, error) {
	text := q.prompt
	if q.chat {
		messages := make([]map[string]string, len(q.messages))
		for i, m := range q.messages {
			messages[i] = map[string]string{"role": m.role, "content": m.content}
		}
		raw, err := l.post(ctx, "/apply-template", map[string]any{"messages": messages, "chat_template_kwargs": pinnedDate})
		if err != nil {
			return nil, err
		}
		a, err := object[struct {
			Prompt string `json:"prompt"`
		}](raw, "prompt")
		if err != nil {
			return nil, err
		}
		text = a.Prompt
	}
	raw, err := l.post(ctx, "/tokenize", map[string]any{"content": text, "add_special": true, "parse_special": true})
	if err != nil {
		return nil, err
	}
	return tokensOf(raw, text)
}

// tokens asks how the server reads the answer's text.
func (l *llamaCPP) tokens(ctx context.Context, q *textQuery) ([]int, error) {
	return l.tokenized(ctx, q, func(text string) map[string]any {
		return map[string]any{"content": text, "add_special": false, "parse_special": false}
	})
}

// text asks what text the ids stand for, without the end token.
func (l *llamaCPP) text(ctx context.Context, q *textQuery, prompt, ids []int) (string, error) {
	raw, err := l.suspect(ctx, "/detokenize", prompt, withoutEnd(ids, q), func(ids []int) map[string]any {
		return map[string]any{"tokens": ids}
	})
	if err != nil {
		return "", err
	}
	a, err := object[struct {
		Content string `json:"content"`
	}](raw, "text")
	return a.Content, err
}
