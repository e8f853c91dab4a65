package task

import (
	"math/rand/v2"

	"vision/internal/prompt"
)

// editsPath is OpenAI's for both kinds of changes to a picture; the model says
// which it is.
const editsPath = "/v1/images/edits"

// ImageToImage is the kind of pictures painted over a given one.
type ImageToImage struct{}

func (ImageToImage) Name() string            { return "image-to-image" }
func (ImageToImage) Path() string            { return editsPath }
func (ImageToImage) Unit() Unit              { return Step }
func (ImageToImage) Evidence() Evidence      { return Image }
func (ImageToImage) Check(t *Task) []Problem { return checkPainter(t) }
func (ImageToImage) Count(body []byte, req Request) (Work, error) {
	return countPictures(body, req)
}
func (ImageToImage) Show(body []byte, _ Work, req Request, _ *Task) ([]byte, error) {
	return showPictures(body, req)
}

var imageToImageForm = newForm(concat(
	[]field{{name: "model", read: ignored}},
	promptFields,
	[]field{
		{name: "size", read: ignored},   // read by canvas
		{name: "images", read: ignored}, // read by canvas
		{name: "image", read: canvas, always: true},
		{name: "mask", read: refused("this model repaints whole pictures; leave the mask out, or use a model of the kind inpaint")},
		{name: "n", read: images, always: true},
	},
	stepFields,
	[]field{{name: "strength", read: strength(0.6), always: true}},
	pictureFields,
)...)

func canvas(p *parsing, name string, v []byte) error {
	_, err := p.canvas(name, v)
	return err
}

// Describe implements Kind.
func (ImageToImage) Describe(*Task) Description {
	return Description{both, onlyPicture, concat(paintingParameters, []string{"strength"})}
}

// Parse reads a request to change a picture.
func (ImageToImage) Parse(body []byte, t *Task) (Request, error) {
	return parseWith(imageToImageForm, body, t)
}

// Synthesise makes up a picture and what to make of it.
func (ImageToImage) Synthesise(r *rand.Rand, shape Shape, t *Task) Request {
	f := shape.Draw(r, t)
	w, h := drawnSize(r, f, t)
	return either(imageToImageForm, t, func(f Features) []byte {
		body := appendDescription([]byte{'{'}, r, shape, f, t)
		body = appendPicture(body, "image", madeUp(prompt.Picture(r, w, h)))
		body = appendPart(body, r, f, "strength", 6)
		return append(body, '}')
	}, f)
}

// Plausible draws a picture that may be asked for.
func (ImageToImage) Plausible(r *rand.Rand) Features { return plausiblePicture(r) }
