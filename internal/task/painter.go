package task

import (
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"

	"vision/internal/fault"
	"vision/internal/openai"
	"vision/internal/prompt"
)

// What kinds have in common whose models paint: a prompt, steps, sizes.

// promptFields say what to paint.
var promptFields = []field{
	{name: "prompt", read: imagePrompt, always: true},
	{name: "negative_prompt", read: negativePrompt},
}

// stepFields say how thoroughly. The number of pictures comes before them.
var stepFields = []field{
	{name: "steps", read: ignored}, // read by steps
	{name: "num_inference_steps", read: steps, always: true},
	{name: "guidance_scale", read: guidance, always: true},
	{name: "guidance", read: ignored}, // read by guidance
}

// pictureFields are what all kinds of pictures end with.
var pictureFields = []field{
	{name: "response_format", read: responseFormat, always: true},
	{name: "output_format", read: unless("pictures are made in png", `"png"`)},
	{name: "output_compression", read: unless("pictures are made in png", "100")},
	{name: "quality", read: unless("use num_inference_steps", `"auto"`, `"standard"`)},
	{name: "background", read: unless("pictures are opaque", `"auto"`, `"opaque"`)},
	{name: "input_fidelity", read: refused("use strength, where the model's kind has it")},
	{name: "moderation", read: ignored},
	{name: "stream", read: unless("a picture comes at once", "false")},
	{name: "partial_images", read: unless("a picture comes at once", "0")},
	{name: "user", read: ignored},
	{name: "seed", read: seed, always: true},
}

// checkPainter wants steps, images and sizes.
func checkPainter(t *Task) []Problem {
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

func sizeOf(width, height int) string { return strconv.Itoa(width) + "x" + strconv.Itoa(height) }

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
	p.r.pictures = int(n)
	p.int(name, n)
	return nil
}

func size(p *parsing, name string, v []byte) error {
	asked, err := p.size(name, v)
	if err != nil {
		return err
	}
	if asked == "" {
		asked = p.task.Limits.Sizes[0]
	}
	p.paints(asked)
	return nil
}

// size is the size that is asked for, "" if that is left to us.
func (p *parsing) size(name string, v []byte) (string, error) {
	if v == nil || string(v) == `"auto"` {
		return "", nil
	}
	asked, err := openai.Text(v, name)
	if err != nil {
		return "", err
	}
	if !slices.Contains(p.task.Limits.Sizes, asked) {
		return "", fault.BadParam(name, "size must be one of %s.", strings.Join(p.task.Limits.Sizes, ", "))
	}
	return asked, nil
}

// paints writes the size of the pictures to make.
func (p *parsing) paints(size string) {
	p.r.features.Size = size
	p.r.width, p.r.height = dimensions(size)
	p.key("size")
	p.out = openai.AppendString(p.out, size)
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
	p.r.work = int64(p.r.pictures) * n
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

// strength is how much of a given picture is painted anew, above 0 to 1. Models
// run that part of the steps, and no more are counted.
func strength(usual float64) func(*parsing, string, []byte) error {
	return func(p *parsing, name string, v []byte) error {
		s := usual
		if v != nil {
			var err error
			if s, err = openai.Float(v, name, 0.01, 1); err != nil {
				return err
			}
		}
		p.r.work = int64(p.r.pictures) * int64(StepsRun(p.r.features.Output, s))
		p.key(name)
		p.out = openai.AppendFloat(p.out, s)
		return nil
	}
}

// StepsRun is how many of the steps asked for are run at a strength: that part
// of them, rounded up.
func StepsRun(steps int, strength float64) int {
	return max(1, min(steps, int(math.Ceil(float64(steps)*strength-1e-9))))
}

func responseFormat(p *parsing, name string, v []byte) error {
	if v != nil && string(v) != `"b64_json"` {
		return openai.Unsupported(name, `pictures come in the answer itself; use "b64_json"`)
	}
	p.key(name)
	p.out = append(p.out, `"b64_json"`...)
	return nil
}

// appendDescription makes up a prompt and the number of steps.
func appendDescription(body []byte, r *rand.Rand, shape Shape, f Features, t *Task) []byte {
	body = append(body, `"prompt":`...)
	body = openai.AppendString(body, scene(r, shape, t, min(max(f.PromptBytes, 1), maxImagePrompt/2)))
	body = append(body, `,"num_inference_steps":`...)
	body = strconv.AppendInt(body, int64(min(max(f.Output, 1), t.Limits.Steps)), 10)
	for name, value := range options(f.Options) {
		switch name {
		case "negative_prompt":
			n, _ := strconv.Atoi(value)
			body = append(body, `,"negative_prompt":`...)
			body = openai.AppendString(body, prompt.Flaws(r, min(max(n, 1), maxImagePrompt/2)))
		case "n", "guidance_scale":
			body = append(append(append(body, `,"`...), name...), `":`...)
			body = append(body, value...)
		case "seed":
			body = append(body, `,"seed":`...)
			body = append(body, madeSeed(r, value)...)
		}
	}
	return body
}

// scene describes a picture: as somebody wrote, if shape has that, or made up.
func scene(r *rand.Rand, shape Shape, t *Task, bytes int) string {
	if turns := shape.Written(r, t, 1, bytes); len(turns) > 0 && len(turns[0].Text) <= maxImagePrompt/2 {
		return turns[0].Text
	}
	return prompt.Scene(r, bytes)
}

// appendSize asks for a size that customers did, if the task has it.
func appendSize(body []byte, f Features, t *Task) []byte {
	if slices.Contains(t.Limits.Sizes, f.Size) {
		body = append(body, `,"size":`...)
		body = openai.AppendString(body, f.Size)
	}
	return body
}

// appendPart appends what a customer gave, if f is a customer's, or makes up a
// number of twentieths, at least low of them.
func appendPart(body []byte, r *rand.Rand, f Features, name string, low int) []byte {
	if f.Task != "" {
		if v := valueOf(f.Options, name); v != "" {
			body = append(append(append(body, `,"`...), name...), `":`...)
			body = append(body, v...)
		}
		return body
	}
	body = append(body, ',', '"')
	body = append(body, name...)
	body = append(body, '"', ':')
	return openai.AppendFloat(body, float64(low+r.IntN(21-low))/20)
}
