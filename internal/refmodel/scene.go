package refmodel

import "math"

// A scene is a background between two colours and shapes over it, described by
// numbers that are about standard normal; see picture for what each does.
const (
	sceneColours = 5
	sceneShapes  = 6
	shapeParams  = 6
	sceneParams  = 3*sceneColours + 2 + sceneShapes*shapeParams
)

type sceneVector [sceneParams]float64

// sceneJitter is how far the seed may move parameter i: colours a little, so
// that a prompt keeps its palette, places a lot.
func sceneJitter(i int) float64 {
	if i < 3*sceneColours {
		return 0.35
	}
	return 1.3
}

type colour = [3]float64

type shape struct {
	x, y, rx, ry float64 // in parts of the picture
	box          bool
	colour       int
	soft         float64
}

// picture is a scene ready to be sampled.
type picture struct {
	colours [sceneColours]colour // the first two are the background's
	dx, dy  float64              // direction of the background gradient
	shapes  [sceneShapes]shape
}

// squash maps a standard normal number into (0, 1).
func squash(x float64) float64 { return 0.5 + 0.5*x/(1+math.Abs(x)) }

func (s *sceneVector) picture() *picture {
	p := &picture{}
	for i := range p.colours {
		for c := range 3 {
			p.colours[i][c] = squash(1.6 * s[3*i+c])
		}
	}
	rest := s[3*sceneColours:]
	p.dx, p.dy = rest[0], rest[1]
	norm := math.Abs(p.dx) + math.Abs(p.dy) + 1e-9
	p.dx, p.dy = p.dx/norm, p.dy/norm
	rest = rest[2:]
	for i := range p.shapes {
		q := rest[i*shapeParams:]
		size := 0.10 + 0.22*squash(q[2])
		stretch := 0.6 + 0.8*squash(q[3])
		p.shapes[i] = shape{
			x: squash(1.4 * q[0]), y: squash(1.4 * q[1]),
			rx: size * stretch, ry: size / stretch,
			box:    q[4] > 0.3,
			colour: 2 + i%(sceneColours-2),
			soft:   0.08 + 0.3*squash(q[5]),
		}
	}
	return p
}

// at returns the colour at (x, y), both in [0, 1].
func (p *picture) at(x, y float64) colour {
	g := 0.5 + float64((x-0.5)*p.dx) + float64((y-0.5)*p.dy)
	out := p.colours[0]
	for c := range out {
		out[c] += float64(g * (p.colours[1][c] - out[c]))
	}
	for i := range p.shapes {
		s := &p.shapes[i]
		dx, dy := math.Abs(x-s.x)/s.rx, math.Abs(y-s.y)/s.ry
		if dx >= 1 || dy >= 1 {
			continue
		}
		d := max(dx, dy)
		if !s.box {
			d = float64(dx*dx) + float64(dy*dy)
		}
		a := min(1, (1-d)/s.soft)
		if a <= 0 {
			continue
		}
		for c := range out {
			out[c] += float64(a * (p.colours[s.colour][c] - out[c]))
		}
	}
	return out
}
