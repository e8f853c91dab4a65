package task

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"

	"vision/internal/fault"
	"vision/internal/openai"
	"vision/internal/prompt"
)

// TextToImage is the kind of pictures made from a text.
type TextToImage struct{}

func (TextToImage) Name() string       { return "text-to-image" }
func (TextToImage) Path() string       { return "/v1/images/generations" }
func (TextToImage) Unit() Unit         { return Step }
func (TextToImage) Evidence() Evidence { return Image }

// Check wants steps, images and sizes.
func (TextToImage) Check(t *Task) []Problem {
	var problems []Problem
	if t.Limits.Steps <= 0 {
		problems = append(problems, problem("limits.steps", "is missing: say how many steps an image may have"))
	}
	if t.Limits.Images <= 0 {
		problems = append(problems, problem("limits.images", "is missing: say how many images a request may ask for"))
	}
	if len(t.Limits.Sizes) == 0 {
		problems = append(problems, problem("limits.sizes", `is missing: list the sizes of images, such as "512x512"; the first is the usual one`))
	}
	for _, s := range t.Limits.Sizes {
		if w, h := dimensions(s); w < 1 || h < 1 || w > 8192 || h > 8192 {
			problems = append(problems, problem("limits.sizes", strconv.Quote(s)+` is not a size: write "512x512", each side 1 to 8192`))
		}
	}
	return problems
}

// dimensions reads "512x512"; 0, 0 if it is not a size.
func dimensions(size string) (width, height int) {
	w, h, _ := strings.Cut(size, "x")
	width, errW := strconv.Atoi(w)
	height, errH := strconv.Atoi(h)
	if errW != nil || errH != nil {
		return 0, 0
	}
	return width, height
}

var imageForm = newForm(
	field{name: "model", read: ignored},
	field{name: "prompt", read: imagePrompt, always: true},
	field{name: "negative_prompt", read: negativePrompt},
	field{name: "n", read: images, always: true},
	field{name: "size", read: size, always: true},
	field{name: "steps", read: ignored}, // read by steps
	field{name: "num_inference_steps", read: steps, always: true},
	field{name: "guidance_scale", read: guidance, always: true},
	field{name: "guidance", read: ignored}, // read by guidance
	field{name: "response_format", read: responseFormat, always: true},
	field{name: "output_format", read: unless("pictures are made in png", `"png"`)},
	field{name: "stream", read: unless("a picture comes at once", "false")},
	field{name: "partial_images", read: unless("a picture comes at once", "0")},
	field{name: "user", read: ignored},
	field{name: "seed", read: seed, always: true},
)

// Parse reads a request for pictures.
func (TextToImage) Parse(body []byte, t *Task) (Request, error) {
	r, err := imageForm.parse(body, t)
	if err != nil {
		return nil, err
	}
	return r, nil
}

// Synthesise makes up the description of a picture.
func (TextToImage) Synthesise(r *rand.Rand, shape Shape, t *Task) Request {
	f := shape.Draw(r, TextToImage{}.Name())
	body := []byte(`{"prompt":`)
	body = openai.AppendString(body, prompt.Scene(r, min(max(f.PromptBytes, 1), maxImagePrompt/2)))
	body = append(body, `,"num_inference_steps":`...)
	body = strconv.AppendInt(body, int64(min(max(f.Output, 1), t.Limits.Steps)), 10)
	if slices.Contains(t.Limits.Sizes, f.Size) {
		body = append(body, `,"size":`...)
		body = openai.AppendString(body, f.Size)
	}
	return must(imageForm.parse(append(body, '}'), t))
}

const maxImagePrompt = 32 << 10 // bytes

func imagePrompt(p *parsing, name string, v []byte) error {
	if !openai.IsString(v) || len(v) == 2 {
		return fault.BadParam(name, "prompt is required: a string that is not empty.")
	}
	if len(v) > maxImagePrompt {
		return fault.BadParam(name, "prompt has more than %d bytes.", maxImagePrompt)
	}
	p.r.features.Temperature, p.r.features.TopP = -1, -1
	p.r.features.Turns = 1
	p.key(name)
	before := len(p.out)
	p.out = openai.AppendCanonical(p.out, v)
	p.r.features.PromptBytes = len(p.out) - before - 2
	return nil
}

func negativePrompt(p *parsing, name string, v []byte) error {
	if !openai.IsString(v) || len(v) > maxImagePrompt {
		return fault.BadParam(name, "%s must be a string of at most %d bytes.", name, maxImagePrompt)
	}
	return asIs(p, name, v)
}

func images(p *parsing, name string, v []byte) error {
	n := int64(1)
	if v != nil {
		var err error
		if n, err = openai.Int(v, name, 1, int64(p.task.Limits.Images)); err != nil {
			return err
		}
	}
	p.r.work = n // times the steps, once they are known
	p.int(name, n)
	return nil
}

func size(p *parsing, name string, v []byte) error {
	asked := p.task.Limits.Sizes[0]
	if v != nil && string(v) != `"auto"` {
		var err error
		if asked, err = openai.Text(v, name); err != nil {
			return err
		}
		if !slices.Contains(p.task.Limits.Sizes, asked) {
			return fault.BadParam(name, "size must be one of %s.", strings.Join(p.task.Limits.Sizes, ", "))
		}
	}
	p.r.features.Size = asked
	p.key(name)
	p.out = openai.AppendString(p.out, asked)
	return nil
}

// steps reads either of the names in use; without one, the task's most.
func steps(p *parsing, name string, v []byte) error {
	n := int64(p.task.Limits.Steps)
	if v == nil {
		v, name = p.given("steps"), "steps"
	}
	if v != nil {
		var err error
		if n, err = openai.Int(v, name, 1, n); err != nil {
			return err
		}
	}
	p.r.work *= n
	p.r.features.Output = int(n)
	p.int("num_inference_steps", n)
	return nil
}

// guidance reads either of the names in use.
func guidance(p *parsing, name string, v []byte) error {
	if v == nil {
		if v = p.given("guidance"); v == nil {
			return nil
		}
	}
	return number(0, 100)(p, name, v)
}

func responseFormat(p *parsing, name string, v []byte) error {
	if v != nil && string(v) != `"b64_json"` {
		return unsupported(name, `pictures come in the answer itself; use "b64_json"`)
	}
	p.key(name)
	p.out = append(p.out, `"b64_json"`...)
	return nil
}

// Count checks that an answer holds as many pictures as were asked for, each
// whole base64 of a PNG or JPEG of the size that was asked for.
func (TextToImage) Count(response []byte, req Request) (Work, error) {
	width, height := dimensions(req.Features().Size)
	found, err := openai.Pictures(response, pictures(req))
	if err != nil {
		return Work{}, err
	}
	for _, b64 := range found {
		if _, err := openai.PictureFile(b64, width, height); err != nil {
			return Work{}, err
		}
	}
	return Work{Units: req.Work()}, nil
}

// pictures is how many pictures a request asks for.
func pictures(req Request) int { return int(req.Work()) / max(req.Features().Output, 1) }

// Show gives the pictures and nothing else that the miner wrote.
func (TextToImage) Show(response []byte, _ Work, req Request, _ *Task) ([]byte, error) {
	found, err := openai.Pictures(response, pictures(req))
	if err != nil {
		return nil, err
	}
	out := make([]byte, 0, len(response)+64)
	out = append(out, `{"created":`...)
	out = strconv.AppendInt(out, created(response), 10)
	out = append(out, `,"data":[`...)
	for i, b64 := range found {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(out, `{"b64_json":`...)
		out = openai.AppendString(out, b64)
		out = append(out, '}')
	}
	return append(out, `]}`...), nil
}

// created is the answer's time in seconds since 1970, or 0.
func created(response []byte) int64 {
	members, err := openai.Members(response)
	if err != nil {
		return 0
	}
	for _, m := range members {
		if m.Name == "created" {
			n, _ := openai.Int(m.Value, "created", 0, 1<<40)
			return n
		}
	}
	return 0
}
