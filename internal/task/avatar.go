package task

import (
	"math/rand/v2"

	"vision/internal/openai"
	"vision/internal/picture"
	"vision/internal/prompt"
)

// Avatar is the kind of pictures of a person, given by a picture of the face,
// in whatever setting a text describes. OpenAI has no path for it.
type Avatar struct{}

func (Avatar) Name() string            { return "avatar" }
func (Avatar) Path() string            { return "/v1/avatars" }
func (Avatar) Unit() Unit              { return Step }
func (Avatar) Evidence() Evidence      { return Image }
func (Avatar) Check(t *Task) []Problem { return checkPainter(t) }
func (Avatar) Count(body []byte, req Request) (Work, error) {
	return countPictures(body, req)
}
func (Avatar) Show(body []byte, _ Work, req Request, _ *Task) ([]byte, error) {
	return showPictures(body, req)
}

var avatarForm = newForm(concat(
	[]field{{name: "model", read: ignored}},
	promptFields,
	[]field{
		{name: "images", read: ignored}, // read by face
		{name: "image", read: face, always: true},
		{name: "adapter_strength", read: part(0.8), always: true},
		{name: "control_strength", read: part(0.5), always: true},
		{name: "n", read: images, always: true},
		{name: "size", read: size, always: true},
	},
	stepFields,
	pictureFields,
)...)

// mostFace is the longer side, in pixels, that a face's picture is scaled down to.
const mostFace = 1024

// face reads the picture of a face, which keeps its shape.
func face(p *parsing, name string, v []byte) error {
	l := givenLimits
	l.MinSide = 64
	given, err := p.picture(name, v, l)
	if err == nil && given != nil {
		p.sends(name, picture.PNG(picture.Within(given, mostFace)))
	}
	return err
}

// part is a number from 0 to 1: how much the picture of the face counts.
// adapter_strength is for who it is (an IP adapter's scale), control_strength
// for how the head is held (a ControlNet's).
func part(usual float64) func(*parsing, string, []byte) error {
	return func(p *parsing, name string, v []byte) error {
		f := usual
		if v != nil {
			var err error
			if f, err = openai.Float(v, name, 0, 1); err != nil {
				return err
			}
		}
		p.key(name)
		p.out = openai.AppendFloat(p.out, f)
		return nil
	}
}

// Describe implements Kind.
func (Avatar) Describe(*Task) Description {
	return Description{both, onlyPicture, concat(paintingParameters, []string{"adapter_strength", "control_strength"})}
}

// Parse reads a request for an avatar.
func (Avatar) Parse(body []byte, t *Task) (Request, error) { return parseWith(avatarForm, body, t) }

// Synthesise makes up a face and what to make of it.
func (Avatar) Synthesise(r *rand.Rand, shape Shape, t *Task) Request {
	f := shape.Draw(r, t)
	side := 256 + 64*r.IntN(5)
	return either(avatarForm, t, func(f Features) []byte {
		body := appendDescription([]byte{'{'}, r, shape, f, t)
		body = appendPicture(body, "image", madeUp(prompt.Portrait(r, side, side+32*r.IntN(4))))
		body = appendPart(body, r, f, "adapter_strength", 8)
		body = appendPart(body, r, f, "control_strength", 4)
		body = appendSize(body, f, t)
		return append(body, '}')
	}, f)
}

// Plausible draws a picture that may be asked for.
func (Avatar) Plausible(r *rand.Rand) Features { return plausiblePicture(r) }
