package task

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"strings"
	"testing"

	"vision/internal/fault"
	"vision/internal/picture"
)

// holeOf is a mask whose left half is transparent.
func holeOf(w, h int) string {
	m := image.NewNRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := w / 2; x < w; x++ {
			m.SetNRGBA(x, y, color.NRGBA{A: 255})
		}
	}
	return base64.StdEncoding.EncodeToString(picture.PNG(m))
}

// sent is what a miner is sent for a customer's body.
func sent(t *testing.T, kind, body string) (*request, map[string]any) {
	t.Helper()
	tk, k := taskOf(t, kind)
	r, err := k.Parse([]byte(body), tk)
	if err != nil {
		t.Fatalf("%.200s: %v", body, err)
	}
	var m map[string]any
	if err := json.Unmarshal(r.Payload(9), &m); err != nil {
		t.Fatal(err)
	}
	return r.(*request), m
}

func decoded(t *testing.T, url any) image.Image {
	t.Helper()
	s, _ := url.(string)
	if !strings.HasPrefix(s, "data:image/png;base64,") {
		t.Fatalf("miners are sent %.40q, want a data URL of a PNG", s)
	}
	file, err := picture.File(s)
	if err != nil {
		t.Fatal(err)
	}
	img, err := png.Decode(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	return img
}

// Miners are sent pictures of the task's sizes in one form, whatever customers
// send and however they write it.
func TestGivenPicturesAreBroughtToSize(t *testing.T) {
	wide := pictureOf(300, 150, true)
	for _, body := range []string{
		`{"prompt":"a","image":"` + wide + `"}`,
		`{"prompt":"a","image":"data:image/png;base64,` + wide + `","size":"auto"}`, // what it claims to be is not believed
		`{"prompt":"a","image":["` + wide + `"],"size":"128x64"}`,
		`{"prompt":"a","images":[{"image_url":"data:;base64,` + wide + `"}],"mask":null}`,
		`{"prompt":"a","image":{"image_url":{"url":"` + wide + `"}}}`,
	} {
		r, m := sent(t, "image-to-image", body)
		img := decoded(t, m["image"])
		if got := img.Bounds().Size(); m["size"] != "128x64" || got != (image.Point{X: 128, Y: 64}) || r.width != 128 || r.Features().Size != "128x64" {
			t.Errorf("%.60s: size %v, picture %v", body, m["size"], got)
		}
		if m["strength"] != 0.6 || r.Work() != 18 || m["num_inference_steps"] != 30.0 {
			t.Errorf("strength %v of %v steps counts as %d units, want 18", m["strength"], m["num_inference_steps"], r.Work())
		}
	}
	r, m := sent(t, "image-to-image", `{"prompt":"a","image":"`+wide+`","size":"64x64","n":2,"steps":10,"strength":0.25}`)
	if m["size"] != "64x64" || r.Work() != 6 || r.pictures != 2 {
		t.Errorf("size %v, work %d of 2 pictures with 3 of 10 steps", m["size"], r.Work())
	}
}

func TestMaskSaysWhatIsPainted(t *testing.T) {
	_, m := sent(t, "inpaint", `{"prompt":"a","image":"`+pictureOf(256, 128, false)+`","mask":"`+holeOf(256, 128)+`"}`)
	mask := decoded(t, m["mask"])
	if mask.Bounds().Size() != (image.Point{X: 128, Y: 64}) {
		t.Fatalf("a mask of %v for a picture of 128x64", mask.Bounds())
	}
	for _, x := range []int{0, 63, 64, 127} {
		if _, _, _, a := mask.At(x, 10).RGBA(); (a == 0) != (x < 64) {
			t.Errorf("alpha %d at column %d", a, x)
		}
	}
	if m["strength"] != 1.0 {
		t.Errorf("strength %v", m["strength"])
	}
}

func TestUpscaleCountsPixels(t *testing.T) {
	r, m := sent(t, "upscale", `{"image":"`+pictureOf(100, 70, true)+`","n":1,"size":"200x140"}`)
	if m["size"] != "200x140" || r.Work() != 28 || r.Features().Size != "100x70" {
		t.Errorf("size %v, work %d, features %+v", m["size"], r.Work(), r.Features())
	}
	if got := decoded(t, m["image"]).Bounds().Size(); got != (image.Point{X: 100, Y: 70}) {
		t.Errorf("the picture is sent as %v", got)
	}
}

func TestAvatar(t *testing.T) {
	r, m := sent(t, "avatar", `{"prompt":"a","image":"`+pictureOf(2048, 1024, true)+`","n":3,"steps":5}`)
	if got := decoded(t, m["image"]).Bounds().Size(); got != (image.Point{X: 1024, Y: 512}) || r.Work() != 15 || m["size"] != "64x64" {
		t.Errorf("face %v, work %d, size %v", got, r.Work(), m["size"])
	}
	if m["adapter_strength"] != 0.8 || m["control_strength"] != 0.5 {
		t.Errorf("strengths %v, %v", m["adapter_strength"], m["control_strength"])
	}
}

func TestLinksAreReadAgain(t *testing.T) {
	tk, kind := taskOf(t, "inpaint")
	body := []byte(`{"prompt":"a","image":"https://example.com/a.png","mask":["http://example.com/m"]}`)
	r, err := kind.Parse(body, tk)
	if err != nil {
		t.Fatal(err)
	}
	links := r.(Linked).Links()
	if len(links) != 2 || links[1].Param != "mask" {
		t.Fatalf("links %+v", links)
	}
	img, _ := base64.StdEncoding.DecodeString(pictureOf(64, 64, true))
	hole, _ := base64.StdEncoding.DecodeString(holeOf(64, 64))
	r, err = kind.Parse(Embed(body, links, [][]byte{img, hole}), tk)
	if err != nil || r.(Linked).Links() != nil {
		t.Fatalf("%v, links %v", err, r.(Linked).Links())
	}
}

// bomb is a PNG of 60,000 x 60,000 pixels that ends after its header.
func bomb() string {
	raw := picture.PNG(image.NewGray(image.Rect(0, 0, 1, 1)))[:33]
	copy(raw[16:24], []byte{0, 0, 0xea, 0x60, 0, 0, 0xea, 0x60})
	raw = append(raw[:29:29], 0, 0, 0, 0) // the checksum is wrong as well
	return base64.StdEncoding.EncodeToString(raw)
}

func TestBadPicturesAreRefused(t *testing.T) {
	good, hole := pictureOf(64, 64, false), holeOf(64, 64)
	whole, _ := base64.StdEncoding.DecodeString(pictureOf(64, 64, true))
	half := base64.StdEncoding.EncodeToString(whole[:len(whole)-40])
	for _, tt := range []struct{ kind, body, param, says string }{
		{"image-to-image", `{"prompt":"a"}`, "image", "required"},
		{"image-to-image", `{"prompt":"a","image":3}`, "image", "must be a picture"},
		{"image-to-image", `{"prompt":"a","image":"` + good + `","mask":"` + hole + `"}`, "mask", "kind inpaint"},
		{"image-to-image", `{"prompt":"a","image":["` + good + `","` + good + `"]}`, "image", "more than one"},
		{"image-to-image", `{"prompt":"a","image":{"file_id":"file-1"}}`, "image", "no uploaded files"},
		{"image-to-image", `{"prompt":"a","image":"file:///etc/passwd"}`, "image", "not base64"},
		{"image-to-image", `{"prompt":"a","image":"data:image/png,abc"}`, "image", "not in base64"},
		{"image-to-image", `{"prompt":"a","image":"aGVsbG8gd29ybGQ="}`, "image", "not a picture"},
		{"image-to-image", `{"prompt":"a","image":"` + half + `"}`, "image", "broken"},
		{"image-to-image", `{"prompt":"a","image":"` + bomb() + `"}`, "image", "cannot be used"},
		{"image-to-image", `{"prompt":"a","image":"` + pictureOf(5000, 4000, false) + `"}`, "image", "5000x4000"},
		{"image-to-image", `{"prompt":"a","image":"` + pictureOf(8, 64, false) + `"}`, "image", "at least 16"},
		{"image-to-image", `{"prompt":"a","image":"` + good + `","size":"65x65"}`, "size", "64x64, 128x64"},
		{"image-to-image", `{"prompt":"a","image":"` + good + `","n":5}`, "n", "1 to 4"},
		{"image-to-image", `{"prompt":"a","image":"` + good + `","steps":31}`, "steps", "1 to 30"},
		{"image-to-image", `{"prompt":"a","image":"` + good + `","strength":1.5}`, "strength", "0.01 to 1"},
		{"image-to-image", `{"prompt":"a","image":"` + good + `","response_format":"url"}`, "response_format", "b64_json"},
		{"inpaint", `{"prompt":"a","image":"` + good + `"}`, "mask", "required"},
		{"inpaint", `{"prompt":"a","image":"` + good + `","mask":"` + holeOf(64, 32) + `"}`, "mask", "one size"},
		{"inpaint", `{"prompt":"a","image":"` + good + `","mask":"` + good + `"}`, "mask", "no transparent"},
		{"upscale", `{"image":"` + good + `","size":"256x256"}`, "size", "128x128"},
		{"upscale", `{"image":"` + good + `","n":2}`, "n", "one enlargement"},
		{"upscale", `{"image":"` + good + `","prompt":"x"}`, "prompt", "only enlarges"},
		{"upscale", `{"image":"` + pictureOf(129, 128, false) + `"}`, "image", "16384 in all"},
		{"avatar", `{"prompt":"a","image":"` + good + `","adapter_strength":2}`, "adapter_strength", "0 to 1"},
		{"avatar", `{"image":"` + good + `"}`, "prompt", "required"},
		{"embedding", `{"input":[{"image":"` + half + `"}]}`, "input", "broken"},
		{"embedding", `{"input":[{"image":"` + good + `","text":"a"}]}`, "input", "either"},
		{"embedding", `{"input":["a",{"text":""}]}`, "input", "input[1] is empty"},
		{"embedding", `{"input":"a","dimensions":5}`, "dimensions", "1 to 4"},
	} {
		tk, kind := taskOf(t, tt.kind)
		_, err := kind.Parse([]byte(tt.body), tk)
		var e *fault.Error
		if !errors.As(err, &e) || e.Kind != fault.Invalid || e.Param != tt.param || !strings.Contains(e.Message, tt.says) {
			t.Errorf("%s %.80s\ngot  %v\nwant %s: …%s…", tt.kind, tt.body, err, tt.param, tt.says)
		}
	}
	tk, kind := taskOf(t, "embedding")
	tk.Model.Images = false
	if _, err := kind.Parse([]byte(`{"input":{"image":"`+good+`"}}`), tk); err == nil || !strings.Contains(err.Error(), "texts only") {
		t.Errorf("a model of texts was given a picture: %v", err)
	}
}

func TestInpaintWantsPNG(t *testing.T) {
	tk, kind := taskOf(t, "inpaint")
	r, _ := sent(t, "inpaint", `{"prompt":"a","image":"`+pictureOf(64, 64, true)+`","mask":"`+holeOf(64, 64)+`"}`)
	answer := func(b64 string) []byte { return fmt.Appendf(nil, `{"data":[{"b64_json":%q}]}`, b64) }
	if w, err := kind.Count(answer(pictureOf(64, 64, false)), r); err != nil || w.Units != 30 {
		t.Errorf("a PNG: %+v, %v", w, err)
	}
	if _, err := kind.Count(answer(pictureOf(64, 64, true)), r); err == nil {
		t.Error("a JPEG, which keeps nothing exactly, was let pass")
	}
	if shown, err := kind.Show(answer(pictureOf(64, 64, false)), Work{}, r, tk); err != nil || !json.Valid(shown) {
		t.Errorf("%s, %v", shown, err)
	}
}

func TestVectorsAreCut(t *testing.T) {
	tk, kind := taskOf(t, "embedding")
	r, m := sent(t, "embedding", `{"input":["x",{"image":"`+pictureOf(40, 20, true)+`"}],"dimensions":2}`)
	if input := m["input"].([]any); m["dimensions"] != nil || input[0] != "x" || decoded(t, input[1].(map[string]any)["image"]).Bounds().Dx() != 40 {
		t.Errorf("miners are sent %v", m)
	}
	answer := []byte(`{"data":[{"embedding":[3,4,12]},{"embedding":[0,0,1]}]}`)
	w, err := kind.Count(answer, r)
	if err != nil || w.Units != 2 {
		t.Fatal(w, err)
	}
	shown, err := kind.Show(answer, w, r, tk)
	if err != nil || !bytes.Contains(shown, []byte(`"embedding":[0.6,0.8]`)) || !bytes.Contains(shown, []byte(`"embedding":[0,0]`)) {
		t.Errorf("%s, %v", shown, err)
	}
	if _, err := kind.Count([]byte(`{"data":[{"embedding":[3]},{"embedding":[0]}]}`), r); err == nil {
		t.Error("vectors shorter than were asked for were let pass")
	}
}
