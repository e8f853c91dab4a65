package checker

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"unicode/utf8"

	"vision/internal/checker/evidence"
)

// echo is a server of the legacy completions interface, such as
// llama-cpp-python's (started with logits_all): the prompt's text and the
// answer's in one, echo, logprobs, and one token more to see whether the model
// would have ended there. It reads the text into tokens itself, so tokens may
// stand elsewhere than the miner wrote them; a test allows for some.
//
// Its seeds are not trusted to repeat an answer unless the configuration says
// so by sampler: llama-cpp-python 0.3 gave two answers to one request.
type echo struct{ server }

func openEcho(c ReferenceConfig, d Deps) (Reference, error) {
	s, err := openServer(c, d, "")
	// llama.cpp's servers prefer others.
	s.plain = map[string]any{"temperature": 1, "top_p": 1, "top_k": 0, "min_p": 0, "repeat_penalty": 1}
	return &echo{s}, err
}

func (e *echo) Proves() Proof {
	return Proof{Engine: e.engine, Score: true, Replay: true, Images: true, Vectors: true, Noise: e.noise}
}

type echoAnswer struct {
	Choices []struct {
		Finish   string `json:"finish_reason"`
		Logprobs *struct {
			Offsets []int                `json:"text_offset"` // in characters, special tokens being none
			Tokens  []string             `json:"tokens"`
			Own     []*float64           `json:"token_logprobs"`
			Top     []map[string]float64 `json:"top_logprobs"`
		} `json:"logprobs"`
	} `json:"choices"`
	Usage struct {
		Prompt int `json:"prompt_tokens"`
	} `json:"usage"`
}

func (e *echo) Score(ctx context.Context, q *textQuery) (*scores, error) {
	if q.temperature > 1 {
		return nil, notCheckable("its temperature is above 1, and the reference lists only the likeliest tokens")
	}
	text, err := q.rendered()
	if err != nil {
		return nil, err
	}
	whole := string(q.answer.text)
	sc, err := e.scoreText(ctx, q, text, whole)
	for part := whole; errors.Is(err, errContext) && len(part) >= 2*leastTokens*bytesPerToken; {
		if part = wholeWords(part[:len(part)/2]); part == "" {
			break
		}
		if sc, err = e.scoreText(ctx, q, text, part); err == nil {
			sc.Cut = true
			sc.Tokens = sc.Tokens * len(whole) / len(part)
		}
	}
	return sc, err
}

// scoreText scores own, the beginning of an answer, or all of it.
func (e *echo) scoreText(ctx context.Context, q *textQuery, text, own string) (*scores, error) {
	most := min(q.maxTokens+q.slack(), len(own)) // tokens that it may have, however they are spread
	var raw []byte
	ask := func(answer string) func() error {
		return func() (err error) {
			raw, err = e.post(ctx, "/v1/completions", map[string]any{
				"model": e.model, "prompt": text + answer, "max_tokens": 1, "temperature": 0,
				"echo": true, "logprobs": topListed,
			})
			return err
		}
	}
	if err := ask(own)(); err != nil {
		return nil, blame(err, ask(own), ask(harmlessText(most)), func() error {
			if err := ask(harmlessText(1))(); err != nil {
				return e.blamePrompt(ctx, q, err)
			}
			return nil
		})
	}
	a, err := object[echoAnswer](raw, "logprobs")
	if err != nil {
		return nil, err
	}
	if len(a.Choices) != 1 || a.Choices[0].Logprobs == nil {
		return nil, fmt.Errorf("the reference gave no logprobs: start it with logits_all")
	}
	l := a.Choices[0].Logprobs
	n := len(l.Tokens)
	if n == 0 || len(l.Offsets) != n || len(l.Own) != n || len(l.Top) != n {
		return nil, fmt.Errorf("the reference's logprobs are lists of different lengths")
	}
	stopped := a.Choices[0].Finish == "stop"
	end := l.Offsets[n-1] + utf8.RuneCountInString(l.Tokens[n-1])
	last := n // the index after the answer's last token
	// llama-cpp-python shows each token with the distribution after it, not
	// before, and leaves out the one more, where a prompt has no token that
	// begins a text. (Such a token it leaves out of its lists.) Chats have one.
	shifted := !q.chat && (stopped && n == a.Usage.Prompt || !stopped && end == utf8.RuneCountInString(text)+utf8.RuneCountInString(own))
	if !shifted && (!stopped || endText(l.Tokens[n-1])) { // some servers list the end token, some do not
		last, end = n-1, l.Offsets[n-1]
	}
	// Offsets are counted from the end, for prompts hold special tokens.
	begin := end - utf8.RuneCountInString(own)
	sc := &scores{}
	for i := range last {
		switch {
		case l.Offsets[i] < begin:
		case !shifted && l.Own[i] != nil:
			sc.Positions = append(sc.Positions, listedPosition(l.Tokens[i], *l.Own[i], l.Top[i], q))
		case shifted && i > 0 && l.Top[i-1] != nil:
			before := withoutOwn(l.Top[i-1], l.Tokens[i-1])
			sc.Positions = append(sc.Positions, lookedUp(l.Tokens[i], before, q))
		}
	}
	sc.Tokens = len(sc.Positions)
	if sc.Tokens == 0 {
		if len(own) > 16 || strings.Contains(own, "<|") {
			return nil, &atFault{"malformed", "its text is of special tokens only"}
		}
		return nil, notCheckable("it is so short that it is one token with the prompt's end")
	}
	if len(own) == len(q.answer.text) && q.ended(own) {
		sc.Tokens++ // the end token
		p := evidence.Position{Best: true, Gap: 16}
		if !stopped {
			next := l.Top[n-1]
			if shifted {
				next = withoutOwn(next, l.Tokens[n-1])
			}
			p = notEnded(next, q)
		}
		p.Exact = true
		sc.Positions = append(sc.Positions, p)
	}
	return sc, nil
}

// listedPosition is a position whose tokens are named by their texts.
func listedPosition(token string, own float64, top map[string]float64, q *textQuery) evidence.Position {
	list := []listed{{-1, own}}
	for name, lp := range top {
		if name != token {
			list = append(list, listed{-2, lp})
		}
	}
	return positionOf(list, 0, q)
}

// notEnded is the position of an end token that the reference did not write:
// as likely as it is listed, or less likely than all that are.
func notEnded(top map[string]float64, q *textQuery) evidence.Position {
	lowest, name := 0.0, ""
	found := false
	for n, lp := range top {
		lowest = min(lowest, lp)
		if endText(n) && (!found || lp > top[name]) {
			name, found = n, true
		}
	}
	if !found {
		return listedPosition("", lowest-1, top, q)
	}
	return listedPosition(name, top[name], top, q)
}

// lookedUp is the position of a token in a list that may not hold it.
func lookedUp(token string, top map[string]float64, q *textQuery) evidence.Position {
	own, ok := top[token]
	if !ok {
		for _, lp := range top {
			own = min(own, lp)
		}
		own--
	}
	return listedPosition(token, own, top, q)
}

// withoutOwn is a list without the token that is in it only for being the
// text's own.
func withoutOwn(top map[string]float64, own string) map[string]float64 {
	if len(top) <= topListed {
		return top
	}
	top = maps.Clone(top)
	delete(top, own)
	return top
}

// endText says whether a token's text is that of a special token: some servers
// give its name, some nothing.
func endText(s string) bool {
	return s == "" || s == "</s>" || strings.HasPrefix(s, "<|") && strings.HasSuffix(s, "|>")
}
