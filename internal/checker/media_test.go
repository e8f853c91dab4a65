package checker

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"image"
	"image/jpeg"
	"image/png"
	"strings"
	"testing"

	"vision/internal/modelserver"
	"vision/internal/openai"
	"vision/internal/proto"
	"vision/internal/refmodel"
	"vision/internal/task"
)

const scene = `{"prompt":"a lighthouse in a storm, number %d","size":"128x128","num_inference_steps":20,"n":%d}`

func TestImages(t *testing.T) {
	c := newChecker(t)
	steps := func(n int) func(*modelserver.Config) {
		return func(c *modelserver.Config) { c.MaxImageSteps = n }
	}
	for _, x := range []struct {
		name      string
		variant   refmodel.Variant
		change    func(*modelserver.Config)
		low, high float64 // of the mean quality
	}{
		{"honest", refmodel.Full, steps(0), 1, 1},
		{"honest, noise 0.001", refmodel.Full.Noisy(0.001, 4), steps(0), 0.97, 1},
		{"8 bits", refmodel.Bits(8), steps(0), 0.5, 1},
		{"4 bits", refmodel.Bits(4), steps(0), 0, 0.8},
		{"2 bits", refmodel.Bits(2), steps(0), 0, 0.1},
		{"15 of 20 steps", refmodel.Full, steps(15), 0, 0.2},
		{"10 of 20 steps", refmodel.Full, steps(10), 0, 0},
		{"another model", refmodel.Sibling, steps(0), 0, 0},
	} {
		h, mean, detail := stack(x.variant, x.change), 0.0, ""
		const n = 6
		for i := range n {
			r := judgeIt(t, c, serve(t, h, imageTask, uint64(i), fmt.Sprintf(scene, i, 1+i%2)))
			mean += r.Quality / n
			detail = r.Detail
		}
		t.Logf("%-20s %.3f (%s)", x.name, mean, detail)
		if mean < x.low-1e-9 || mean > x.high+1e-9 {
			t.Errorf("%s: mean quality %.3f, want %v to %v (%s)", x.name, mean, x.low, x.high, detail)
		}
	}
}

func TestImagesOfAnotherSeedOrSize(t *testing.T) {
	c := newChecker(t)
	h := stack(refmodel.Full)
	s := serve(t, h, imageTask, 1, fmt.Sprintf(scene, 1, 2))
	if r := judgeIt(t, c, s); r.Quality != 1 || r.Work != 40 {
		t.Errorf("honest: %+v", r)
	}
	other := s
	other.Sample.Response = serve(t, h, imageTask, 7, fmt.Sprintf(scene, 1, 2)).Sample.Response
	if r := judgeIt(t, c, other); r.Quality != 0 || r.Work != 0 {
		t.Errorf("another seed: %+v", r)
	}
	other.Sample.Response = serve(t, h, imageTask, 1, fmt.Sprintf(scene, 1, 1)).Sample.Response
	if r := judgeIt(t, c, other); r.Quality != 0 || r.Test != "malformed" {
		t.Errorf("one picture of two: %+v", r)
	}
	other.Sample.Response = serve(t, h, imageTask, 1, strings.Replace(fmt.Sprintf(scene, 1, 2), "128x128", "128x192", 1)).Sample.Response
	if r := judgeIt(t, c, other); r.Quality != 0 || r.Test != "malformed" {
		t.Errorf("another size: %+v", r)
	}
}

// recode writes an answer's pictures again.
func recode(t testing.TB, s proto.CheckRequest, encode func(image.Image) []byte) proto.CheckRequest {
	t.Helper()
	q, err := readImageQuery(task.TextToImage{}, s.Sample.Request)
	if err != nil {
		t.Fatal(err)
	}
	var img image.Image
	if err := readPictures(s.Sample.Response, q, func(m image.Image) { img = m }); err != nil {
		t.Fatal(err)
	}
	s.Sample.Response, _ = json.Marshal(map[string]any{"data": []map[string]string{
		{"b64_json": base64.StdEncoding.EncodeToString(encode(img))}}})
	return s
}

func TestImagesInJPEG(t *testing.T) {
	c := newChecker(t)
	s := recode(t, serve(t, stack(refmodel.Full), imageTask, 3, fmt.Sprintf(scene, 9, 1)), func(m image.Image) []byte {
		var b bytes.Buffer
		if err := jpeg.Encode(&b, m, &jpeg.Options{Quality: 90}); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	})
	if r := judgeIt(t, c, s); r.Quality < 0.97 {
		t.Errorf("%+v", r)
	}
}

// A few bytes that say they are a huge picture are refused before it is
// decoded; so is what is no picture.
func TestImageBombs(t *testing.T) {
	c := newChecker(t)
	s := serve(t, stack(refmodel.Full), imageTask, 3, fmt.Sprintf(scene, 9, 1))
	header := func(image.Image) []byte { // a PNG of 60,000 x 60,000 that ends after its header
		var b bytes.Buffer
		if err := png.Encode(&b, image.NewGray(image.Rect(0, 0, 1, 1))); err != nil {
			t.Fatal(err)
		}
		raw := b.Bytes()[:33]
		copy(raw[16:24], []byte{0, 0, 0xea, 0x60, 0, 0, 0xea, 0x60})
		return raw
	}
	for name, encode := range map[string]func(image.Image) []byte{
		"bomb": header, "text": func(image.Image) []byte { return []byte("GIF89a") },
	} {
		if r := judgeIt(t, c, recode(t, s, encode)); r.Quality != 0 || r.Test != "malformed" {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

func embedBody(n int) string {
	texts := make([]string, n)
	for i := range texts {
		texts[i] = fmt.Sprintf("text number %d speaks of ships, wheat and the price of tea", i)
	}
	raw, _ := json.Marshal(texts)
	return `{"input":` + string(raw) + `}`
}

func TestVectors(t *testing.T) {
	c := newChecker(t)
	for _, x := range []struct {
		name      string
		variant   refmodel.Variant
		low, high float64
	}{
		{"honest", refmodel.Full, 1, 1},
		{"half precision", refmodel.Bits(16), 1, 1},
		{"8 bits", refmodel.Bits(8), 0, 0.2},
		{"4 bits", refmodel.Bits(4), 0, 0},
		{"another model", refmodel.Sibling, 0, 0},
	} {
		for _, n := range []int{1, 5, 100} {
			r := judgeIt(t, c, serve(t, stack(x.variant), embedTask, 0, embedBody(n)))
			if r.Quality < x.low || r.Quality > x.high || r.Quality == 1 && r.Work != int64(n) {
				t.Errorf("%s, %d texts: %+v, want quality %v to %v", x.name, n, r, x.low, x.high)
			}
		}
	}
}

// One wrong vector among few is always seen; lengths and norms count too.
func TestVectorsTamperedWith(t *testing.T) {
	c := newChecker(t)
	s := serve(t, stack(refmodel.Full), embedTask, 0, embedBody(6))
	vectors, err := openai.Vectors(s.Sample.Response, 6)
	if err != nil {
		t.Fatal(err)
	}
	answer := func(change func(i int, v []float32) []float32) []byte {
		var data []map[string]any
		for i, v := range vectors {
			data = append(data, map[string]any{"index": i, "embedding": change(i, append([]float32(nil), v...))})
		}
		raw, _ := json.Marshal(map[string]any{"data": data})
		return raw
	}
	for name, change := range map[string]func(i int, v []float32) []float32{
		"one of another text": func(i int, v []float32) []float32 {
			if i == 4 {
				return vectors[0]
			}
			return v
		},
		"shorter": func(_ int, v []float32) []float32 { return v[:100] },
		"scaled": func(_ int, v []float32) []float32 {
			for j := range v {
				v[j] *= 2
			}
			return v
		},
		"zeros": func(_ int, v []float32) []float32 { return make([]float32, len(v)) },
		"none":  func(int, []float32) []float32 { return []float32{} },
	} {
		s.Sample.Response = answer(change)
		if r := judgeIt(t, c, s); r.Quality != 0 || r.Work != 0 {
			t.Errorf("%s: %+v", name, r)
		}
	}
	s.Sample.Response = answer(func(_ int, v []float32) []float32 { return v })
	if r := judgeIt(t, c, s); r.Quality != 1 {
		t.Errorf("as they were: %+v", r)
	}
}

func FuzzPictures(f *testing.F) {
	f.Add([]byte(`{"data":[{"b64_json":"iVBORw0KGgo="}]}`))
	f.Add([]byte(`{"data":[{"embedding":[1,2e3],"index":0}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		_ = readPictures(body, &imageQuery{n: 1, width: 64, height: 64}, func(image.Image) {})
		if v, err := openai.Vectors(body, 1); err == nil && len(v[0]) == 0 {
			t.Error("an empty vector was let pass")
		}
	})
}

// What comparing costs beside making a picture: both of a pair are looked at.
func BenchmarkLook(b *testing.B) {
	for _, side := range []int{128, 512, 1024} {
		b.Run(fmt.Sprint(side), func(b *testing.B) {
			v := (&imageQuery{kind: task.TextToImage{}, n: 1}).view(nil)
			img := image.NewRGBA(image.Rect(0, 0, side, side))
			for i := range img.Pix {
				img.Pix[i] = uint8(i * i >> 7)
			}
			b.ReportAllocs()
			for b.Loop() {
				_ = v.look(img)
			}
		})
	}
}
