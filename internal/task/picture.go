package task

import (
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

// readPicture decodes the picture that v holds, within limits.
func readPicture(param string, v []byte, l picture.Limits) (image.Image, error) {
	file, err := pictureFile(param, v)
	if err != nil {
		return nil, err
	}
	img, err := picture.Read(file, l)
	if err != nil {
		return nil, badPicture(param, err)
	}
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
	if _, err := picture.Read(file, l); err != nil {
		return badPicture(param, err)
	}
	p.out = append(p.out, '"')
	p.out = picture.AppendURL(p.out, file)
	p.out = append(p.out, '"')
	return nil
}
