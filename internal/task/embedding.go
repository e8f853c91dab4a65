package task

import (
	"encoding/base64"
	"encoding/binary"
	"math"
	"math/rand/v2"
	"strconv"

	"vision/internal/fault"
	"vision/internal/openai"
	"vision/internal/prompt"
)

// Embedding is the kind of texts turned into vectors.
type Embedding struct{}

func (Embedding) Name() string       { return "embedding" }
func (Embedding) Path() string       { return "/v1/embeddings" }
func (Embedding) Unit() Unit         { return Item }
func (Embedding) Evidence() Evidence { return Vector }

// Check wants a limit of items.
func (Embedding) Check(t *Task) []Problem {
	if t.Limits.Items <= 0 {
		return []Problem{problem("limits.items", "is missing: say how many inputs a request may have")}
	}
	return nil
}

var embeddingForm = newForm(
	field{name: "model", read: ignored},
	field{name: "input", read: input, always: true},
	field{name: "encoding_format", read: encodingFormat, always: true},
	field{name: "dimensions", read: refused("vectors come in the model's own length")},
	field{name: "stream", read: unless("vectors come at once", "false")},
	field{name: "user", read: ignored},
)

// Parse reads a request for vectors. Miners are always asked for numbers;
// base64 is made of them for the customers who want it.
func (Embedding) Parse(body []byte, t *Task) (Request, error) {
	r, err := embeddingForm.parse(body, t)
	if err != nil {
		return nil, err
	}
	return r, nil
}

// Synthesise makes up texts.
func (Embedding) Synthesise(r *rand.Rand, shape Shape, t *Task) Request {
	f := shape.Draw(r, Embedding{}.Name())
	items := min(max(f.Output, 1), t.Limits.Items)
	each := min(max(f.PromptBytes/items, 1), 1<<20)
	body := []byte(`{"input":[`)
	for i := range items {
		if i > 0 {
			body = append(body, ',')
		}
		body = openai.AppendString(body, prompt.Text(r, each))
	}
	return must(embeddingForm.parse(append(body, `]}`...), t))
}

// input reads a string or an array of strings; miners always see an array.
func input(p *parsing, name string, v []byte) error {
	p.r.features.Temperature, p.r.features.TopP = -1, -1
	p.key(name)
	p.out = append(p.out, '[')
	n := 0
	add := func(v []byte) error {
		if n++; n > p.task.Limits.Items {
			return fault.BadParam(name, "input has more than %d texts.", p.task.Limits.Items)
		}
		if !openai.IsString(v) {
			return unsupported(name, "give texts, not tokens")
		}
		if len(v) == 2 {
			return fault.BadParam(name, "input[%d] is empty.", n-1)
		}
		if n > 1 {
			p.out = append(p.out, ',')
		}
		before := len(p.out)
		p.out = openai.AppendCanonical(p.out, v)
		p.r.features.PromptBytes += len(p.out) - before - 2
		return nil
	}
	switch {
	case openai.IsString(v):
		if err := add(v); err != nil {
			return err
		}
	case openai.IsArray(v):
		for e := range openai.Elements(v) {
			if err := add(e); err != nil {
				return err
			}
		}
	}
	if n == 0 {
		return fault.BadParam(name, "input is required: a string, or an array of strings.")
	}
	p.out = append(p.out, ']')
	p.r.work = int64(n)
	p.r.features.Output = n
	p.r.features.Turns = n
	return nil
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
	if _, err := openai.Vectors(response, int(req.Work())); err != nil {
		return Work{}, err
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
