package task

import (
	"image"
	"math/rand/v2"

	"vision/internal/fault"
	"vision/internal/openai"
	"vision/internal/picture"
	"vision/internal/prompt"
)

// Inpaint is the kind of pictures painted into a part of a given one, of which
// the rest stays as it is to the last bit.
type Inpaint struct{}

func (Inpaint) Name() string            { return "inpaint" }
func (Inpaint) Path() string            { return editsPath }
func (Inpaint) Unit() Unit              { return Step }
func (Inpaint) Evidence() Evidence      { return Image }
func (Inpaint) Check(t *Task) []Problem { return checkPainter(t) }
func (Inpaint) Show(body []byte, _ Work, req Request, _ *Task) ([]byte, error) {
	return showPictures(body, req)
}

// Count wants PNG besides: a JPEG does not keep what is to be kept.
func (Inpaint) Count(body []byte, req Request) (Work, error) {
	work, err := countPictures(body, req)
	if err != nil {
		return Work{}, err
	}
	n, _, _ := pictures(req)
	found, err := openai.Pictures(body, n)
	if err != nil {
		return Work{}, err
	}
	for _, b64 := range found {
		if len(b64) < len(pngHead) || b64[:len(pngHead)] != pngHead {
			return Work{}, fault.New(fault.Upstream, "malformed_answer",
				"The upstream's answer cannot be used: a picture is not a PNG, which alone keeps what was not to be painted.")
		}
	}
	return work, nil
}

// pngHead is how a PNG file begins in base64.
const pngHead = "iVBORw0KGg"

var inpaintForm = newForm(concat(
	[]field{{name: "model", read: ignored}},
	promptFields,
	[]field{
		{name: "size", read: ignored},   // read by canvasAndMask
		{name: "images", read: ignored}, // read by canvasAndMask
		{name: "image", read: canvasAndMask, always: true},
		{name: "mask", read: ignored}, // read by canvasAndMask
		{name: "n", read: images, always: true},
	},
	stepFields,
	[]field{{name: "strength", read: strength(1), always: true}},
	pictureFields,
)...)

// canvasAndMask reads the picture, then the mask: a picture of the same size
// that is transparent where it is to be painted.
func canvasAndMask(p *parsing, name string, v []byte) error {
	given, err := p.canvas(name, v)
	if err != nil {
		return err
	}
	links := len(p.r.links)
	mask, err := p.givenPicture("mask", p.given("mask"), givenLimits)
	switch {
	case err != nil:
		return err
	case mask == nil && len(p.r.links) == links:
		return fault.BadParam("mask", "mask is required: a PNG that is transparent where the model is to paint. To change a whole picture, use a model of the kind image-to-image.")
	case mask == nil || given == nil: // a link; all is read again
		return nil
	case mask.Bounds().Size() != given.Bounds().Size():
		return fault.BadParam("mask", "mask is %s pixels and image %s; they must be of one size.", sizeOfPicture(mask), sizeOfPicture(given))
	}
	fit, painted := picture.Mask(mask, p.r.width, p.r.height)
	if painted == 0 {
		return fault.BadParam("mask", "mask has no transparent pixels; those are the ones that the model paints.")
	}
	p.sends("mask", picture.MaskPNG(fit))
	return nil
}

func sizeOfPicture(img image.Image) string { return sizeOf(img.Bounds().Dx(), img.Bounds().Dy()) }

// Describe implements Kind.
func (Inpaint) Describe(*Task) Description {
	return Description{both, onlyPicture, concat(paintingParameters, []string{"strength"})}
}

// Parse reads a request to paint a part of a picture.
func (Inpaint) Parse(body []byte, t *Task) (Request, error) { return parseWith(inpaintForm, body, t) }

// Synthesise makes up a picture, a part of it, and what to paint there.
func (Inpaint) Synthesise(r *rand.Rand, shape Shape, t *Task) Request {
	f := shape.Draw(r, t)
	w, h := drawnSize(r, f, t)
	return either(inpaintForm, t, func(f Features) []byte {
		body := appendDescription([]byte{'{'}, r, shape, f, t)
		body = appendPicture(body, "image", madeUp(prompt.Picture(r, w, h)))
		body = appendPicture(body, "mask", picture.PNG(prompt.Hole(r, w, h)))
		if f.Task != "" || r.IntN(3) == 0 {
			body = appendPart(body, r, f, "strength", 12)
		}
		return append(body, '}')
	}, f)
}

// Plausible draws a picture that may be asked for.
func (Inpaint) Plausible(r *rand.Rand) Features { return plausiblePicture(r) }
