package task

import (
	"fmt"
	"image"

	"vision/internal/fault"
	"vision/internal/openai"
	"vision/internal/picture"
)

// pictureFile gives the file that v, a data URL or base64, holds.
func pictureFile(param string, v []byte) ([]byte, error) {
	s, err := openai.Text(v, param)
	if err != nil {
		return nil, err
	}
	file, err := picture.File(s)
	if err != nil {
		return nil, badPicture(param, err)
	}
	return file, nil
}

// mostDecoded is how many pixels one request's pictures may have together, up to
// one picture more: a file says nothing of what decoding it takes.
const mostDecoded = 4 * (16 << 20)

// readPicture decodes the picture that v holds, within limits.
func (p *parsing) readPicture(param string, v []byte, l picture.Limits) (image.Image, error) {
	file, err := pictureFile(param, v)
	if err != nil {
		return nil, err
	}
	return p.decode(param, file, l)
}

func (p *parsing) decode(param string, file []byte, l picture.Limits) (image.Image, error) {
	if p.decoded >= mostDecoded {
		return nil, badPicture(param, fmt.Errorf("the request's pictures have more than %d pixels in all; send smaller ones, or several requests", mostDecoded))
	}
	img, err := picture.Read(file, l)
	if err != nil {
		return nil, badPicture(param, err)
	}
	p.decoded += img.Bounds().Dx() * img.Bounds().Dy()
	return img, nil
}

func badPicture(param string, err error) error {
	e := fault.BadParam(param, "%s cannot be used: %v.", param, err)
	e.Code = "invalid_image"
	return e
}

// asPicture appends the picture that v holds as a data URL, byte for byte as it
// was sent, once it has been decoded within limits.
func (p *parsing) asPicture(param string, v []byte, l picture.Limits) error {
	file, err := pictureFile(param, v)
	if err != nil {
		return err
	}
	if _, err := p.decode(param, file, l); err != nil {
		return err
	}
	p.out = append(p.out, '"')
	p.out = picture.AppendURL(p.out, file)
	p.out = append(p.out, '"')
	return nil
}
