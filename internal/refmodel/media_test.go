package refmodel

import (
	"bytes"
	"context"
	"image"
	"image/png"
	"math"
	"strings"
	"testing"
)

func cosine(a, b []float32) float64 {
	s := 0.0
	for i := range a {
		s += float64(a[i]) * float64(b[i])
	}
	return s
}

func TestEmbeddings(t *testing.T) {
	full := LoadEmbedder(Full)
	texts := append([]string{"", "a", "日本語のテキスト", strings.Repeat("long text ", 500)}, testPrompts...)
	for _, s := range texts {
		e := full.Embed(s)
		if len(e) != EmbeddingDim || math.Abs(cosine(e, e)-1) > 1e-5 {
			t.Fatalf("Embed(%.20q) has length %d and norm %v", s, len(e), cosine(e, e))
		}
		if c := cosine(e, full.Embed(s)); c < 0.999999 {
			t.Errorf("%.20q: embedding twice gives cosine %v", s, c)
		}
		if c := cosine(e, LoadEmbedder(Bits(16)).Embed(s)); c < 0.9995 {
			t.Errorf("%.20q: half precision has cosine %v", s, c)
		}
		if c := cosine(e, LoadEmbedder(Full.Noisy(0.001, 3)).Embed(s)); c < 0.9995 {
			t.Errorf("%.20q: an honest stack has cosine %v", s, c)
		}
		if c := cosine(e, LoadEmbedder(Bits(8)).Embed(s)); c > 0.995 || c < 0.95 {
			t.Errorf("%.20q: int8 has cosine %v, want 0.95 to 0.995", s, c)
		}
		if c := cosine(e, LoadEmbedder(Sibling).Embed(s)); c > 0.5 {
			t.Errorf("%.20q: another model has cosine %v", s, c)
		}
	}
	cat := full.Embed("The cat sat on the mat.")
	near, far := cosine(cat, full.Embed("A cat is sitting on the mat")), cosine(cat, full.Embed("Stock prices fell on Monday"))
	if near < far+0.2 {
		t.Errorf("similar texts have cosine %v, unrelated ones %v", near, far)
	}
}

func paint(t *testing.T, v Variant, r ImageRequest) *image.RGBA {
	t.Helper()
	img, err := LoadImager(v).Generate(context.Background(), r)
	if err != nil {
		t.Fatal(err)
	}
	return img
}

// psnr is in decibels; above about 30 two pictures look alike.
func psnr(a, b *image.RGBA) float64 {
	sum, n := 0.0, 0
	for i := range a.Pix {
		if i%4 == 3 {
			continue
		}
		d := float64(a.Pix[i]) - float64(b.Pix[i])
		sum += d * d
		n++
	}
	return 10 * math.Log10(255*255/(sum/float64(n)+1e-9))
}

func TestImages(t *testing.T) {
	for i, prompt := range []string{"a red fox in the snow", "a city at night", "portrait of an old sailor", ""} {
		base := ImageRequest{Prompt: prompt, Seed: uint64(i), Steps: 20, Width: 128, Height: 128}
		want := paint(t, Full, base)
		change := func(f func(*ImageRequest)) float64 {
			r := base
			f(&r)
			return psnr(want, paint(t, Full, r))
		}
		check := func(what string, got, lo, hi float64) {
			t.Helper()
			if got < lo || got > hi {
				t.Errorf("%q: %s has PSNR %.1f dB, want %v to %v", prompt, what, got, lo, hi)
			}
		}
		check("the same again", psnr(want, paint(t, Full, base)), 100, 200)
		check("10 steps for 20", change(func(r *ImageRequest) { r.Steps = 10 }), 8, 24)
		check("15 steps for 20", change(func(r *ImageRequest) { r.Steps = 15 }), 12, 35)
		check("19 steps for 20", change(func(r *ImageRequest) { r.Steps = 19 }), 20, 50)
		check("another seed", change(func(r *ImageRequest) { r.Seed += 100 }), 4, 18)
		check("another prompt", change(func(r *ImageRequest) { r.Prompt = "green hills under a violet sky" }), 4, 20)
		check("an honest stack", psnr(want, paint(t, Full.Noisy(0.001, 1), base)), 45, 80)
		check("4 bits", psnr(want, paint(t, Bits(4), base)), 18, 40)
		check("8 bits", psnr(want, paint(t, Bits(8), base)), 40, 75)
		check("another model", psnr(want, paint(t, Sibling, base)), 4, 20)
	}
}

func TestPNGIsDeterministic(t *testing.T) {
	r := ImageRequest{Prompt: "a boat", Seed: 4, Steps: 8, Width: 64, Height: 96}
	a, err := EncodePNG(paint(t, Full, r))
	if err != nil {
		t.Fatal(err)
	}
	b, _ := EncodePNG(paint(t, Full, r))
	if !bytes.Equal(a, b) {
		t.Error("the same request gave other bytes")
	}
	img, err := png.Decode(bytes.NewReader(a))
	if err != nil || img.Bounds().Dx() != 64 || img.Bounds().Dy() != 96 {
		t.Errorf("decoded %v, %v", img.Bounds(), err)
	}
}

func TestImageLimits(t *testing.T) {
	good := ImageRequest{Steps: 1, Width: 64, Height: 1024}
	if err := good.Validate(); err != nil {
		t.Error(err)
	}
	for want, r := range map[string]ImageRequest{
		"width is 60":     {Steps: 1, Width: 60, Height: 64},
		"height is 2048":  {Steps: 1, Width: 64, Height: 2048},
		"steps is 0":      {Steps: 0, Width: 64, Height: 64},
		"steps is 51":     {Steps: 51, Width: 64, Height: 64},
		"guidance is NaN": {Steps: 1, Width: 64, Height: 64, Guidance: math.NaN()},
	} {
		if _, err := LoadImager(Full).Generate(context.Background(), r); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := LoadImager(Full).Generate(ctx, good); err == nil {
		t.Error("a cancelled context painted on")
	}
}

func BenchmarkImage256(b *testing.B) {
	g := LoadImager(Full)
	for b.Loop() {
		img, err := g.Generate(b.Context(), ImageRequest{Prompt: "a fox", Steps: 20, Width: 256, Height: 256})
		if err != nil {
			b.Fatal(err)
		}
		if _, err := EncodePNG(img); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEmbed(b *testing.B) {
	e := LoadEmbedder(Full)
	for b.Loop() {
		e.Embed("How do I bake bread at home?")
	}
}
