package prompt

import (
	"bytes"
	"image"
	"image/color"
	"image/jpeg"
	"math"
	"math/rand/v2"
)

// Picture makes up a picture as a customer could send it: a lit background with
// things on it, grain, and the traces of having been a JPEG.
func Picture(r *rand.Rand, w, h int) image.Image {
	c := newCanvas(r, w, h)
	for range 4 + r.IntN(8) {
		c.blob(r.Float64(), r.Float64(), 0.05+0.3*r.Float64(), 0.05+0.3*r.Float64(), anyColour(r), 0.05+0.5*r.Float64())
	}
	return c.finish(r)
}

// Portrait makes up something of a face: an oval with hair, eyes and a mouth.
func Portrait(r *rand.Rand, w, h int) image.Image {
	c := newCanvas(r, w, h)
	x, y, size := 0.5+0.1*r.NormFloat64()/2, 0.48, 0.22+0.12*r.Float64()
	tone := 0.35 + 0.6*r.Float64()
	skin := [3]float64{tone, tone * 0.78, tone * 0.62}
	hair := [3]float64{0.6 * r.Float64(), 0.4 * r.Float64(), 0.3 * r.Float64()}
	c.blob(x, y-size*0.35, size*1.15, size*1.2, hair, 0.15)
	c.blob(x, y+size*2, size*2.2, size*1.1, anyColour(r), 0.1)
	c.blob(x, y, size*0.85, size*1.1, skin, 0.12)
	for _, side := range []float64{-1, 1} {
		c.blob(x+side*size*0.35, y-size*0.15, size*0.12, size*0.08, [3]float64{0.95, 0.95, 0.95}, 0.3)
		c.blob(x+side*size*0.35, y-size*0.15, size*0.06, size*0.07, hair, 0.3)
	}
	c.blob(x, y+size*0.5, size*0.3, size*0.08, [3]float64{0.7, 0.25, 0.3}, 0.4)
	return c.finish(r)
}

// Hole makes up a mask for a picture: transparent in an oval or a box of a
// twentieth to about half of it, black elsewhere.
func Hole(r *rand.Rand, w, h int) image.Image {
	m := image.NewNRGBA(image.Rect(0, 0, w, h))
	cx, cy := (0.25+0.5*r.Float64())*float64(w), (0.25+0.5*r.Float64())*float64(h)
	rx, ry := (0.12+0.28*r.Float64())*float64(w), (0.12+0.28*r.Float64())*float64(h)
	box := r.IntN(2) == 0
	for py := range h {
		for px := range w {
			dx, dy := math.Abs(float64(px)-cx)/rx, math.Abs(float64(py)-cy)/ry
			if box && max(dx, dy) < 1 || !box && dx*dx+dy*dy < 1 {
				continue
			}
			m.SetNRGBA(px, py, color.NRGBA{A: 255})
		}
	}
	return m
}

// canvas is a picture under way; colours are 0 to 1.
type canvas struct {
	w, h int
	pix  [][3]float64
}

func anyColour(r *rand.Rand) [3]float64 { return [3]float64{r.Float64(), r.Float64(), r.Float64()} }

// newCanvas paints a background between two colours.
func newCanvas(r *rand.Rand, w, h int) *canvas {
	c := &canvas{w, h, make([][3]float64, w*h)}
	a, b := anyColour(r), anyColour(r)
	turn := 2 * math.Pi * r.Float64()
	dx, dy := math.Cos(turn), math.Sin(turn)
	for y := range h {
		for x := range w {
			t := 0.5 + 0.5*((float64(x)/float64(w)-0.5)*dx+(float64(y)/float64(h)-0.5)*dy)
			for k := range 3 {
				c.pix[y*w+x][k] = a[k] + t*(b[k]-a[k])
			}
		}
	}
	return c
}

// blob paints an oval at x, y with half axes rx, ry, all in parts of the
// picture, lit from the upper left, its edge softer the larger soft is.
func (c *canvas) blob(x, y, rx, ry float64, colour [3]float64, soft float64) {
	for py := max(0, int((y-ry)*float64(c.h))); py < min(c.h, int((y+ry)*float64(c.h))+1); py++ {
		for px := max(0, int((x-rx)*float64(c.w))); px < min(c.w, int((x+rx)*float64(c.w))+1); px++ {
			dx, dy := (float64(px)/float64(c.w)-x)/rx, (float64(py)/float64(c.h)-y)/ry
			d := dx*dx + dy*dy
			if d >= 1 {
				continue
			}
			a, light := min(1, (1-d)/soft), 1-0.2*(dx+dy)
			for k := range 3 {
				cell := &c.pix[py*c.w+px][k]
				*cell += a * (colour[k]*light - *cell)
			}
		}
	}
}

// finish adds grain and goes through a JPEG.
func (c *canvas) finish(r *rand.Rand) image.Image {
	out := image.NewRGBA(image.Rect(0, 0, c.w, c.h))
	grain := 0.01 + 0.03*r.Float64()
	for i, p := range c.pix {
		g := grain * r.NormFloat64()
		for k := range 3 {
			out.Pix[4*i+k] = uint8(255 * min(1, max(0, p[k]+g)))
		}
		out.Pix[4*i+3] = 255
	}
	var b bytes.Buffer
	if jpeg.Encode(&b, out, &jpeg.Options{Quality: 75 + r.IntN(21)}) != nil {
		return out
	}
	img, err := jpeg.Decode(&b)
	if err != nil {
		return out
	}
	return img
}
