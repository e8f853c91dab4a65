package checker

import (
	"image"
	"image/color"
	"math"
)

// thumbnailSide is the number of cells each way, pictures of any shape alike.
const thumbnailSide = 64

// thumbnail is the mean colour of each cell of a picture, 0 to 255. What
// compression and honest arithmetic change is gone at this size; shapes,
// colours and noise that is left over are not.
type thumbnail [thumbnailSide][thumbnailSide][3]float64

// shrink averages a picture's pixels over each cell.
func shrink(img image.Image) *thumbnail {
	t := new(thumbnail)
	b := img.Bounds()
	at := pixels(img)
	for row := range thumbnailSide {
		y0, y1 := span(row, b.Dy())
		for col := range thumbnailSide {
			x0, x1 := span(col, b.Dx())
			var sum [3]float64
			for y := y0; y < y1; y++ {
				for x := x0; x < x1; x++ {
					r, g, bl := at(b.Min.X+x, b.Min.Y+y)
					sum[0] += float64(r)
					sum[1] += float64(g)
					sum[2] += float64(bl)
				}
			}
			n := float64((y1 - y0) * (x1 - x0))
			for k := range sum {
				t[row][col][k] = sum[k] / n
			}
		}
	}
	return t
}

// span is the range of pixels, at least one, in cell i of a side of n.
func span(i, n int) (from, to int) {
	from = i * n / thumbnailSide
	return from, max(from+1, (i+1)*n/thumbnailSide)
}

// pixels reads colours without an allocation for each, where the type is known.
func pixels(img image.Image) func(x, y int) (r, g, b uint8) {
	switch m := img.(type) {
	case *image.RGBA:
		return func(x, y int) (uint8, uint8, uint8) {
			i := m.PixOffset(x, y)
			return m.Pix[i], m.Pix[i+1], m.Pix[i+2]
		}
	case *image.NRGBA:
		return func(x, y int) (uint8, uint8, uint8) {
			i := m.PixOffset(x, y)
			return m.Pix[i], m.Pix[i+1], m.Pix[i+2]
		}
	case *image.YCbCr:
		return func(x, y int) (uint8, uint8, uint8) {
			c := m.YCbCrAt(x, y)
			return color.YCbCrToRGB(c.Y, c.Cb, c.Cr)
		}
	}
	return func(x, y int) (uint8, uint8, uint8) {
		r, g, b, _ := img.At(x, y).RGBA()
		return uint8(r >> 8), uint8(g >> 8), uint8(b >> 8)
	}
}

// psnr is how alike two thumbnails are, in decibels: above 40 they look the
// same; 99 for equal ones.
func (t *thumbnail) psnr(o *thumbnail) float64 {
	sum := 0.0
	for row := range t {
		for col := range t[row] {
			for k := range 3 {
				d := t[row][col][k] - o[row][col][k]
				sum += d * d
			}
		}
	}
	mean := sum / (thumbnailSide * thumbnailSide * 3)
	return min(99, 10*math.Log10(255*255/(mean+1e-12)))
}

// distance is how many of 64 gradients have other signs: brightness from each
// of 9 x 8 cells to the next (dHash). A gradient too small to have a sign that
// honest arithmetic keeps counts as the same.
func (t *thumbnail) distance(o *thumbnail) int {
	a, b := t.brightness(), o.brightness()
	n := 0
	for row := range a {
		for col := range len(a[row]) - 1 {
			x, y := a[row][col+1]-a[row][col], b[row][col+1]-b[row][col]
			if x*y < 0 && math.Abs(x-y) > 1 {
				n++
			}
		}
	}
	return n
}

// brightness is the mean luma of each of 9 x 8 cells.
func (t *thumbnail) brightness() (out [8][9]float64) {
	for row := range out {
		for col := range out[row] {
			y0, y1 := row*thumbnailSide/8, (row+1)*thumbnailSide/8
			x0, x1 := col*thumbnailSide/9, (col+1)*thumbnailSide/9
			for y := y0; y < y1; y++ {
				for x := x0; x < x1; x++ {
					p := &t[y][x]
					out[row][col] += 0.299*p[0] + 0.587*p[1] + 0.114*p[2]
				}
			}
			out[row][col] /= float64((y1 - y0) * (x1 - x0))
		}
	}
	return out
}
