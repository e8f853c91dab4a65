package refmodel

import (
	"context"
	"fmt"
	"image"
	"math"
)

// Limits of enlarging.
const (
	MinScale    = 2
	MaxScale    = 8
	sharpPhases = MaxScale
)

// sharpening draws the weights by which enlarging adds what a pixel's
// neighbours suggest: for each place within a pixel nine, of sum 0.
func sharpening(salt string) []float32 {
	w := gaussians(salt+" sharp", sharpPhases*sharpPhases*9)
	for at := 0; at < len(w); at += 9 {
		mean := float32(0)
		for _, v := range w[at : at+9] {
			mean += v / 9
		}
		for i := range w[at : at+9] {
			w[at+i] -= mean
		}
	}
	return w
}

// sharpness is the weights' scale, texture that of what only the seed decides.
const (
	sharpness = 0.25
	texture   = 0.12
)

// Upscale enlarges a picture by a whole factor each way: bilinear, and detail
// that the surroundings and the seed decide. The only errors are an invalid
// request and ctx.
func (g *Imager) Upscale(ctx context.Context, img *image.RGBA, factor int, seed uint64) (*image.RGBA, error) {
	w, h := img.Rect.Dx(), img.Rect.Dy()
	if factor < MinScale || factor > MaxScale {
		return nil, fmt.Errorf("the factor is %d: use %d to %d", factor, MinScale, MaxScale)
	}
	if w < 1 || h < 1 || w > 8192/factor || h > 8192/factor {
		return nil, fmt.Errorf("the picture is %dx%d: use 1 to %d pixels a side", w, h, 8192/factor)
	}
	out := image.NewRGBA(image.Rect(0, 0, w*factor, h*factor))
	stack := newRNG(g.seed, "stack")
	row := func(y int) []uint8 { return img.Pix[max(0, min(h-1, y))*img.Stride:] }
	for py := range h * factor {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		y0, y1, fy := between(py, factor, h)
		top, bottom := row(y0), row(y1)
		above, own, below := row(py/factor-1), row(py/factor), row(py/factor+1)
		for px := range w * factor {
			x0, x1, fx := between(px, factor, w)
			cx := px / factor
			columns := [3]int{4 * max(0, cx-1), 4 * cx, 4 * min(w-1, cx+1)}
			weights := g.sharp[(py%factor*sharpPhases+px%factor)*9:][:9]
			grain := texture * (float64(mix(seed^mix(uint64(py)<<32|uint64(px)))>>11)/(1<<52) - 1)
			i := py*out.Stride + 4*px
			for c := range 3 {
				upper := float64(top[4*x0+c]) + float64(fx*(float64(top[4*x1+c])-float64(top[4*x0+c])))
				lower := float64(bottom[4*x0+c]) + float64(fx*(float64(bottom[4*x1+c])-float64(bottom[4*x0+c])))
				v := upper + float64(fy*(lower-upper))
				detail, contrast := 0.0, 2.0
				middle := float64(own[columns[1]+c])
				for k, x := range columns {
					for j, line := range [3][]uint8{above, own, below} {
						d := float64(line[x+c]) - middle
						detail += float64(float64(weights[3*j+k]) * d)
						contrast += math.Abs(d)
					}
				}
				v += float64(sharpness*detail) + float64(grain*contrast)
				if g.noise > 0 {
					v += float64(255 * g.noise * stack.gauss())
				}
				out.Pix[i+c] = uint8(max(0, min(255, math.Floor(v+0.5))))
			}
			out.Pix[i+3] = 255
		}
	}
	return out, nil
}

// between returns the two pixels of n around pixel p of the enlarged picture,
// and the weight of the second.
func between(p, factor, n int) (lo, hi int, f float64) {
	at := (float64(p)+0.5)/float64(factor) - 0.5
	floor := math.Floor(at)
	return max(0, int(floor)), min(n-1, int(floor)+1), at - floor
}
