package checker

import (
	"image"

	"vision/internal/openai"
	"vision/internal/picture"
)

// What is looked for in pictures that were made from others. To look alike at
// 64 x 64 pixels is little to ask of those, which look like what was given
// anyway; so the difference from the reference's is measured against what the
// reference changed.

// readGiven gives the picture that a payload holds.
func readGiven(v []byte, name string) (image.Image, error) {
	s, err := openai.Text(v, name)
	if err != nil {
		return nil, err
	}
	file, err := picture.File(s)
	if err != nil {
		return nil, err
	}
	return picture.Read(file, picture.Default)
}

// change is how far theirs is from ours, and ours from what was given, as mean
// squares at 64 x 64. What is there even where nothing was changed, and only
// rounding differs, counts as changed.
func change(given, ours, theirs *picture.Thumbnail) (wrong, changed float64) {
	const rounding = 4 // of 255, squared
	return ours.Apart(theirs), ours.Apart(given) + rounding
}

// detail is how far theirs is from ours, and ours from plain, as mean squares
// of pixels: plain is what was given, only enlarged.
func detail(plain, ours, theirs image.Image) (wrong, added float64) {
	const rounding = 1 // of 255, squared
	p, a, b := picture.Pixels(plain), picture.Pixels(ours), picture.Pixels(theirs)
	size := ours.Bounds().Size()
	square := func(x, y uint8) float64 { d := float64(x) - float64(y); return d * d }
	for y := range size.Y {
		for x := range size.X {
			r, g, bl := at(a, ours, x, y)
			pr, pg, pb := at(p, plain, x, y)
			tr, tg, tb := at(b, theirs, x, y)
			wrong += square(r, tr) + square(g, tg) + square(bl, tb)
			added += square(r, pr) + square(g, pg) + square(bl, pb)
		}
	}
	n := float64(3 * size.X * size.Y)
	return wrong / n, added/n + rounding
}

func at(read func(x, y int) (r, g, b uint8), img image.Image, x, y int) (uint8, uint8, uint8) {
	min := img.Bounds().Min
	return read(min.X+x, min.Y+y)
}

// spoiled counts the pixels that should be as they were given and are not.
func spoiled(given *image.RGBA, mask *image.Alpha, theirs image.Image) int {
	read, n := picture.Pixels(theirs), 0
	for y := range given.Rect.Dy() {
		for x := range given.Rect.Dx() {
			if mask.Pix[y*mask.Stride+x] == 255 {
				continue
			}
			r, g, b := at(read, theirs, x, y)
			if i := y*given.Stride + 4*x; given.Pix[i] != r || given.Pix[i+1] != g || given.Pix[i+2] != b {
				n++
			}
		}
	}
	return n
}

// painted is the part of a mask that is painted, above 0 to 1.
func painted(mask *image.Alpha) float64 {
	n := 0
	for _, a := range mask.Pix {
		if a == 255 {
			n++
		}
	}
	return max(float64(n), 1) / float64(len(mask.Pix))
}
