package picture

import (
	"image"
	"math"
)

// thumbnailSide is the number of cells each way, pictures of any shape alike.
const thumbnailSide = 64

// Thumbnail is the mean colour of each of 64 x 64 cells of a picture, 0 to 255.
// What compression and honest arithmetic change is gone at this size; shapes,
// colours and noise that is left over are not.
type Thumbnail [thumbnailSide][thumbnailSide][3]float64

// Shrink averages a picture's pixels over each cell. Cells are of whole pixels,
// at least one.
func Shrink(img image.Image) *Thumbnail {
	t := new(Thumbnail)
	b := img.Bounds()
	at := Pixels(img)
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

// Apart is the mean square between two thumbnails, in grey levels squared.
func (t *Thumbnail) Apart(o *Thumbnail) float64 {
	sum := 0.0
	for row := range t {
		for col := range t[row] {
			for k := range 3 {
				d := t[row][col][k] - o[row][col][k]
				sum += d * d
			}
		}
	}
	return sum / (thumbnailSide * thumbnailSide * 3)
}

// PSNR is how alike two thumbnails are, in decibels: above 40 they look the
// same; 99 for equal ones.
func (t *Thumbnail) PSNR(o *Thumbnail) float64 { return Decibels(t.Apart(o)) }

// Decibels is the peak signal to noise ratio of a mean square in grey levels, at most 99.
func Decibels(square float64) float64 { return min(99, 10*math.Log10(255*255/(square+1e-12))) }

// Towards is how far t lies on the way from one thumbnail to another: 0 at from, 1
// at to, and what lies across the way does not count. 0 if the two are the same.
func (t *Thumbnail) Towards(from, to *Thumbnail) float64 {
	var along, whole float64
	for row := range t {
		for col := range t[row] {
			for k := range 3 {
				way := to[row][col][k] - from[row][col][k]
				along += way * (t[row][col][k] - from[row][col][k])
				whole += way * way
			}
		}
	}
	if whole == 0 {
		return 0
	}
	return along / whole
}
