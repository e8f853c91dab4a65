package checker

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"image"
	"io"
	"math"
	"net/http"
	"slices"
	"strings"
	"time"

	"vision/internal/checker/evidence"
	"vision/internal/fault"
	"vision/internal/openai"
	"vision/internal/proto"
	"vision/internal/task"
)

// server is an OpenAI-compatible model server that the validator trusts. It
// repeats requests; what more a make of server proves its own file adds.
type server struct {
	unable
	base   string
	model  string
	key    string
	noise  float64
	engine string // whose sampler it has, as miners declare it

	painters []string
	client   *http.Client

	plain map[string]any // what the server must be told to write from the model's own distribution
	dated bool           // it renders chats with templates that may be told the day
}

func openServer(c ReferenceConfig, d Deps, sampler string) (server, error) {
	s := server{base: strings.TrimSuffix(c.URL, "/"), model: c.Model, noise: c.Noise, engine: c.Sampler, client: d.Client, painters: c.Painters}
	if s.noise == 0 {
		s.noise = 0.15
	}
	if s.engine == "" {
		s.engine = sampler
	}
	if c.KeyFile == "" {
		return s, nil
	}
	if d.Secret == nil {
		return s, fmt.Errorf("key_file is set, but no secrets can be read")
	}
	var err error
	if s.key, err = d.Secret(c.KeyFile); err != nil {
		return s, fmt.Errorf("read key_file: %w", err)
	}
	return s, nil
}

// post asks the server. Whatever goes wrong is an error of ours: Unavailable
// if later it may go well, else Internal.
func (s *server) post(ctx context.Context, path string, body any) ([]byte, error) {
	raw, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	return s.postRaw(ctx, path, raw, "application/json")
}

func (s *server) postRaw(ctx context.Context, path string, raw []byte, contentType string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.base+path, bytes.NewReader(raw))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", contentType)
	req.Header["Idempotency-Key"] = nil // not sent: asked anew if the server closes an idle connection meanwhile
	if s.key != "" {
		req.Header.Set("Authorization", "Bearer "+s.key)
	}
	res, err := s.client.Do(req)
	if err != nil {
		return nil, s.down(ctx, err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(res.Body, proto.MaxCheck+1))
	switch {
	case err != nil:
		return nil, s.down(ctx, err)
	case res.StatusCode == http.StatusInternalServerError:
		return nil, s.down(ctx, &refusal{path, res.StatusCode})
	case res.StatusCode == http.StatusTooManyRequests || res.StatusCode > 500:
		return nil, s.down(ctx, fmt.Errorf("status %d", res.StatusCode))
	case res.StatusCode != http.StatusOK:
		return nil, &refusal{path, res.StatusCode}
	case len(answer) > proto.MaxCheck:
		return nil, fmt.Errorf("reference server answered %s with more than %d bytes", path, proto.MaxCheck)
	}
	return answer, nil
}

// down is the error for a server that may be well later.
func (s *server) down(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	e := fault.Wrap(err, fault.Unavailable, "reference_down", "The reference server does not answer")
	e.RetryAfter = 5 * time.Second
	return e
}

// plainSampling turns off what vLLM and SGLang read from a model's own
// generation_config.json.
var plainSampling = map[string]any{"temperature": 1, "top_p": 1, "top_k": -1, "min_p": 0, "repetition_penalty": 1}

// again is a payload of ours under the name that the server knows the model by,
// with some members changed; nil removes one.
func (s *server) again(payload []byte, change map[string]any) (map[string]any, error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(payload, &members); err != nil {
		return nil, badSample("its request is not one of ours: %v", err)
	}
	out := make(map[string]any, len(members)+len(change))
	for name, v := range members {
		out[name] = v
	}
	out["model"] = s.model
	if _, chat := out["messages"]; chat && s.dated {
		out["chat_template_kwargs"] = pinnedDate
	}
	for name, v := range change {
		if v == nil {
			delete(out, name)
		} else {
			out[name] = v
		}
	}
	return out, nil
}

// write is a payload of ours for an answer at once, from the model's own
// distribution where the payload asks for no other.
func (s *server) write(payload []byte, change map[string]any) (map[string]any, error) {
	out, err := s.again(payload, map[string]any{"stream": false, "stream_options": nil})
	if err != nil {
		return nil, err
	}
	for name, v := range s.plain {
		if _, ok := out[name]; !ok {
			out[name] = v
		}
	}
	for name, v := range change {
		if v == nil {
			delete(out, name)
		} else {
			out[name] = v
		}
	}
	return out, nil
}

// pinnedDate is what templates are told that put the day into a prompt.
var pinnedDate = map[string]string{"date_string": task.TemplateDate}

// suspect posts a query made of a miner's ids; see blame.
func (s *server) suspect(ctx context.Context, path string, prompt, ids []int, query func(ids []int) map[string]any) (raw []byte, err error) {
	ask := func(ids []int) func() error {
		return func() (err error) {
			raw, err = s.post(ctx, path, query(ids))
			return err
		}
	}
	if err = ask(ids)(); err != nil {
		return nil, blame(err, ask(ids), ask(harmless(prompt, len(ids))), ask(harmless(prompt, 1)))
	}
	return raw, nil
}

// path is where a text request goes.
func (q *textQuery) path() string {
	if q.chat {
		return "/v1/chat/completions"
	}
	return "/v1/completions"
}

// Answer repeats a text request. If the server has no room for as much, it is
// asked for half, and so on: the answer is then partial.
func (s *server) Answer(ctx context.Context, q *textQuery) (*answer, error) {
	for most := q.maxTokens; ; most /= 2 {
		a, err := s.answer(ctx, q, most)
		switch {
		case err == nil:
			a.partial = most < q.maxTokens && a.finish == "length"
			return a, nil
		case !refused(err):
			return nil, err
		case most < 2*leastTokens:
			return nil, s.blamePrompt(ctx, q, err)
		}
	}
}

func (s *server) answer(ctx context.Context, q *textQuery, most int) (*answer, error) {
	body, err := s.write(q.payload, map[string]any{"max_tokens": most})
	if err != nil {
		return nil, err
	}
	raw, err := s.post(ctx, q.path(), body)
	if err != nil {
		return nil, err
	}
	a, err := readAnswer(raw, false)
	if err != nil {
		return nil, unreadable(err, "answer")
	}
	if a.finish == "" || len(a.text)+len(a.ids) == 0 {
		return nil, fmt.Errorf("the reference's answer is empty or has no finish_reason")
	}
	return a, nil
}

// Images makes pictures again.
func (s *server) Images(ctx context.Context, q *imageQuery) ([]image.Image, error) {
	raw, err := s.paint(ctx, q)
	if err != nil {
		return nil, err
	}
	var list []image.Image
	if err = readPictures(raw, q, func(img image.Image) { list = append(list, img) }); err != nil {
		return nil, unreadable(err, "pictures")
	}
	return list, nil
}

// paint asks as miners do whose servers are shaped as OpenAI's: by a form with
// files where pictures are edited or enlarged.
func (s *server) paint(ctx context.Context, q *imageQuery) ([]byte, error) {
	body, err := s.again(q.payload, q.instead)
	if err != nil {
		return nil, err
	}
	switch q.kind.(type) {
	case task.ImageToImage, task.Inpaint, task.Upscale:
	default:
		return s.post(ctx, q.kind.Path(), body)
	}
	members := make(map[string]json.RawMessage, len(body))
	for name, v := range body {
		if members[name], err = json.Marshal(v); err != nil {
			return nil, err
		}
	}
	form, contentType, err := openai.WriteForm(members, "image", "mask")
	if err != nil {
		return nil, badSample("its pictures cannot be read: %v", err)
	}
	return s.postRaw(ctx, q.kind.Path(), form, contentType)
}

// Vectors embeds texts again.
func (s *server) Vectors(ctx context.Context, q *vectorQuery) ([][]float32, error) {
	body, err := s.again(q.payload, map[string]any{"input": q.raw()})
	if err != nil {
		return nil, err
	}
	raw, err := s.post(ctx, "/v1/embeddings", body)
	if err != nil {
		return nil, err
	}
	list, err := openai.Vectors(raw, len(q.inputs))
	if err != nil {
		return nil, unreadable(err, "vectors")
	}
	return list, nil
}

// unreadable is the error for an answer of the reference itself that is not one.
func unreadable(err error, what string) error {
	return fault.Wrap(err, fault.Internal, "bad_reference", "The reference's %s cannot be read", what)
}

// plain is any OpenAI-compatible server: it proves by answering again.
type plain struct{ server }

func openPlain(c ReferenceConfig, d Deps) (Reference, error) {
	s, err := openServer(c, d, "")
	if s.engine == "vllm" || s.engine == "sglang" { // others may not know these fields
		s.plain = plainSampling
	}
	return &plain{s}, err
}

func (p *plain) Proves() Proof {
	return Proof{Engine: p.engine, Replay: true, Images: true, Vectors: true, Noise: p.noise, Painters: p.painters}
}

// listed is one alternative of a position as servers list them.
type listed struct {
	id      int // -1 where only the text is known
	logprob float64
}

// positionOf makes a position of the alternatives that a server lists: the
// topListed likeliest, and the token itself (own) if it is not among them.
func positionOf(list []listed, own int, q *textQuery) evidence.Position {
	token := list[own]
	slices.SortStableFunc(list, func(a, b listed) int { return cmp.Compare(b.logprob, a.logprob) })
	p := evidence.Position{Token: token.id, Logprob: token.logprob, Deficit: max(0, list[0].logprob-token.logprob)}
	p.Best = p.Deficit == 0
	p.Gap = 16 // one alternative: no doubt about it
	if len(list) > 1 {
		p.Gap = max(0, list[0].logprob-list[1].logprob)
	}
	if q.keep {
		for _, l := range list[:min(len(list), topListed)] {
			p.Top = append(p.Top, evidence.Listed{Token: l.id, Logprob: l.logprob})
		}
	}
	at := slices.Index(list, token)
	p.Rank = at + 1
	if q.temperature > 0 && q.temperature <= 1 {
		// What is an outcome of its own must not depend on what the miner wrote: a
		// token further down is one of the tail's.
		list = list[:min(len(list), topListed)]
		at = min(at, len(list))
		p.FillListed(withTail(list), at, q.temperature, q.topP, q.noise)
	}
	return p
}

// endOf is the position after the last token, where the answer claims that an
// end token came: as likely as it is listed, or as the least of those that are.
func endOf(list []listed, q *textQuery) (evidence.Position, bool) {
	if len(q.model.EndTokens) == 0 || len(list) == 0 {
		return evidence.Position{}, false
	}
	own := -1
	for i, l := range list {
		if slices.Contains(q.model.EndTokens, l.id) && (own < 0 || l.logprob > list[own].logprob) {
			own = i
		}
	}
	if own < 0 {
		own, list = len(list), append(list, listed{q.model.EndTokens[0], lowest(list)})
	}
	return positionOf(list, own, q), true
}

// lowest is just below the least likely of a list.
func lowest(list []listed) float64 {
	low := 0.0
	for _, l := range list {
		low = min(low, l.logprob)
	}
	return low - 1e-6
}

// withoutEnd leaves out the end token, which has no text.
func withoutEnd(ids []int, q *textQuery) []int {
	if n := len(ids); n > 0 && slices.Contains(q.model.EndTokens, ids[n-1]) {
		return ids[:n-1]
	}
	return ids
}

// withTail makes outcomes of listed alternatives: what they leave is one more,
// of which only the sum is known. Above temperature 1 it would weigh too much to tell
// anything, so there is no contrast there.
func withTail(list []listed) (o evidence.Outcomes) {
	left := 1.0
	for _, l := range list {
		lp := max(l.logprob, -100)
		o = append(o, lp)
		left -= math.Exp(lp)
	}
	return append(o, math.Log(max(left, 1e-6)))
}

// object reads a JSON object of our own reference.
func object[T any](raw []byte, what string) (out T, err error) {
	if err = json.Unmarshal(raw, &out); err != nil {
		return out, fmt.Errorf("read the reference's %s: %w", what, err)
	}
	return out, nil
}
