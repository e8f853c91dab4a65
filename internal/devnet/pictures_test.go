package devnet

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"image"
	"image/color"
	"image/png"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/openai/openai-go/v3"

	"vision/internal/picture"
	"vision/internal/prompt"
	"vision/internal/scorer"
)

// TestPictures runs a network for pictures that are made from others, uses it
// by the official SDK, and finds out who paints with too few steps.
func TestPictures(t *testing.T) {
	if racing {
		t.Skip("painting is too slow under the race detector; the parts are tested by themselves")
	}
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	catalogueOf(t, data, map[string]int64{"image-to-image": 12, "inpaint": 60, "upscale": 3000, "avatar": 60, "embedding": 20})
	n := begin(t, Options{Data: data, Period: 5 * time.Second, Mechanism: "vision4", Miners: 1, Cheats: []string{"hurried"}, Listen: "127.0.0.1:0", PrivateLinks: true})
	defer func() { n.cancel(); n.log.tail(t) }()
	files := photographs()
	t.Run("edit", func(t *testing.T) { edits(t, n, files) })
	t.Run("variation", func(t *testing.T) { enlargements(t, n, files) })
	t.Run("avatar", func(t *testing.T) { avatars(t, n, files) })
	t.Run("links", func(t *testing.T) { linked(t, n, files) })
	t.Run("embeddings", func(t *testing.T) { pictureVectors(t, n, files) })
	t.Run("hurried", func(t *testing.T) { hurriedLoses(t, n) })
	n.stop(t)
}

type photographed struct{ photo, hole []byte }

// photographs are a picture of 300x300 and a mask whose middle is open.
func photographs() photographed {
	hole := image.NewNRGBA(image.Rect(0, 0, 300, 300))
	for y := range 300 {
		for x := range 300 {
			if x < 100 || x > 200 || y < 100 || y > 200 {
				hole.SetNRGBA(x, y, color.NRGBA{A: 255})
			}
		}
	}
	photo := prompt.Picture(rand.New(rand.NewPCG(1, 2)), 300, 300)
	return photographed{picture.PNG(photo), picture.PNG(hole)}
}

func upload(file []byte) io.Reader {
	return openai.File(bytes.NewReader(file), "photo.png", "image/png")
}

func pictureIn(t *testing.T, b64 string, w, h int) image.Image {
	t.Helper()
	raw, err := base64.StdEncoding.DecodeString(b64)
	if err != nil {
		t.Fatal(err)
	}
	img, err := png.Decode(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	if got := img.Bounds().Size(); got != (image.Point{X: w, Y: h}) {
		t.Errorf("the picture is %v, want %dx%d", got, w, h)
	}
	return img
}

func edits(t *testing.T, n *running, f photographed) {
	r, err := n.Images.Edit(t.Context(), openai.ImageEditParams{
		Model: "vision-ref-edit", Prompt: "in winter", Image: openai.ImageEditParamsImageUnion{OfFile: upload(f.photo)}, N: openai.Int(2)})
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Data) != 2 {
		t.Fatalf("%d pictures, want 2", len(r.Data))
	}
	pictureIn(t, r.Data[1].B64JSON, 256, 256)
	r, err = n.Images.Edit(t.Context(), openai.ImageEditParams{Model: "vision-ref-inpaint", Prompt: "a cat", Size: "256x384",
		Image: openai.ImageEditParamsImageUnion{OfFile: upload(f.photo)}, Mask: upload(f.hole)})
	if err != nil {
		t.Fatal(err)
	}
	whole, _ := png.Decode(bytes.NewReader(f.photo))
	want := picture.Cover(whole, 256, 384)
	got := picture.Opaque(pictureIn(t, r.Data[0].B64JSON, 256, 384))
	if !bytes.Equal(got.Pix[:100*got.Stride], want.Pix[:100*want.Stride]) {
		t.Error("the part that the mask covers is not as it was sent")
	}
	if bytes.Equal(got.Pix, want.Pix) {
		t.Error("nothing was painted")
	}
	_, err = n.Images.Edit(t.Context(), openai.ImageEditParams{Model: "vision-ref-inpaint", Prompt: "a cat",
		Image: openai.ImageEditParamsImageUnion{OfFile: upload(f.photo)}})
	var e *openai.Error
	if !errors.As(err, &e) || e.StatusCode != 400 || e.Param != "mask" {
		t.Errorf("without a mask: %v", err)
	}
}

func enlargements(t *testing.T, n *running, f photographed) {
	small := picture.PNG(prompt.Picture(rand.New(rand.NewPCG(3, 4)), 120, 90))
	//lint:ignore SA1019 customers' clients have it, deprecated or not
	r, err := n.Images.NewVariation(t.Context(), openai.ImageNewVariationParams{Model: "vision-ref-upscale", Image: upload(small),
		ResponseFormat: openai.ImageNewVariationParamsResponseFormatB64JSON})
	if err != nil {
		t.Fatal(err)
	}
	pictureIn(t, r.Data[0].B64JSON, 480, 360)
	//lint:ignore SA1019 as above
	_, err = n.Images.NewVariation(t.Context(), openai.ImageNewVariationParams{Model: "vision-ref-upscale", Image: upload(f.photo)})
	var e *openai.Error
	if !errors.As(err, &e) || e.StatusCode != 400 || e.Param != "image" || e.Code != "invalid_image" {
		t.Errorf("a picture with too many pixels: %v", err)
	}
}

// post sends what the SDK has no method for.
func (n *running) post(t *testing.T, path, body string) (int, map[string]any) {
	t.Helper()
	var answer map[string]any
	err := n.Client.Post(t.Context(), strings.TrimPrefix(path, "/"), json.RawMessage(body), &answer)
	var e *openai.Error
	if errors.As(err, &e) {
		return e.StatusCode, map[string]any{"error": e.Message}
	}
	if err != nil {
		t.Fatal(err)
	}
	return 200, answer
}

func quoted(file []byte) string {
	b, _ := json.Marshal(string(picture.AppendURL(nil, file)))
	return string(b)
}

func avatars(t *testing.T, n *running, f photographed) {
	status, answer := n.post(t, "/avatars", `{"model":"vision-ref-avatar","prompt":"as an astronaut","image":`+quoted(f.photo)+`,
		"adapter_strength":0.9,"control_strength":0.3,"size":"384x256","num_inference_steps":10}`)
	if status != 200 {
		t.Fatalf("%d %v", status, answer)
	}
	pictureIn(t, answer["data"].([]any)[0].(map[string]any)["b64_json"].(string), 384, 256)
}

func linked(t *testing.T, n *running, f photographed) {
	files := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/photo.png" {
			http.NotFound(w, r)
			return
		}
		w.Write(f.photo)
	}))
	defer files.Close()
	body := `{"model":"vision-ref-edit","prompt":"in winter","steps":6,"image":"` + files.URL
	if status, answer := n.post(t, "/images/edits", body+`/photo.png"}`); status != 200 {
		t.Errorf("%d %v", status, answer)
	}
	if status, answer := n.post(t, "/images/edits", body+`/none.png"}`); status != 400 {
		t.Errorf("a link that leads nowhere: %d %v", status, answer)
	}
}

func pictureVectors(t *testing.T, n *running, f photographed) {
	status, answer := n.post(t, "/embeddings", `{"model":"vision-ref-embed","dimensions":64,"input":["a river",{"image":`+quoted(f.photo)+`},
		{"type":"image_url","image_url":{"url":`+quoted(f.photo)+`}}]}`)
	if status != 200 {
		t.Fatalf("%d %v", status, answer)
	}
	vector := func(i int) []any { return answer["data"].([]any)[i].(map[string]any)["embedding"].([]any) }
	if len(vector(0)) != 64 || vector(1)[0] != vector(2)[0] || vector(0)[0] == vector(1)[0] {
		t.Errorf("vectors of %d numbers that begin with %v, %v, %v", len(vector(0)), vector(0)[0], vector(1)[0], vector(2)[0])
	}
}

// hurriedLoses waits until a miner that runs too few steps was convicted, for
// image-to-image, while honest ones were not.
func hurriedLoses(t *testing.T, n *running) {
	names := n.Names()
	var r scorer.Report
	quality := func(cheat bool, task string) (mean float64, checks int64) {
		for _, m := range r.Miners {
			if strings.HasPrefix(names[m.Hotkey], "honest") == cheat {
				continue
			}
			for _, c := range m.Tasks {
				if c.Task == task {
					mean += c.Quality.Mean * float64(c.Quality.Checks)
					checks += int64(c.Quality.Checks)
				}
			}
		}
		return mean / max(1, float64(checks)), checks
	}
	until(t, "the cheat's pictures are found to be worthless", func() bool {
		r = n.report(t)
		_, honest := quality(false, "vision-ref-edit")
		mean, cheat := quality(true, "vision-ref-edit")
		return honest >= 1 && cheat >= 2 && mean < 0.5 // a few requests ask for no more steps than it runs
	})
	honest, _ := quality(false, "vision-ref-edit")
	cheat, checks := quality(true, "vision-ref-edit")
	t.Logf("image-to-image: honest miners %.3f, the hurried one %.3f of %d checks", honest, cheat, checks)
	if honest < 0.99 {
		t.Errorf("quality of honest miners %.3f", honest)
	}
	for _, task := range []string{"vision-ref-inpaint", "vision-ref-upscale", "vision-ref-avatar"} {
		if mean, checks := quality(false, task); checks > 0 && mean < 0.99 {
			t.Errorf("%s: honest miners have quality %.3f of %d checks", task, mean, checks)
		}
	}
}
