package picture

import (
	"image"
	"math"
	"math/bits"
	"slices"
)

// Hash is 64 bits that say what a picture looks like. Two hashes are compared by Apart.
type Hash struct {
	Bits uint64
	// Sure has a bit where the sign that Bits holds is not for rounding or
	// compression to turn: half a grey level (of 255) or more.
	Sure uint64
}

// sure is the margin of a sure bit, in grey levels.
const sure = 0.5

// Apart is how many bits differ that at least one of the two is sure of, 0 to 64.
func (h Hash) Apart(o Hash) int { return bits.OnesCount64((h.Bits ^ o.Bits) & (h.Sure | o.Sure)) }

// DHash is the difference hash: of the mean brightness of 9 x 8 equal cells, each
// row's eight steps from a cell to the next one on its right, the first in the
// highest bit. A bit is 1 where brightness rises. Brightness added to all of a
// picture, more contrast, and another size leave it as it is.
func DHash(img image.Image) (h Hash) {
	cells := Grey(img, 9, 8)
	for row := range 8 {
		for col := range 8 {
			h.add(cells[row*9+col+1] - cells[row*9+col])
		}
	}
	return h
}

// PHash is the perceptual hash: of the mean brightness of 32 x 32 equal cells, the
// 64 lowest frequencies (8 x 8 of the orthonormal discrete cosine transform,
// type II) but for the mean, whose place the next one down takes: rows 0 to 7 of
// columns 0 to 7, and row 8 of column 0 for row 0's. A bit is 1 where a frequency's part is above the
// median of the 64, the first in the highest bit. What DHash does not heed, PHash does not.
func PHash(img image.Image) (h Hash) {
	const n, k = 32, 8
	cells := Grey(img, n, n)
	var half [k + 1][n]float64 // each column, transformed
	for u := range half {
		for x := range n {
			for y := range n {
				half[u][x] += cells[y*n+x] * cosines[u][y]
			}
		}
	}
	var parts [k * k]float64
	for u := range k {
		for v := range k {
			parts[u*k+v] = along(&half[u], v)
		}
	}
	parts[0] = along(&half[k], 0)
	sorted := parts
	slices.Sort(sorted[:])
	median := (sorted[31] + sorted[32]) / 2
	for _, p := range parts {
		// A wave of one grey level has a part of 16: n / 2, for both ways together.
		h.add((p - median) / (n / 2))
	}
	return h
}

func along(row *[32]float64, v int) (sum float64) {
	for x, a := range row {
		sum += a * cosines[v][x]
	}
	return sum
}

// cosines are the first rows of the orthonormal transform of 32 values.
var cosines = func() (c [9][32]float64) {
	for u := range c {
		scale := math.Sqrt(2.0 / 32)
		if u == 0 {
			scale = math.Sqrt(1.0 / 32)
		}
		for x := range c[u] {
			c[u][x] = scale * math.Cos(math.Pi*float64(u)*(2*float64(x)+1)/64)
		}
	}
	return c
}()

// add appends the sign of a difference in grey levels.
func (h *Hash) add(d float64) {
	h.Bits <<= 1
	h.Sure <<= 1
	if d > 0 {
		h.Bits |= 1
	}
	if math.Abs(d) >= sure {
		h.Sure |= 1
	}
}

// Grey is the mean luma (0.299 R + 0.587 G + 0.114 B, 0 to 255) of w x h equal
// cells, row by row. A cell's edge may lie within a pixel, which then counts for both by
// its parts: a picture whose every pixel is repeated k times each way has the same cells.
func Grey(img image.Image, w, h int) []float64 {
	b := img.Bounds()
	at := Pixels(img)
	across, down := shares(b.Dx(), w), shares(b.Dy(), h)
	sums := make([]float64, w) // of a row of pixels
	out := make([]float64, w*h)
	for y := range b.Dy() {
		clear(sums)
		for x := range b.Dx() {
			r, g, bl := at(b.Min.X+x, b.Min.Y+y)
			luma := 0.299*float64(r) + 0.587*float64(g) + 0.114*float64(bl)
			for i := across[x].first; i <= across[x].last; i++ {
				sums[i] += luma * across[x].of(i, b.Dx(), w)
			}
		}
		for j := down[y].first; j <= down[y].last; j++ {
			part := down[y].of(j, b.Dy(), h)
			for i, s := range sums {
				out[j*w+i] += s * part
			}
		}
	}
	area := float64(b.Dx()) / float64(w) * float64(b.Dy()) / float64(h)
	for i := range out {
		out[i] /= area
	}
	return out
}

// share says which cells a pixel lies in: it begins at pixel, of n.
type share struct{ pixel, first, last int }

func shares(n, cells int) []share {
	out := make([]share, n)
	for x := range out {
		out[x] = share{x, x * cells / n, ((x+1)*cells - 1) / n}
	}
	return out
}

// of is the part of the pixel that lies in cell i of so many along n pixels.
func (s share) of(i, n, cells int) float64 {
	// In units of a cells-th of a pixel, pixels begin at multiples of cells and cells at multiples of n.
	from, to := max(s.pixel*cells, i*n), min((s.pixel+1)*cells, (i+1)*n)
	return float64(to-from) / float64(cells)
}
