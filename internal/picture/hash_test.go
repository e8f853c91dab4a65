package picture

import (
	"image"
	"image/color"
	"math/rand/v2"
	"strconv"
	"testing"
)

// made draws a picture of soft blobs, the same for a seed everywhere.
func made(seed uint64, w, h int) *image.RGBA {
	r := rand.New(rand.NewPCG(seed, 7))
	type blob struct {
		x, y, size int
		c          [3]int
	}
	var blobs []blob
	for range 6 {
		blobs = append(blobs, blob{r.IntN(w), r.IntN(h), 8 + r.IntN(w/3), [3]int{r.IntN(200), r.IntN(200), r.IntN(200)}})
	}
	img := image.NewRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			c := [3]int{100, 100, 100}
			for _, b := range blobs {
				d := (x-b.x)*(x-b.x) + (y-b.y)*(y-b.y)
				for k := range c {
					c[k] += (b.c[k] - c[k]) * b.size * b.size / (b.size*b.size + d)
				}
			}
			img.SetRGBA(x, y, color.RGBA{uint8(c[0]), uint8(c[1]), uint8(c[2]), 255})
		}
	}
	return img
}

// changed is a picture with every value put through f.
func changed(img *image.RGBA, f func(v uint8) uint8) *image.RGBA {
	out := image.NewRGBA(img.Rect)
	for i, v := range img.Pix {
		out.Pix[i] = v
		if i%4 != 3 {
			out.Pix[i] = f(v)
		}
	}
	return out
}

// repeated is a picture with every pixel repeated k times each way.
func repeated(img *image.RGBA, k int) *image.RGBA {
	b := img.Bounds()
	out := image.NewRGBA(image.Rect(10, 20, 10+b.Dx()*k, 20+b.Dy()*k))
	for y := range b.Dy() * k {
		for x := range b.Dx() * k {
			out.SetRGBA(10+x, 20+y, img.RGBAAt(x/k, y/k))
		}
	}
	return out
}

// Golden values: hashes are kept in calibrations' counts, so they must not change.
func TestHashesAreAsTheyWere(t *testing.T) {
	for _, c := range []struct {
		seed uint64
		w, h int
		d, p string
	}{
		{1, 128, 128, "0f0301010000e0f0", "d8349707b578f807"},
		{2, 96, 72, "0707070707070707", "e69999649b64a49b"},
		{3, 128, 192, "3f3f0101030303c3", "ee9c8d699262e1e1"},
	} {
		img := made(c.seed, c.w, c.h)
		for _, x := range []struct {
			name string
			got  Hash
			want string
		}{{"dHash", DHash(img), c.d}, {"pHash", PHash(img), c.p}} {
			want, err := strconv.ParseUint(x.want, 16, 64)
			if err != nil || (want^x.got.Bits)&x.got.Sure != 0 {
				t.Errorf("picture %d: %s %016x (sure of %016x), want %s", c.seed, x.name, x.got.Bits, x.got.Sure, x.want)
			}
		}
	}
}

// Brightness, contrast and size leave a hash as it is; another picture does not.
func TestHashesSeeShapes(t *testing.T) {
	apart := map[string]int{}
	for seed := range uint64(40) {
		img := made(seed, 96, 96)
		for name, other := range map[string]image.Image{
			"brighter":         changed(img, func(v uint8) uint8 { return v + 40 }),
			"half contrast":    changed(img, func(v uint8) uint8 { return v/2 + 60 }),
			"3 times as large": repeated(img, 3),
			"another":          made(seed+1000, 96, 96),
		} {
			d, p := DHash(img).Apart(DHash(other)), PHash(img).Apart(PHash(other))
			apart[name+" dHash"] += d
			apart[name+" pHash"] += p
			if name == "3 times as large" && d+p > 0 {
				t.Errorf("picture %d, %s: %d and %d bits differ", seed, name, d, p)
			}
			if name == "brighter" && d+p > 0 {
				t.Errorf("picture %d, %s: %d and %d bits differ", seed, name, d, p)
			}
			if name == "half contrast" && d+p > 4 {
				t.Errorf("picture %d, %s: %d and %d bits differ", seed, name, d, p)
			}
		}
	}
	for _, name := range []string{"another dHash", "another pHash"} {
		if mean := float64(apart[name]) / 40; mean < 12 || mean > 46 {
			t.Errorf("%s: %.1f of 64 bits differ in the mean", name, mean)
		}
	}
	t.Log(apart)
}

// A flat picture has no sign to be sure of; a mirrored one has all the others.
func TestHashesOfLittle(t *testing.T) {
	flat := changed(made(1, 64, 64), func(uint8) uint8 { return 77 })
	noisy := changed(flat, func(v uint8) uint8 { return v })
	noisy.SetRGBA(3, 3, color.RGBA{80, 77, 77, 255})
	if d, p := DHash(flat).Apart(DHash(noisy)), PHash(flat).Apart(PHash(noisy)); d+p > 0 {
		t.Errorf("one pixel of a flat picture turns %d and %d bits", d, p)
	}
	ramp := image.NewRGBA(image.Rect(0, 0, 72, 64))
	mirrored := image.NewRGBA(ramp.Rect)
	for y := range 64 {
		for x := range 72 {
			ramp.SetRGBA(x, y, color.RGBA{uint8(3 * x), uint8(3 * x), uint8(3 * x), 255})
			mirrored.SetRGBA(71-x, y, color.RGBA{uint8(3 * x), uint8(3 * x), uint8(3 * x), 255})
		}
	}
	if d := DHash(ramp).Apart(DHash(mirrored)); d != 64 || DHash(ramp).Bits != 1<<64-1 {
		t.Errorf("a ramp and its mirror: %d bits of dHash differ", d)
	}
	for _, size := range []image.Rectangle{image.Rect(0, 0, 1, 1), image.Rect(0, 0, 3, 200)} {
		_ = DHash(image.NewGray(size))
		_ = PHash(image.NewGray(size))
	}
}

func TestGreyIsAMean(t *testing.T) {
	img := made(5, 50, 37)
	sum := 0.0
	for _, v := range Grey(img, 1, 1) {
		sum += v
	}
	parts := 0.0
	for _, v := range Grey(img, 9, 8) {
		parts += v / 72
	}
	if d := sum - parts; d > 1e-9 || d < -1e-9 {
		t.Errorf("the mean of the whole is %v, of its cells %v", sum, parts)
	}
}

func BenchmarkPHash(b *testing.B) {
	img := made(1, 512, 512)
	b.ReportAllocs()
	for b.Loop() {
		PHash(img)
	}
}
