package checker

import (
	"context"
	"fmt"
	"image"
	"slices"
	"strings"

	"vision/internal/checker/evidence"
	"vision/internal/refmodel"
	"vision/internal/task"
)

// builtin is the reference model in this program. It proves everything: exact
// log-probabilities, every draw, pictures and vectors.
type builtin struct {
	noise float64
	lm    *refmodel.LM
	image *refmodel.Imager
	embed *refmodel.Embedder
}

func openBuiltin(c ReferenceConfig, _ Deps) (Reference, error) {
	b := &builtin{noise: c.Noise, lm: refmodel.Load(refmodel.Full),
		image: refmodel.LoadImager(refmodel.Full), embed: refmodel.LoadEmbedder(refmodel.Full)}
	if b.noise == 0 {
		b.noise = 0.02
	}
	return b, nil
}

func (b *builtin) Proves() Proof {
	return Proof{Engine: "vision-ref", Score: true, IDs: true, Redraw: true, Replay: true, Images: true, Vectors: true, Noise: b.noise, Painters: painterNames}
}

// otherModels are what a miner may run instead, to compare likelihoods with.
var otherModels = []refmodel.Variant{refmodel.Bits(4), refmodel.Bits(2), refmodel.Sibling}

func (b *builtin) Score(ctx context.Context, q *textQuery) (*scores, error) {
	prompt, err := b.prompt(q)
	if err != nil {
		return nil, err
	}
	ids := q.answer.ids
	if !q.answer.hasIDs {
		ids = refmodel.Encode(string(q.answer.text))
	}
	sc := &scores{Prompt: prompt, Tokens: len(ids)}
	switch err := q.tooLong(len(prompt), len(ids), refmodel.MaxContext); {
	case len(prompt) > refmodel.MaxContext:
		return nil, notCheckable("its prompt is longer than the reference's context")
	case q.padded(len(ids)):
		return sc, nil
	case err != nil:
		return nil, err
	}
	for i, id := range ids {
		if !refmodel.ValidID(id) {
			return nil, &atFault{"text-ids", fmt.Sprintf("token %d of the answer is none of the vocabulary", i)}
		}
	}
	var text strings.Builder
	var decode refmodel.Decoder
	for _, id := range ids {
		text.WriteString(decode.Add(id))
	}
	if !q.answer.partial {
		text.WriteString(decode.Flush())
	}
	sc.Text, sc.HasText = text.String(), q.answer.hasIDs
	if over := len(prompt) + len(ids) - refmodel.MaxContext - 1; over > 0 { // text read again, by a few tokens
		ids, sc.Cut = ids[:len(ids)-over], true
	}
	if !sc.Cut && q.ended(sc.Text) && (len(ids) == 0 || !refmodel.IsEnd(ids[len(ids)-1])) {
		ids = append(ids[:len(ids):len(ids)], refmodel.TokenEnd)
	}
	if len(prompt)+len(ids) > refmodel.MaxContext+1 { // an end that just does not fit
		ids = ids[:len(ids)-1]
	}
	sc.Positions, err = b.positions(ctx, q, prompt, ids)
	return sc, err
}

// positions scores ids as the continuation of a prompt. Other models run
// beside the reference where nothing stronger than likelihood is to be had.
func (b *builtin) positions(ctx context.Context, q *textQuery, prompt, ids []int) ([]evidence.Position, error) {
	contexts := []*refmodel.Context{b.lm.NewContext()}
	if q.temperature > 0 && !q.redraw {
		for _, v := range otherModels {
			contexts = append(contexts, refmodel.Load(v).NewContext())
		}
	}
	extend := func(id int) {
		for _, c := range contexts {
			c.Append(id)
		}
	}
	for i, id := range prompt {
		if i%256 == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		extend(id)
	}
	sampler := refmodel.NewSampler(q.temperature, q.topP, q.seed)
	slack := evidence.TopPSlack(b.noise, q.temperature)
	positions := make([]evidence.Position, len(ids))
	var d, other refmodel.Distribution
	for i, id := range ids {
		if i%16 == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		contexts[0].Next(&d)
		top := d.Top(2)
		p := &positions[i]
		*p = evidence.Position{Token: id, Best: top[0].ID == id, Rank: d.Rank(id), Logprob: d.Logprobs[id],
			Gap: top[0].Logprob - top[1].Logprob, Deficit: top[0].Logprob - d.Logprobs[id]}
		if q.temperature > 0 {
			var own *evidence.Shape
			if q.redraw {
				r := sampler.Redraw(&d, id, slack)
				p.Drawn, p.Margin, p.Miss, p.Share = r.ID == id, r.Margin, r.Miss, r.Share
				own = evidence.Outcomes(d.Logprobs[:]).Drawn(q.temperature, q.topP, b.noise)
				p.FillOwn(own, id)
			} else {
				var others []evidence.Outcomes
				for _, c := range contexts[1:] {
					c.Next(&other)
					others = append(others, slices.Clone(other.Logprobs[:]))
				}
				own = p.FillContrast(d.Logprobs[:], id, q.temperature, q.topP, b.noise, others...)
			}
			for _, end := range []int{refmodel.TokenEnd, refmodel.TokenEOS} {
				low, high := own.Range(end)
				p.End, p.EndLow, p.EndHigh = p.End+own.Own(end), p.EndLow+low, p.EndHigh+high
			}
			p.HasEnd = true
			p.Ends = refmodel.IsEnd(id)
		}
		extend(id)
	}
	return positions, nil
}

// prompt renders a request as the reference model's servers do.
func (b *builtin) prompt(q *textQuery) ([]int, error) {
	if !q.chat {
		return refmodel.Prompt(q.prompt), nil
	}
	if t := q.model.Template; t != "" && t != refmodel.ChatTemplate {
		return nil, notCheckable("the task's template is %q, the reference model's is %q", t, refmodel.ChatTemplate)
	}
	var list []refmodel.Message
	for _, m := range q.messages {
		list = append(list, refmodel.Message{Role: m.role, Content: m.content})
	}
	ids, err := refmodel.Chat(list)
	if err != nil {
		return nil, badSample("its messages cannot be rendered: %v", err)
	}
	return ids, nil
}

func (b *builtin) Answer(ctx context.Context, q *textQuery) (*answer, error) {
	prompt, err := b.prompt(q)
	if err != nil {
		return nil, err
	}
	a := &answer{promptIDs: prompt, hasPrompt: true, hasIDs: true}
	err = b.lm.Generate(ctx, refmodel.Request{Prompt: prompt, MaxTokens: q.maxTokens, Temperature: q.temperature,
		TopP: q.topP, Seed: q.seed, Stop: q.stop}, func(t refmodel.Token) bool {
		a.ids = append(a.ids, t.ID)
		a.text = append(a.text, t.Text...)
		a.finish = t.Finish
		return true
	})
	return a, err
}

func (b *builtin) Images(ctx context.Context, q *imageQuery) ([]image.Image, error) {
	if q.kind == task.Kind(task.Upscale{}) {
		img, err := b.image.Upscale(ctx, q.given, q.width/q.given.Rect.Dx(), q.seed)
		if err != nil && ctx.Err() == nil {
			err = notCheckable("the reference model cannot enlarge it: %v", err)
		}
		return []image.Image{img}, err
	}
	r := refmodel.ImageRequest{Prompt: q.prompt, Seed: q.seed, Steps: q.steps, Width: q.width, Height: q.height, Guidance: q.guidance}
	if q.negative != "" {
		r.Prompt += "\nwithout " + q.negative
	}
	switch q.kind.(type) {
	case task.ImageToImage, task.Inpaint:
		r.Given = refmodel.Given{Init: q.given, Mask: q.mask, Strength: q.strength}
		r.Steps = task.StepsRun(q.steps, q.strength)
	case task.Avatar:
		r.Given = refmodel.Given{Face: q.given, Adapter: q.adapter, Control: q.control}
	}
	if err := r.Validate(); err != nil {
		return nil, notCheckable("the reference model cannot paint it: %v", err)
	}
	var list []image.Image
	for range q.n {
		img, err := b.painter(q.painter).Generate(ctx, r)
		if err != nil {
			return nil, err
		}
		list = append(list, img)
		r.Seed++
	}
	return list, nil
}

func (b *builtin) Vectors(ctx context.Context, q *vectorQuery) ([][]float32, error) {
	var list [][]float32
	for _, in := range q.inputs {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if in.picture != nil {
			list = append(list, b.embed.EmbedImage(in.picture))
			continue
		}
		// As the reference model's servers do: through tokens, which keep every byte.
		list = append(list, b.embed.Embed(refmodel.Decode(refmodel.Prompt(in.text))))
	}
	return list, nil
}

// painters are other models that it paints with.
var painters = []refmodel.Variant{refmodel.Bits(4), refmodel.Bits(2), refmodel.Sibling}

var painterNames = []string{"4 bits", "2 bits", "another model"}

// painter is the task's own for 0, else one of painters.
func (b *builtin) painter(i int) *refmodel.Imager {
	if i == 0 {
		return b.image
	}
	return refmodel.LoadImager(painters[i-1])
}
