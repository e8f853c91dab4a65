package eval

import (
	"context"
	"encoding/json"
	"math"
	"slices"
	"strings"

	"vision/internal/refmodel"
)

// text is an answer as a miner's server could give it.
type text struct {
	prompt []int
	ids    []int
	claims []float64 // log-probability of each
	finish string
}

// asked is what a miner is asked for.
type asked struct {
	prompt      []int
	tokens      int // max_tokens
	temperature float64
	topP        float64
	seed        uint64
	first       uint64 // the seed that the miner was first asked the same with
}

// write answers as a model does.
func (a asked) write(v refmodel.Variant) (t text, err error) {
	t.prompt = a.prompt
	err = refmodel.Load(v).Generate(context.Background(), refmodel.Request{Prompt: a.prompt, MaxTokens: a.tokens,
		Temperature: a.temperature, TopP: a.topP, Seed: a.seed}, func(k refmodel.Token) bool {
		t.ids, t.claims, t.finish = append(t.ids, k.ID), append(t.claims, k.Logprob), k.Finish
		return true
	})
	return t, err
}

// writeOn answers as the full model does, but never ends by itself.
func (a asked) writeOn() (t text) {
	c := refmodel.Load(refmodel.Full).NewContext()
	for _, id := range a.prompt {
		c.Append(id)
	}
	t = text{prompt: a.prompt, finish: "length"}
	sampler := refmodel.NewSampler(a.temperature, a.topP, a.seed)
	var d refmodel.Distribution
	for range a.tokens {
		c.Next(&d)
		d.Logprobs[refmodel.TokenEnd], d.Logprobs[refmodel.TokenEOS] = math.Inf(-1), math.Inf(-1)
		id := sampler.Draw(&d)
		c.Append(id)
		t.ids, t.claims = append(t.ids, id), append(t.claims, d.Logprobs[id])
	}
	return t
}

// claimed gives an answer the log-probabilities that the full model has for it:
// a prefill attack's alibi.
func (t text) claimed() (text, error) {
	steps, err := refmodel.Load(refmodel.Full).Prefill(t.prompt, t.ids, 0)
	if err != nil {
		return t, err
	}
	t.claims = make([]float64, len(steps))
	for i, s := range steps {
		t.claims[i] = s.Logprob
	}
	return t, nil
}

// cut ends an answer early, as if the model had.
func (t text) cut(share float64) text {
	n := max(1, int(share*float64(len(t.ids))))
	t.ids, t.claims = append(slices.Clone(t.ids[:n]), refmodel.TokenEnd), append(slices.Clone(t.claims[:n]), -0.1)
	t.finish = "stop"
	return t
}

// padded makes an answer a fifth longer by its own last words, within most tokens.
func (t text) padded(most int) text {
	ids, claims := slices.Clone(t.ids), slices.Clone(t.claims)
	for len(ids) > 0 && refmodel.IsEnd(ids[len(ids)-1]) {
		ids, claims = ids[:len(ids)-1], claims[:len(claims)-1]
	}
	n := min(len(ids), (most-1)*5/6)
	ids, claims = ids[:n], claims[:n]
	more := min(max(1, n/5), n)
	t.ids = append(append(ids, ids[n-more:]...), refmodel.TokenEnd)
	t.claims = append(append(claims, claims[n-more:]...), -0.1)
	t.finish = "stop"
	return t
}

// stream writes an answer as server-sent events, at most each ids in one.
func (t text) stream(each int) []byte {
	type entry struct {
		Token   string  `json:"token"`
		Logprob float64 `json:"logprob"`
	}
	type choice struct {
		Index    int               `json:"index"`
		Delta    map[string]string `json:"delta"`
		IDs      []int             `json:"token_ids,omitempty"`
		Finish   *string           `json:"finish_reason"`
		Logprobs *struct {
			Content []entry `json:"content"`
		} `json:"logprobs,omitempty"`
	}
	type chunk struct {
		ID      string   `json:"id"`
		Prompt  []int    `json:"prompt_token_ids,omitempty"`
		Choices []choice `json:"choices"`
	}
	var b strings.Builder
	event := func(c chunk) {
		raw, _ := json.Marshal(c)
		b.WriteString("data: ")
		b.Write(raw)
		b.WriteString("\n\n")
	}
	event(chunk{ID: "x", Prompt: t.prompt, Choices: []choice{{Delta: map[string]string{"role": "assistant", "content": ""}}}})
	var decode refmodel.Decoder
	for i := 0; i < len(t.ids); i += each {
		end := min(len(t.ids), i+each)
		c := choice{IDs: t.ids[i:end]}
		c.Logprobs = &struct {
			Content []entry `json:"content"`
		}{}
		var s strings.Builder
		for k := i; k < end; k++ {
			s.WriteString(decode.Add(t.ids[k]))
			c.Logprobs.Content = append(c.Logprobs.Content, entry{"", t.claims[k]})
		}
		if end == len(t.ids) {
			s.WriteString(decode.Flush())
			c.Finish = &t.finish
		}
		c.Delta = map[string]string{"content": s.String()}
		event(chunk{ID: "x", Choices: []choice{c}})
	}
	b.WriteString("data: [DONE]\n\n")
	return []byte(b.String())
}
