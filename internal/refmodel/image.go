package refmodel

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/png"
	"math"
)

// Limits of an image request.
const (
	MinImageSide  = 64
	MaxImageSide  = 1024
	ImageMultiple = 8
	MaxImageSteps = 50
)

// ImageRequest asks for one picture.
type ImageRequest struct {
	Prompt        string
	Seed          uint64
	Steps         int     // 1 to MaxImageSteps
	Width, Height int     // MinImageSide to MaxImageSide, multiples of ImageMultiple
	Guidance      float64 // 0 to 30: how strongly the prompt decides; 0 counts as 7.5
	Given                 // pictures to start from
}

// Validate reports what is wrong with a request and how to put it right.
func (r *ImageRequest) Validate() error {
	for _, s := range []struct {
		name string
		n    int
	}{{"width", r.Width}, {"height", r.Height}} {
		if s.n < MinImageSide || s.n > MaxImageSide || s.n%ImageMultiple != 0 {
			return fmt.Errorf("%s is %d: use a multiple of %d from %d to %d", s.name, s.n, ImageMultiple, MinImageSide, MaxImageSide)
		}
	}
	if r.Steps < 1 || r.Steps > MaxImageSteps {
		return fmt.Errorf("steps is %d: use 1 to %d", r.Steps, MaxImageSteps)
	}
	if !(r.Guidance >= 0 && r.Guidance <= 30) {
		return fmt.Errorf("guidance is %v: use 0 to 30", r.Guidance)
	}
	return r.Given.validate(r.Width, r.Height)
}

// Imager paints procedural scenes by iterative refinement: a small latent
// picture starts as seeded noise; every step moves it a fixed part of the way
// towards the scene it currently believes in, moves that belief towards what
// the prompt and the seed ask for, and paints one more detail. So each step
// matters: with fewer there is noise left, shapes are elsewhere and details are
// missing. A variant quantises the painter, not the text encoder, as pipelines
// usually do. It is immutable and safe for concurrent use.
type Imager struct {
	text  *Embedder
	w     []float32 // sceneParams x EmbeddingDim
	face  []float32 // sceneParams x faceFeatures
	sharp []float32 // sharpPhases x sharpPhases x 9: what enlarging adds
	noise float64
	seed  uint64
}

const (
	latentScale = 4    // pixels per latent cell, each way
	pullLatent  = 0.20 // part of the way per step
	pullScene   = 0.13
)

var loadedImagers cache[Imager]

// LoadImager returns the image generator of a variant, cached like Load. It
// panics if v is not valid.
func LoadImager(v Variant) *Imager {
	v.valid("LoadImager")
	g := *loadedImagers.get(v.key(), buildImager)
	g.noise, g.seed = v.Noise, v.NoiseSeed
	return &g
}

func buildImager(k weightsKey) *Imager {
	salt := "image"
	if k.sibling {
		salt = "image sibling"
	}
	r := newRNG(1, salt)
	w := make([]float32, sceneParams*EmbeddingDim)
	for i := range w {
		w[i] = float32(r.gauss())
	}
	return &Imager{text: LoadEmbedder(Variant{Sibling: k.sibling}), w: quantise(w, k.bits),
		face: quantise(gaussians(salt+" face", sceneParams*faceFeatures), k.bits), sharp: quantise(sharpening(salt), k.bits)}
}

// gaussians draws n weights.
func gaussians(salt string, n int) []float32 {
	r := newRNG(1, salt)
	w := make([]float32, n)
	for i := range w {
		w[i] = float32(r.gauss())
	}
	return w
}

// Generate paints the picture. The only errors are an invalid request and ctx.
func (g *Imager) Generate(ctx context.Context, r ImageRequest) (*image.RGBA, error) {
	if err := r.Validate(); err != nil {
		return nil, err
	}
	want := g.aim(r)
	g.resemble(&want, r.Given)
	noise := newRNG(r.Seed, "latent")
	var scene sceneVector
	for i := range scene {
		scene[i] = noise.gauss()
	}
	w, h := r.Width/latentScale, r.Height/latentScale
	x := make([][3]float64, w*h)
	for i := range x {
		x[i] = [3]float64{0.5 + 0.5*noise.gauss(), 0.5 + 0.5*noise.gauss(), 0.5 + 0.5*noise.gauss()}
	}
	base, strength := r.base(w, h)
	mixIn(x, base, strength)
	lean := r.lean(w, h)
	stack := newRNG(g.seed, "stack")
	for step := range r.Steps {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		for i := range scene {
			scene[i] += float64(pullScene * (want[i] - scene[i]))
		}
		p := scene.picture()
		for row := range h {
			for col := range w {
				cell := &x[row*w+col]
				target := p.at((float64(col)+0.5)/float64(w), (float64(row)+0.5)/float64(h))
				for c := range cell {
					if base != nil {
						target[c] = base[row*w+col][c] + float64(strength*(target[c]-base[row*w+col][c]))
					}
					if lean != nil {
						target[c] += lean[row*w+col]
					}
					cell[c] += float64(pullLatent * (target[c] - cell[c]))
					if g.noise > 0 {
						cell[c] += float64(g.noise * stack.gauss())
					}
				}
			}
		}
		paintDetail(x, w, h, newRNG(r.Seed+uint64(step)<<32, "detail"), p, strength)
	}
	return r.keep(decodeLatent(x, w, h)), nil
}

// aim is the scene that prompt and seed ask for.
func (g *Imager) aim(r ImageRequest) (want sceneVector) {
	guidance := r.Guidance
	if guidance == 0 {
		guidance = 7.5
	}
	e := g.text.Embed(r.Prompt)
	jitter := newRNG(r.Seed, "layout")
	for i := range want {
		sum := 0.0
		for j, w := range g.w[i*EmbeddingDim : (i+1)*EmbeddingDim] {
			sum += float64(float64(w) * float64(e[j]))
		}
		want[i] = float64(sum*guidance/7.5) + float64(sceneJitter(i)*jitter.gauss())
	}
	return want
}

// paintDetail adds one soft blob whose place only the seed and the step decide.
func paintDetail(x [][3]float64, w, h int, r *rng, p *picture, strength float64) {
	cx, cy := r.float()*float64(w), r.float()*float64(h)
	radius := (0.03 + 0.05*r.float()) * float64(min(w, h))
	colour := p.colours[r.intn(len(p.colours))]
	for row := max(0, int(cy-radius)); row < min(h, int(cy+radius)+1); row++ {
		for col := max(0, int(cx-radius)); col < min(w, int(cx+radius)+1); col++ {
			dx, dy := float64(col)-cx, float64(row)-cy
			a := float64(0.8*strength) * (1 - (float64(dx*dx)+float64(dy*dy))/float64(radius*radius))
			if a <= 0 {
				continue
			}
			cell := &x[row*w+col]
			for c := range cell {
				cell[c] += float64(a * (colour[c] - cell[c]))
			}
		}
	}
}

// decodeLatent enlarges the latent picture by latentScale with bilinear weights.
func decodeLatent(x [][3]float64, w, h int) *image.RGBA {
	img := image.NewRGBA(image.Rect(0, 0, w*latentScale, h*latentScale))
	at := 0
	for py := range h * latentScale {
		y0, y1, fy := neighbours(py, h)
		for px := range w * latentScale {
			x0, x1, fx := neighbours(px, w)
			a, b, c, d := &x[y0*w+x0], &x[y0*w+x1], &x[y1*w+x0], &x[y1*w+x1]
			for k := range 3 {
				top := a[k] + float64(fx*(b[k]-a[k]))
				bottom := c[k] + float64(fx*(d[k]-c[k]))
				v := top + float64(fy*(bottom-top))
				img.Pix[at+k] = uint8(max(0, min(255, math.Floor(float64(v*255)+0.5))))
			}
			img.Pix[at+3] = 255
			at += 4
		}
	}
	return img
}

// neighbours returns the two cells around pixel p and the weight of the second.
func neighbours(p, cells int) (lo, hi int, f float64) {
	at := (float64(p)+0.5)/latentScale - 0.5
	floor := math.Floor(at)
	f = at - floor
	return max(0, int(floor)), min(cells-1, int(floor)+1), f
}

// EncodePNG returns the picture's PNG file; equal pictures give equal bytes.
func EncodePNG(img image.Image) ([]byte, error) {
	var b bytes.Buffer
	enc := png.Encoder{CompressionLevel: png.BestSpeed}
	if err := enc.Encode(&b, img); err != nil {
		return nil, fmt.Errorf("encode png: %w", err)
	}
	return b.Bytes(), nil
}
