package picture

import (
	"bytes"
	"image"
	"image/color"
	"image/png"

	"golang.org/x/image/draw"
)

// Opaque gives a picture in the form that miners are sent: red, green and blue,
// what was transparent on white, its corner at 0, 0.
func Opaque(img image.Image) *image.RGBA {
	b := img.Bounds()
	out := white(b.Dx(), b.Dy())
	draw.Draw(out, out.Rect, img, b.Min, draw.Over)
	return out
}

func white(w, h int) *image.RGBA {
	out := image.NewRGBA(image.Rect(0, 0, w, h))
	for i := range out.Pix {
		out.Pix[i] = 255
	}
	return out
}

// Cover gives a picture of w x h pixels: the largest middle part of that shape,
// scaled. One that has the size already is not touched.
func Cover(img image.Image, w, h int) *image.RGBA {
	if b := img.Bounds(); b.Dx() == w && b.Dy() == h {
		return Opaque(img)
	}
	out := white(w, h)
	draw.CatmullRom.Scale(out, out.Rect, img, middle(img.Bounds(), w, h), draw.Over, nil)
	return out
}

// middle is the largest part of b, around its centre, of the shape w x h.
func middle(b image.Rectangle, w, h int) image.Rectangle {
	cw, ch := b.Dx(), b.Dy()
	if cw*h > ch*w {
		cw = max(ch*w/h, 1)
	} else {
		ch = max(cw*h/w, 1)
	}
	x, y := b.Min.X+(b.Dx()-cw)/2, b.Min.Y+(b.Dy()-ch)/2
	return image.Rect(x, y, x+cw, y+ch)
}

// Within gives a picture whose longer side has at most most pixels, scaled down
// if it has more.
func Within(img image.Image, most int) *image.RGBA {
	w, h := img.Bounds().Dx(), img.Bounds().Dy()
	if long := max(w, h); long > most {
		w, h = max(w*most/long, 1), max(h*most/long, 1)
	}
	out := white(w, h)
	if b := img.Bounds(); b.Dx() == w && b.Dy() == h {
		return Opaque(img)
	}
	draw.CatmullRom.Scale(out, out.Rect, img, img.Bounds(), draw.Over, nil)
	return out
}

// Mask gives which of w x h pixels are to be painted: 255 where img, after
// Cover's cut, is more transparent than not, else 0; and how many they are.
func Mask(img image.Image, w, h int) (mask *image.Alpha, painted int) {
	mask = image.NewAlpha(image.Rect(0, 0, w, h))
	from := middle(img.Bounds(), w, h)
	for y := range h {
		sy := from.Min.Y + (2*y+1)*from.Dy()/(2*h)
		for x := range w {
			_, _, _, a := img.At(from.Min.X+(2*x+1)*from.Dx()/(2*w), sy).RGBA()
			if a < 0x8000 {
				mask.Pix[y*mask.Stride+x] = 255
				painted++
			}
		}
	}
	return mask, painted
}

// MaskPNG writes a mask as OpenAI's edits take it: transparent where it is to
// be painted, black elsewhere.
func MaskPNG(mask *image.Alpha) []byte {
	p := image.NewPaletted(mask.Rect, color.Palette{color.NRGBA{A: 255}, color.NRGBA{}})
	for i, a := range mask.Pix {
		p.Pix[i] = a >> 7
	}
	return PNG(p)
}

// PNG writes a picture's file. Equal pixels give equal bytes.
func PNG(img image.Image) []byte {
	var b bytes.Buffer
	enc := png.Encoder{CompressionLevel: png.BestSpeed}
	if err := enc.Encode(&b, img); err != nil {
		panic("picture.PNG: " + err.Error()) // only for sizes that Read does not let in
	}
	return b.Bytes()
}

// Enlarge gives a picture a whole number of times as large, each pixel between
// four: no more than what is there already.
func Enlarge(img *image.RGBA, factor int) *image.RGBA {
	b := img.Bounds()
	out := image.NewRGBA(image.Rect(0, 0, b.Dx()*factor, b.Dy()*factor))
	draw.BiLinear.Scale(out, out.Rect, img, b, draw.Src, nil)
	return out
}
