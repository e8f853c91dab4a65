package task

import (
	"image"
	"math"
	"math/rand/v2"
	"slices"

	"vision/internal/fault"
	"vision/internal/openai"
	"vision/internal/picture"
)

// Pictures that customers give. Whatever they are, miners are sent PNG files of
// red, green and blue, of a size that the task has: a photo's metadata goes no
// further, all decoders see the same pixels, and probes look like the rest.

// givenLimits are those of pictures that are scaled to a task's size.
var givenLimits = picture.Limits{Pixels: picture.Default.Pixels, Side: picture.Default.Side, MinSide: 16}

// givenPicture finds the picture that a field holds: a data URL, base64, or an
// https URL; alone, in an object with url or image_url, or in a list of one. It
// is nil if it is absent, or a link to be followed first.
func (p *parsing) givenPicture(name string, v []byte, l picture.Limits) (image.Image, error) {
	v, err := onePicture(name, v, 3)
	if err != nil || v == nil {
		return nil, err
	}
	if linked, err := p.link(name, v); linked || err != nil {
		return nil, err
	}
	return p.readPicture(name, v, l)
}

func onePicture(name string, v []byte, depth int) ([]byte, error) {
	switch {
	case v == nil || openai.IsString(v):
		return v, nil
	case depth == 0:
	case openai.IsArray(v):
		var one []byte
		for e := range openai.Elements(v) {
			if one != nil {
				return nil, fault.BadParam(name, "%s holds more than one picture; this model takes one.", name)
			}
			one = e
		}
		if one != nil {
			return onePicture(name, one, depth-1)
		}
	case v[0] == '{':
		members, err := openai.ObjectMembers(v, name)
		if err != nil {
			return nil, err
		}
		for _, m := range members {
			switch m.Name {
			case "url", "image_url":
				return onePicture(name, m.Value, depth-1)
			case "file_id":
				return nil, openai.Unsupported(name, "there are no uploaded files here; send the picture itself")
			}
		}
	}
	return nil, fault.BadParam(name, "%s must be a picture: a data URL in base64, or an https URL.", name)
}

// picture finds a required picture under the field's name or, as some clients
// call it, "images".
func (p *parsing) picture(name string, v []byte, l picture.Limits) (image.Image, error) {
	if v == nil {
		v = p.given("images")
	}
	links := len(p.r.links)
	img, err := p.givenPicture(name, v, l)
	if err == nil && img == nil && len(p.r.links) == links {
		err = fault.BadParam(name, "%s is required: a picture in %s, as a data URL in base64, an https URL or a file of a form.", name, picture.Formats)
	}
	return img, err
}

// sends writes a picture for the miner.
func (p *parsing) sends(name string, png []byte) {
	p.key(name)
	p.out = append(p.out, '"')
	p.out = picture.AppendURL(p.out, png)
	p.out = append(p.out, '"')
}

// canvas reads the picture to be worked on, and the size of the result: the one
// asked for, else the task's that is nearest in shape, then in size. The
// picture's middle is scaled to it.
func (p *parsing) canvas(name string, v []byte) (given image.Image, err error) {
	asked, err := p.size("size", p.given("size"))
	if err != nil {
		return nil, err
	}
	if given, err = p.picture(name, v, givenLimits); err != nil {
		return nil, err
	}
	switch {
	case asked != "":
	case given == nil: // not known yet
		asked = p.task.Limits.Sizes[0]
	default:
		asked = nearestSize(given.Bounds().Dx(), given.Bounds().Dy(), p.task.Limits.Sizes)
	}
	p.paints(asked)
	if given != nil {
		p.sends(name, picture.PNG(picture.Cover(given, p.r.width, p.r.height)))
	}
	return given, nil
}

// nearestSize is the size most like w x h, the earlier of two alike.
func nearestSize(w, h int, sizes []string) string {
	best, least := "", math.Inf(1)
	for _, s := range sizes {
		sw, sh := dimensions(s)
		shape := math.Abs(math.Log(float64(w) * float64(sh) / float64(h) / float64(sw)))
		area := math.Abs(math.Log(float64(w) * float64(h) / float64(sw) / float64(sh)))
		if d := 16*shape + area; d < least-1e-9 {
			best, least = s, d
		}
	}
	return best
}

// appendPicture makes up a member that holds a picture.
func appendPicture(body []byte, name string, png []byte) []byte {
	body = append(body, ',', '"')
	body = append(body, name...)
	body = append(body, `":"`...)
	body = picture.AppendURL(body, png)
	return append(body, '"')
}

func madeUp(img image.Image) []byte { return picture.PNG(picture.Opaque(img)) }

// drawnSize is the size that customers asked for if the task has it, else one of
// the task's.
func drawnSize(r *rand.Rand, f Features, t *Task) (w, h int) {
	if w, h = dimensions(f.Size); w > 0 && slices.Contains(t.Limits.Sizes, f.Size) {
		return w, h
	}
	return dimensions(t.Limits.Sizes[r.IntN(len(t.Limits.Sizes))])
}
