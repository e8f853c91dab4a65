package refmodel

import (
	"errors"
	"fmt"
	"image"
	"math"
)

// Given are the pictures that a request starts from. The zero value is none.
type Given struct {
	// Init is painted over, with Strength above 0 to 1: how little of it is left.
	// It has the size of the result. Steps are those that are run.
	Init     *image.RGBA
	Strength float64
	// Mask, with Init, leaves Init as it is wherever it is not 255.
	Mask *image.Alpha
	// Face lends the picture its looks, as much as Adapter, and where it is light
	// and dark, as much as Control, both 0 to 1.
	Face             *image.RGBA
	Adapter, Control float64
}

func (g *Given) validate(w, h int) error {
	size := image.Pt(w, h)
	switch {
	case g.Init != nil && g.Init.Rect.Size() != size:
		return fmt.Errorf("the given picture is %v: it must have the size of the result, %v", g.Init.Rect.Size(), size)
	case g.Init != nil && !(g.Strength > 0 && g.Strength <= 1):
		return fmt.Errorf("strength is %v: use more than 0, at most 1", g.Strength)
	case g.Mask != nil && (g.Init == nil || g.Mask.Rect.Size() != size):
		return errors.New("a mask needs a given picture of its size")
	case g.Face != nil && (g.Face.Rect.Dx() < faceSide || g.Face.Rect.Dy() < faceSide):
		return fmt.Errorf("the face's picture is %v: each side needs %d pixels", g.Face.Rect.Size(), faceSide)
	case g.Face != nil && !(g.Adapter >= 0 && g.Adapter <= 1 && g.Control >= 0 && g.Control <= 1):
		return fmt.Errorf("the face's strengths are %v and %v: use 0 to 1", g.Adapter, g.Control)
	}
	return nil
}

// base is Init in latent cells and its strength; nil and 1 without one.
func (g *Given) base(w, h int) ([][3]float64, float64) {
	if g.Init == nil {
		return nil, 1
	}
	return cells(g.Init, w, h), g.Strength
}

// mixIn begins with a given picture's cells under noise.
func mixIn(x, base [][3]float64, strength float64) {
	for i := range base {
		for c := range 3 {
			x[i][c] = base[i][c] + float64(strength*(x[i][c]-base[i][c]))
		}
	}
}

// keep puts the pixels back that the mask does not let be painted.
func (g *Given) keep(out *image.RGBA) *image.RGBA {
	if g.Mask == nil {
		return out
	}
	w, h := out.Rect.Dx(), out.Rect.Dy()
	for y := range h {
		for x := range w {
			if g.Mask.Pix[y*g.Mask.Stride+x] != 255 {
				i, j := y*out.Stride+4*x, y*g.Init.Stride+4*x
				copy(out.Pix[i:i+4], g.Init.Pix[j:j+4])
			}
		}
	}
	return out
}

const (
	faceSide     = 8
	faceFeatures = 3 * faceSide * faceSide
)

// resemble moves what is aimed at towards a face.
func (g *Imager) resemble(want *sceneVector, given Given) {
	if given.Face == nil || given.Adapter == 0 {
		return
	}
	f := faceVector(given.Face)
	for i := range want {
		sum := 0.0
		for j, w := range g.face[i*faceFeatures : (i+1)*faceFeatures] {
			sum += float64(float64(w) * f[j])
		}
		want[i] += float64(1.5 * given.Adapter * sum)
	}
}

// faceVector is a picture at 8 x 8 cells, its mean taken away, of length 1.
func faceVector(img *image.RGBA) (f [faceFeatures]float64) {
	mean, norm := [3]float64{}, 1e-9
	small := cells(img, faceSide, faceSide)
	for _, p := range small {
		for c := range 3 {
			mean[c] += p[c] / float64(len(small))
		}
	}
	for i, p := range small {
		for c := range 3 {
			f[3*i+c] = p[c] - mean[c]
			norm += float64(f[3*i+c] * f[3*i+c])
		}
	}
	norm = math.Sqrt(norm)
	for i := range f {
		f[i] /= norm
	}
	return f
}

// lean is by how much each cell is lighter than without a face; nil without one.
func (g *Given) lean(w, h int) []float64 {
	if g.Face == nil || g.Control == 0 {
		return nil
	}
	out, mean := make([]float64, w*h), 0.0
	for i, p := range cells(g.Face, w, h) {
		out[i] = float64(0.3*p[0]) + float64(0.6*p[1]) + float64(0.1*p[2])
		mean += out[i] / float64(len(out))
	}
	for i := range out {
		out[i] = float64(0.5 * g.Control * (out[i] - mean))
	}
	return out
}

// cells is a picture's mean colour, 0 to 1, in each of w x h cells, whatever
// its shape. A cell smaller than a pixel takes the one it lies in.
func cells(img *image.RGBA, w, h int) [][3]float64 {
	out := make([][3]float64, w*h)
	pw, ph := img.Rect.Dx(), img.Rect.Dy()
	for row := range h {
		y0 := row * ph / h
		y1 := max(y0+1, (row+1)*ph/h)
		for col := range w {
			x0 := col * pw / w
			x1 := max(x0+1, (col+1)*pw/w)
			var sum [3]int
			for y := y0; y < y1; y++ {
				for x := x0; x < x1; x++ {
					i := y*img.Stride + 4*x
					for c := range sum {
						sum[c] += int(img.Pix[i+c])
					}
				}
			}
			for c := range sum {
				out[row*w+col][c] = float64(sum[c]) / float64(255*(y1-y0)*(x1-x0))
			}
		}
	}
	return out
}

// EmbedImage returns the unit vector of a picture, EmbeddingDim long: of its
// colours at 16 x 16 cells. Pictures that look alike are close; those of the
// thing that a text names are not close to the text.
func (e *Embedder) EmbedImage(img *image.RGBA) []float32 {
	var x [embedBuckets]float64
	norm, id := 1e-9, uint64(0)
	for i, p := range cells(img, 16, 16) {
		for c := range 3 {
			f := p[c] - 0.5
			x[3*i+c] = f
			norm += float64(f * f)
			id = mix(id ^ math.Float64bits(f))
		}
	}
	norm = math.Sqrt(norm)
	for i := range x {
		x[i] /= norm
	}
	return e.vector(&x, id)
}
