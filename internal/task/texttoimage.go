package task

import "math/rand/v2"

// TextToImage is the kind of pictures made from a text.
type TextToImage struct{}

func (TextToImage) Name() string       { return "text-to-image" }
func (TextToImage) Path() string       { return "/v1/images/generations" }
func (TextToImage) Unit() Unit         { return Step }
func (TextToImage) Evidence() Evidence { return Image }

func (TextToImage) Check(t *Task) []Problem { return checkPainter(t) }
func (TextToImage) Count(body []byte, req Request) (Work, error) {
	return countPictures(body, req)
}
func (TextToImage) Show(body []byte, _ Work, req Request, _ *Task) ([]byte, error) {
	return showPictures(body, req)
}

var imageForm = newForm(concat(
	[]field{{name: "model", read: ignored}},
	promptFields,
	[]field{
		{name: "n", read: images, always: true},
		{name: "size", read: size, always: true},
	},
	stepFields,
	pictureFields,
)...)

// Describe implements Kind.
func (TextToImage) Describe(*Task) Description {
	return Description{onlyText, onlyPicture, paintingParameters}
}

// Parse reads a request for pictures.
func (TextToImage) Parse(body []byte, t *Task) (Request, error) {
	return parseWith(imageForm, body, t)
}

// Synthesise makes up the description of a picture.
func (TextToImage) Synthesise(r *rand.Rand, shape Shape, t *Task) Request {
	f := shape.Draw(r, t)
	return either(imageForm, t, func(f Features) []byte {
		body := appendDescription([]byte{'{'}, r, shape, f, t)
		body = appendSize(body, f, t)
		return append(body, '}')
	}, f)
}

// Plausible draws a picture that may be asked for.
func (TextToImage) Plausible(r *rand.Rand) Features { return plausiblePicture(r) }
