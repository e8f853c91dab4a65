package checker

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"image"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"

	"vision/internal/modelserver"
	"vision/internal/openai"
	"vision/internal/picture"
	"vision/internal/prompt"
	"vision/internal/proto"
	"vision/internal/refmodel"
	"vision/internal/task"
)

// The tasks of pictures made from others; all are served as ref-image.
func givenTask(kind string) task.Task {
	t := imageTask
	t.Kind = kind
	if kind == "upscale" {
		t.Limits = task.Limits{Scale: 4, Pixels: 128 * 128}
	}
	return t
}

// past draws features as customers' requests have them.
type past struct{}

func (past) Written(*rand.Rand, *task.Task, int, int) []prompt.Turn { return nil }

func (past) Draw(r *rand.Rand, t *task.Task) task.Features {
	f := task.Features{Turns: 1, Temperature: -1, TopP: -1, PromptBytes: 60, Output: 20, Size: "128x128"}
	if t.Kind == "upscale" {
		f.Size = "96x72"
	}
	return f
}

// probe is a sample of a stack's answer to a made up request.
func probe(t testing.TB, v refmodel.Variant, change func(*modelserver.Config), kind string, i int) proto.CheckRequest {
	t.Helper()
	tk, req := madeUp(kind, i)
	k, _ := task.KindNamed(kind)
	sent := req.Payload(uint64(i))
	return sampleOf(tk, req, sent, ask(t, stack(v, change), k.Path(), sent))
}

// madeUp is the i-th request of a kind. It is made up once: pictures take long.
func madeUp(kind string, i int) (task.Task, task.Request) {
	type made struct {
		tk  task.Task
		req task.Request
	}
	synthesise := func() made {
		tk := givenTask(kind)
		k, _ := task.KindNamed(kind)
		return made{tk, k.Synthesise(rand.New(rand.NewPCG(3, uint64(i))), past{}, &tk)}
	}
	once, _ := madeRequests.LoadOrStore(fmt.Sprint(kind, i), sync.OnceValue(synthesise))
	m := once.(func() made)()
	return m.tk, m.req
}

var madeRequests sync.Map // func() of a request, by kind and number

// A reference shaped as OpenAI's servers is asked by a form, and its pictures
// are what the miner's are compared with.
func TestPicturesByAServer(t *testing.T) {
	honest := probe(t, refmodel.Full, func(*modelserver.Config) {}, "inpaint", 2)
	k := task.Inpaint{}
	var forms atomic.Int32
	ref := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		asJSON, err := openai.AppendForm(nil, r.Header.Get("Content-Type"), body)
		if err != nil || r.URL.Path != k.Path() || !bytes.Contains(asJSON, []byte(`"model":"served"`)) {
			t.Errorf("the reference was asked %s %v", r.URL.Path, err)
		}
		forms.Add(1)
		w.Write(honest.Sample.Response)
	}))
	defer ref.Close()
	c := newChecker(t, func(c *Config) {
		c.References = []ReferenceConfig{{Serves: "vision-ref-image", Engine: "openai", URL: ref.URL, Model: "served", Slots: 1}}
	})
	if r := judgeIt(t, c, honest); r.Quality != 1 || forms.Load() != 1 {
		t.Errorf("honest: %+v, %d forms", r, forms.Load())
	}
	other := honest
	other.Sample.Response = probe(t, refmodel.Sibling, func(*modelserver.Config) {}, "inpaint", 2).Sample.Response
	if r := judgeIt(t, c, other); r.Quality > 0.1 {
		t.Errorf("another model: %+v", r)
	}
}

// Honest miners pass whatever picture is given, and cheats are found out.
func TestPicturesMadeFromOthers(t *testing.T) {
	t.Parallel()
	c := newChecker(t)
	none := func(*modelserver.Config) {}
	steps := func(n int) func(*modelserver.Config) { return func(c *modelserver.Config) { c.MaxImageSteps = n } }
	type limits struct{ low, high float64 }
	for _, x := range []struct {
		name    string
		variant refmodel.Variant
		change  func(*modelserver.Config)
		want    map[string]limits // of the mean quality, by kind
	}{
		{"honest", refmodel.Full, none, map[string]limits{"image-to-image": {1, 1}, "inpaint": {1, 1}, "upscale": {1, 1}, "avatar": {1, 1}}},
		{"honest, noise 0.001", refmodel.Full.Noisy(0.001, 4), none,
			map[string]limits{"image-to-image": {0.95, 1}, "inpaint": {0.95, 1}, "upscale": {0.95, 1}, "avatar": {0.95, 1}}},
		{"2 bits", refmodel.Bits(2), none, map[string]limits{"image-to-image": {0, 0.3}, "inpaint": {0, 0.3}, "upscale": {0, 0.5}, "avatar": {0, 0.2}}},
		{"another model", refmodel.Sibling, none, map[string]limits{"image-to-image": {0, 0.1}, "inpaint": {0, 0.1}, "upscale": {0, 0.1}, "avatar": {0, 0.1}}},
		{"5 steps", refmodel.Full, steps(5), map[string]limits{"image-to-image": {0, 0.3}, "inpaint": {0, 0.1}, "avatar": {0, 0.1}}},
	} {
		for kind, want := range x.want {
			mean, detail := 0.0, ""
			const n = 4
			for i := range n {
				r := judgeIt(t, c, probe(t, x.variant, x.change, kind, i))
				mean += r.Quality / n
				detail = r.Detail
			}
			t.Logf("%-20s %-15s %.3f (%s)", x.name, kind, mean, detail)
			if mean < want.low-1e-9 || mean > want.high+1e-9 {
				t.Errorf("%s, %s: mean quality %.3f, want %v to %v (%s)", x.name, kind, mean, want.low, want.high, detail)
			}
		}
	}
}

// answerWith replaces a sample's pictures.
func answerWith(s proto.CheckRequest, img image.Image) proto.CheckRequest {
	s.Sample.Response, _ = json.Marshal(map[string]any{"data": []map[string]string{
		{"b64_json": base64.StdEncoding.EncodeToString(picture.PNG(img))}}})
	return s
}

// Whoever does nothing but return what was given, brought to size, earns nothing.
func TestGivenPicturesReturned(t *testing.T) {
	c := newChecker(t)
	for _, kind := range []string{"image-to-image", "inpaint", "upscale"} {
		for i := range 5 {
			s := probe(t, refmodel.Full, func(*modelserver.Config) {}, kind, i)
			k, _ := task.KindNamed(kind)
			q, err := readImageQuery(k, s.Sample.Request)
			if err != nil {
				t.Fatal(err)
			}
			var idle image.Image = q.given
			if kind == "upscale" {
				idle = picture.Enlarge(q.given, 4)
			}
			if r := judgeIt(t, c, answerWith(s, idle)); r.Quality > 0 {
				t.Errorf("%s %d (strength %v): %+v", kind, i, q.strength, r)
			}
		}
	}
}

// A single pixel that was not to be painted is enough.
func TestInpaintKeepsTheRest(t *testing.T) {
	c := newChecker(t)
	s := probe(t, refmodel.Full, func(*modelserver.Config) {}, "inpaint", 1)
	q, err := readImageQuery(task.Inpaint{}, s.Sample.Request)
	if err != nil {
		t.Fatal(err)
	}
	var img *image.RGBA
	if err := readPictures(s.Sample.Response, q, func(m image.Image) { img = picture.Opaque(m) }); err != nil {
		t.Fatal(err)
	}
	if r := judgeIt(t, c, answerWith(s, img)); r.Quality != 1 {
		t.Fatalf("written again: %+v", r)
	}
	for i, a := range q.mask.Pix {
		if a == 0 {
			img.Pix[4*i]++
			break
		}
	}
	if r := judgeIt(t, c, answerWith(s, img)); r.Quality != 0 || r.Test != "untouched" {
		t.Errorf("one pixel spoiled: %+v", r)
	}
}

func TestVectorsOfPictures(t *testing.T) {
	c := newChecker(t)
	tk := embedTask
	tk.Model.Images = true
	r := rand.New(rand.NewPCG(1, 1))
	item := func() string {
		return fmt.Sprintf(`{"image":%q}`, picture.AppendURL(nil, picture.PNG(prompt.Picture(r, 90, 60))))
	}
	body := `{"input":["ships",` + item() + `,` + item() + `]}`
	for _, x := range []struct {
		variant   refmodel.Variant
		low, high float64
	}{{refmodel.Full, 1, 1}, {refmodel.Bits(4), 0, 0.2}, {refmodel.Sibling, 0, 0}} {
		if res := judgeIt(t, c, serve(t, stack(x.variant), tk, 0, body)); res.Quality < x.low || res.Quality > x.high {
			t.Errorf("%v: %+v", x.variant, res)
		}
	}
	s := serve(t, stack(refmodel.Full), tk, 0, body)
	v, err := openai.Vectors(s.Sample.Response, 3)
	if err != nil {
		t.Fatal(err)
	}
	s.Sample.Response, _ = json.Marshal(map[string]any{"data": []map[string]any{{"embedding": v[0]}, {"embedding": v[2]}, {"embedding": v[1]}}})
	if res := judgeIt(t, c, s); res.Quality > 0.5 {
		t.Errorf("another picture's vector: %+v", res)
	}
}
