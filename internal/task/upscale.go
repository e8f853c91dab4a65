package task

import (
	"math/rand/v2"

	"vision/internal/fault"
	"vision/internal/openai"
	"vision/internal/picture"
	"vision/internal/prompt"
)

// Upscale is the kind of pictures made larger by a factor that is the model's
// own, with detail that the small one only suggests. It stands at OpenAI's path
// for variations of a picture.
type Upscale struct{}

func (Upscale) Name() string       { return "upscale" }
func (Upscale) Path() string       { return "/v1/images/variations" }
func (Upscale) Unit() Unit         { return Kilopixel }
func (Upscale) Evidence() Evidence { return Image }
func (Upscale) Count(body []byte, req Request) (Work, error) {
	return countPictures(body, req)
}
func (Upscale) Show(body []byte, _ Work, req Request, _ *Task) ([]byte, error) {
	return showPictures(body, req)
}

// mostUpscaled bounds the pixels of a result: what checks can compare, and an
// answer hold.
const mostUpscaled = 8 << 20

// Check wants a factor, and a limit of what is given.
func (Upscale) Check(t *Task) []Problem {
	var problems []Problem
	if t.Limits.Scale < 2 || t.Limits.Scale > 8 {
		problems = append(problems, problem("limits.scale", "is missing or out of range: say by how much the model enlarges a side, 2 to 8"))
	}
	if most := mostUpscaled / max(1, t.Limits.Scale*t.Limits.Scale); t.Limits.Pixels < minUpscaled*minUpscaled || t.Limits.Pixels > most {
		problems = append(problems, problem("limits.pixels", "is missing or out of range: say how many pixels a given picture may have, 4096 to "+itoa(most)))
	}
	return problems
}

// minUpscaled is the least side of a given picture, in pixels.
const minUpscaled = 64

var upscaleForm = newForm(concat(
	[]field{
		{name: "model", read: ignored},
		{name: "prompt", read: refused("this model only enlarges pictures; leave the prompt out")},
		{name: "size", read: ignored},   // read by enlarged
		{name: "images", read: ignored}, // read by enlarged
		{name: "image", read: enlarged, always: true},
		{name: "n", read: unless("a picture has one enlargement; use 1", "1")},
	},
	pictureFields,
)...)

// enlarged reads the picture; the size, where it is given, must be the
// result's, as no other can be had.
func enlarged(p *parsing, name string, v []byte) error {
	l := p.task.Limits
	given, err := p.picture(name, v, picture.Limits{Pixels: l.Pixels, MinSide: minUpscaled})
	if err != nil {
		return err
	}
	p.r.pictures = 1
	p.r.features = Features{Temperature: -1, TopP: -1, Turns: 1}
	if given == nil { // a link; all is read again
		return nil
	}
	png := picture.Opaque(given)
	size := sizeOf(png.Rect.Dx(), png.Rect.Dy())
	p.paints(sizeOf(png.Rect.Dx()*l.Scale, png.Rect.Dy()*l.Scale))
	if asked := p.given("size"); asked != nil && string(asked) != `"auto"` {
		s, err := openai.Text(asked, "size")
		if err != nil {
			return err
		}
		if s != p.r.features.Size {
			return fault.BadParam("size", "size must be left out, or be %s: this model enlarges by %d.", p.r.features.Size, l.Scale)
		}
	}
	p.r.features.Size = size // of what was given: what probes learn from
	p.r.work = (int64(p.r.width)*int64(p.r.height) + 999) / 1000
	p.sends(name, picture.PNG(png))
	return nil
}

// Describe implements Kind.
func (Upscale) Describe(*Task) Description {
	return Description{onlyPicture, onlyPicture, nil}
}

// Parse reads a request to enlarge a picture.
func (Upscale) Parse(body []byte, t *Task) (Request, error) { return parseWith(upscaleForm, body, t) }

// Synthesise makes up a picture, of a size that a customer's had.
func (Upscale) Synthesise(r *rand.Rand, shape Shape, t *Task) Request {
	w, h := dimensions(shape.Draw(r, t).Size)
	if (picture.Limits{Pixels: t.Limits.Pixels, MinSide: minUpscaled}).Check(w, h) != nil {
		for w, h = t.Limits.Pixels, t.Limits.Pixels; w*h > t.Limits.Pixels; {
			w, h = minUpscaled+8*r.IntN(121), minUpscaled+8*r.IntN(121)
		}
	}
	body := appendPicture([]byte(`{"n":1`), "image", madeUp(prompt.Picture(r, w, h)))
	return must(upscaleForm.parse(append(body, '}'), t))
}

// Plausible draws a picture that may be asked for.
func (Upscale) Plausible(r *rand.Rand) Features { return plausiblePicture(r) }
