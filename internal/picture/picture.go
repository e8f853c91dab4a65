// Package picture reads the pictures that strangers send, and writes them in
// the one form that miners are sent.
//
// Invariants: nothing is decoded before its header was read and its dimensions
// found within the limits, so that a small file cannot demand much memory; what
// Read gives was decoded to its last pixel; a file's metadata (where a photo
// was taken, by whom) goes no further than here; equal pixels give equal bytes.
package picture

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	_ "image/gif" // the formats that are read
	_ "image/jpeg"
	_ "image/png"
	"strings"

	_ "golang.org/x/image/bmp"
	_ "golang.org/x/image/tiff"
	_ "golang.org/x/image/webp"
)

// Formats are what Read reads, for messages. Of animations the first picture is
// taken; the orientation that a camera noted is not looked at.
const Formats = "PNG, JPEG, WebP, GIF, BMP or TIFF"

// Limits bound a picture. A field of 0 does not.
type Limits struct {
	Pixels  int // width times height
	Side    int // pixels, the longer side
	MinSide int // pixels, the shorter side
}

// Default is what is read where a task says nothing else: 4096 x 4096 pixels.
// Decoding takes up to 8 bytes a pixel (a PNG of 16 bits), 128 MB, and of
// progressive JPEGs, which are held to half as many, 15 and with four colours 24:
// 120 to 192 MB.
var Default = Limits{Pixels: 16 << 20, Side: 16384, MinSide: 1}

// Check says what is wrong with dimensions.
func (l Limits) Check(width, height int) error {
	long, short := max(width, height), min(width, height)
	switch {
	case short < max(l.MinSide, 1):
		return fmt.Errorf("it is %dx%d pixels, and each side must have at least %d", width, height, max(l.MinSide, 1))
	case l.Side > 0 && long > l.Side:
		return fmt.Errorf("it is %dx%d pixels, and a side may have at most %d", width, height, l.Side)
	case l.Pixels > 0 && width > l.Pixels/height:
		return fmt.Errorf("it is %dx%d pixels, more than %d in all", width, height, l.Pixels)
	}
	return nil
}

var errUnknown = errors.New("it is not a picture in " + Formats)

// Read decodes a file within limits. Its errors end a sentence such as "image
// cannot be used: …".
func Read(file []byte, l Limits) (img image.Image, err error) {
	defer func() { // a decoder fed by a stranger
		if recover() != nil {
			img, err = nil, errors.New("it is broken")
		}
	}()
	c, _, err := image.DecodeConfig(bytes.NewReader(file))
	if err != nil {
		return nil, errUnknown
	}
	if err := l.Check(c.Width, c.Height); err != nil {
		return nil, err
	}
	if err := checkJPEG(file, c.Width, c.Height); err != nil {
		return nil, err
	}
	img, _, err = image.Decode(bytes.NewReader(file))
	if err != nil {
		return nil, fmt.Errorf("it is broken: it begins as %s and cannot be decoded to its end", strings.ToUpper(name(file)))
	}
	if b := img.Bounds(); b.Dx() != c.Width || b.Dy() != c.Height {
		return nil, errors.New("its header and its contents differ in size")
	}
	return img, nil
}

// name is a file's format in short, "" if it is none that is read.
func name(file []byte) string { return strings.TrimPrefix(MediaType(file), "image/") }

// MediaType tells a file's format by its first bytes: "image/png", "" if it is
// none that is read.
func MediaType(file []byte) string {
	for _, f := range []struct{ magic, media string }{
		{"\x89PNG\r\n\x1a\n", "image/png"}, {"\xff\xd8\xff", "image/jpeg"}, {"GIF87a", "image/gif"}, {"GIF89a", "image/gif"},
		{"BM", "image/bmp"}, {"II*\x00", "image/tiff"}, {"MM\x00*", "image/tiff"},
	} {
		if bytes.HasPrefix(file, []byte(f.magic)) {
			return f.media
		}
	}
	if len(file) >= 12 && string(file[:4]) == "RIFF" && string(file[8:12]) == "WEBP" {
		return "image/webp"
	}
	return ""
}
