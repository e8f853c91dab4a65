package task

import (
	"encoding/base64"
	"encoding/binary"
	"math"
	"math/rand/v2"
	"strconv"

	"vision/internal/fault"
	"vision/internal/openai"
	"vision/internal/picture"
	"vision/internal/prompt"
)

// Embedding is the kind of texts, and for some models pictures, turned into vectors.
type Embedding struct{}

func (Embedding) Name() string       { return "embedding" }
func (Embedding) Path() string       { return "/v1/embeddings" }
func (Embedding) Unit() Unit         { return Item }
func (Embedding) Evidence() Evidence { return Vector }

// Check wants a limit of items.
func (Embedding) Check(t *Task) (problems []Problem) {
	if t.Limits.Items <= 0 {
		problems = append(problems, problem("limits.items", "is missing: say how many inputs a request may have"))
	}
	if t.Limits.Dimensions < 0 {
		problems = append(problems, problem("limits.dimensions", "is negative; leave it out where vectors must not be cut"))
	}
	return problems
}

var embeddingForm = newForm(
	field{name: "model", read: ignored},
	field{name: "input", read: input, always: true},
	field{name: "encoding_format", read: encodingFormat, always: true},
	field{name: "dimensions", read: vectorLength},
	field{name: "stream", read: unless("vectors come at once", "false")},
	field{name: "user", read: ignored},
)

// Describe implements Kind.
func (Embedding) Describe(t *Task) Description {
	d := Description{reads(t), []string{"embedding"}, []string{"encoding_format"}}
	if t.Limits.Dimensions > 0 {
		d.Parameters = append(d.Parameters, "dimensions")
	}
	return d
}

// Parse reads a request for vectors. Miners are always asked for numbers;
// base64 is made of them for the customers who want it.
func (Embedding) Parse(body []byte, t *Task) (Request, error) {
	r, err := embeddingForm.parse(body, t)
	if err != nil {
		return nil, err
	}
	return r, nil
}

// Synthesise makes up texts, and pictures if the model takes them.
func (Embedding) Synthesise(r *rand.Rand, shape Shape, t *Task) Request {
	f := shape.Draw(r, t)
	items := min(max(f.Output, 1), t.Limits.Items)
	each := min(max(f.PromptBytes/items, 1), 1<<20)
	body := []byte(`{"input":[`)
	drawn := 0
	for i := range items {
		if i > 0 {
			body = append(body, ',')
		}
		if t.Model.Images && drawn < mostDrawn && r.IntN(8) == 0 {
			drawn++
			img := prompt.Picture(r, 64+16*r.IntN(11), 64+16*r.IntN(11))
			body = append(body, `{"image":"`...)
			body = picture.AppendURL(body, madeUp(img))
			body = append(body, '"', '}')
			continue
		}
		body = openai.AppendString(body, written(r, shape, t, each))
	}
	return must(embeddingForm.parse(append(body, `]}`...), t))
}

// Plausible draws one text, or a few.
func (Embedding) Plausible(r *rand.Rand) Features {
	items := []int{1, 1, 1, 2, 4, 8, 16}[r.IntN(7)]
	return Features{Turns: items, Temperature: -1, TopP: -1, PromptBytes: items * plausibleLength(r, 30, 600), Output: items}
}

// Parts of an input are texts or, where the model takes them, pictures. A
// picture is scaled down to mostEmbedded pixels a side, more than models look at.
const mostEmbedded = 1024

// mostDrawn is how many pictures are made up for one request: at their largest,
// and without any compression, they stay below mostSent.
const mostDrawn = 32

// mostSent is how many bytes of pictures one input may come to as miners are sent
// them, which take no longer requests: the rest is not written anew in vain.
const mostSent = 8 << 20

// input reads a text, a picture or an array of them; miners always see an
// array, of strings for texts and of objects with "image" for pictures.
func input(p *parsing, name string, v []byte) error {
	p.r.features.Temperature, p.r.features.TopP = -1, -1
	p.key(name)
	p.out = append(p.out, '[')
	n := 0
	add := func(v []byte) error {
		if n++; n > p.task.Limits.Items {
			return fault.BadParam(name, "input has more than %d items.", p.task.Limits.Items)
		}
		if n > 1 {
			p.out = append(p.out, ',')
		}
		return p.item(name+"["+itoa(n-1)+"]", v)
	}
	switch {
	case openai.IsArray(v):
		for e := range openai.Elements(v) {
			if err := add(e); err != nil {
				return err
			}
		}
	case v != nil:
		if err := add(v); err != nil {
			return err
		}
	}
	if n == 0 {
		return fault.BadParam(name, "input is required: a string, or an array of strings%s.", p.orPictures())
	}
	p.out = append(p.out, ']')
	p.r.work = int64(n)
	p.r.features.Output = n
	p.r.features.Turns = n
	return nil
}

func (p *parsing) orPictures() string {
	if p.task.Model.Images {
		return ` and of objects such as {"image": "data:image/png;base64,…"}`
	}
	return ""
}

// item reads one part of an input: "…", {"text": "…"}, {"image": "…"}, or as
// messages have them, {"type": "text", …} and {"type": "image_url", …}.
func (p *parsing) item(name string, v []byte) error {
	if openai.IsString(v) {
		return p.text(name, v)
	}
	if v[0] != '{' {
		return openai.Unsupported("input", "give texts, not tokens")
	}
	members, err := openai.ObjectMembers(v, name)
	if err != nil {
		return err
	}
	var text, img []byte
	for _, m := range members {
		switch m.Name {
		case "type":
		case "text":
			text = m.Value
		case "image", "image_url":
			img = m.Value
		default:
			return fault.BadParam("input", "%s has a member %q; give \"text\" or \"image\".", name, m.Name)
		}
	}
	switch {
	case (text == nil) == (img == nil):
		return fault.BadParam("input", "%s must have either text or image.", name)
	case img == nil:
		return p.text(name, text)
	case !p.task.Model.Images:
		return openai.Unsupported("input", "this model takes texts only, and "+name+" is a picture")
	}
	given, err := p.givenPicture("input", img, givenLimits)
	if err != nil || given == nil {
		return err
	}
	before := len(p.out)
	p.out = append(p.out, `{"image":"`...)
	p.out = picture.AppendURL(p.out, picture.PNG(picture.Within(given, mostEmbedded)))
	p.out = append(p.out, '"', '}')
	if p.pictures += len(p.out) - before; p.pictures > mostSent {
		return fault.New(fault.TooLarge, "request_too_large", "The request's pictures, up to %s, have more than the %d bytes that miners are sent; send several requests.", name, mostSent)
	}
	return nil
}

func (p *parsing) text(name string, v []byte) error {
	switch {
	case !openai.IsString(v):
		return fault.BadParam("input", "%s must be a string.", name)
	case len(v) == 2:
		return fault.BadParam("input", "%s is empty.", name)
	}
	before := len(p.out)
	p.out = openai.AppendCanonical(p.out, v)
	p.r.features.PromptBytes += len(p.out) - before - 2
	return nil
}

// vectorLength reads how long the customer wants the vectors. Miners always
// give them whole, and the rest is cut off here.
func vectorLength(p *parsing, name string, v []byte) error {
	most := p.task.Limits.Dimensions
	if most == 0 {
		return openai.Unsupported(name, "this model's vectors mean nothing when they are cut")
	}
	n, err := openai.Int(v, name, 1, int64(most))
	p.r.wants.Dimensions = int(n)
	return err
}

// cut shortens a vector to n numbers, and to length 1 again. 0 leaves it alone.
func cut(vector []float32, n int) []float32 {
	if n == 0 || n >= len(vector) {
		return vector
	}
	sum := 0.0
	for _, f := range vector[:n] {
		sum += float64(f) * float64(f)
	}
	out := make([]float32, n)
	if sum > 0 {
		scale := 1 / math.Sqrt(sum)
		for i, f := range vector[:n] {
			out[i] = float32(float64(f) * scale)
		}
	}
	return out
}

func encodingFormat(p *parsing, name string, v []byte) error {
	switch string(v) {
	case "", `"float"`:
	case `"base64"`:
		p.r.wants.Base64 = true
	default:
		return fault.BadParam(name, `encoding_format must be "float" or "base64".`)
	}
	p.key(name)
	p.out = append(p.out, `"float"`...)
	return nil
}

// Count checks that an answer holds one vector for each input, all of one
// length, of finite numbers.
func (Embedding) Count(response []byte, req Request) (Work, error) {
	found, err := openai.Vectors(response, int(req.Work()))
	if err != nil {
		return Work{}, err
	}
	if most := req.Wants().Dimensions; len(found[0]) < most {
		return Work{}, fault.New(fault.Upstream, "malformed_answer",
			"The upstream's answer cannot be used: its vectors have %d numbers, and the model's have more.", len(found[0]))
	}
	return Work{Units: req.Work(), Prompt: min(claimedPrompt(response), MostPrompt(req))}, nil
}

// claimedPrompt is the miner's own count of prompt tokens, or 0.
func claimedPrompt(response []byte) int64 {
	members, _ := openai.Members(response)
	for _, m := range members {
		if m.Name != "usage" {
			continue
		}
		usage, _ := openai.ObjectMembers(m.Value, "usage")
		for _, u := range usage {
			if u.Name == "prompt_tokens" {
				n, _ := openai.Int(u.Value, "prompt_tokens", 0, 1<<40)
				return n
			}
		}
	}
	return 0
}

// Show writes the vectors as the customer wants them.
func (Embedding) Show(response []byte, work Work, req Request, t *Task) ([]byte, error) {
	found, err := openai.Vectors(response, int(req.Work()))
	if err != nil {
		return nil, err
	}
	out := make([]byte, 0, len(response))
	out = append(out, `{"object":"list","data":[`...)
	var raw []byte
	for i, vector := range found {
		vector = cut(vector, req.Wants().Dimensions)
		if i > 0 {
			out = append(out, ',')
		}
		out = append(out, `{"object":"embedding","index":`...)
		out = strconv.AppendInt(out, int64(i), 10)
		out = append(out, `,"embedding":`...)
		if req.Wants().Base64 {
			raw = raw[:0]
			for _, f := range vector {
				raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(f))
			}
			out = append(out, '"')
			out = base64.StdEncoding.AppendEncode(out, raw)
			out = append(out, '"', '}')
			continue
		}
		for j, f := range vector {
			sep := byte(',')
			if j == 0 {
				sep = '['
			}
			out = append(out, sep)
			out = strconv.AppendFloat(out, float64(f), 'g', -1, 32)
		}
		out = append(out, ']', '}')
	}
	out = append(out, `],"model":`...)
	out = openai.AppendString(out, t.Name)
	out = append(out, `,"usage":{"prompt_tokens":`...)
	out = strconv.AppendInt(out, work.Prompt, 10)
	out = append(out, `,"total_tokens":`...)
	out = strconv.AppendInt(out, work.Prompt, 10)
	return append(out, `}}`...), nil
}
