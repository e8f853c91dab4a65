package checker

import (
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"vision/internal/fault"
	"vision/internal/picture"
	"vision/internal/refmodel"
)

// ourFault wants an error that says nothing of the miner, and that later may pass.
func ourFault(t *testing.T, what string, err error) {
	t.Helper()
	if k := fault.KindOf(err); err == nil || k == fault.Invalid {
		t.Errorf("%s: %v (kind %v), want an error of ours", what, err, k)
	}
}

// What pictures show is compared where a server embeds pictures: the network's own do.
func TestCLIP(t *testing.T) {
	var asked atomic.Int32
	embedder := stack(refmodel.Full)
	clip := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		if r.Header.Get("Authorization") != "Bearer sesame" {
			t.Errorf("asked with %q", r.Header.Get("Authorization"))
		}
		embedder.ServeHTTP(w, r)
	}))
	defer clip.Close()
	c := Defaults()
	c.Clip = ClipConfig{URL: clip.URL, Model: "ref-embed", KeyFile: "key"}
	checker, err := New(c, Deps{Secret: func(string) (string, error) { return "sesame", nil }})
	if err != nil {
		t.Fatal(err)
	}
	honest := serve(t, stack(refmodel.Full.Noisy(0.001, 3)), imageTask, 1, fmt.Sprintf(scene, 1, 2))
	if r := judgeIt(t, checker, honest); r.Quality != 1 || !strings.Contains(r.Detail, "cosine of embeddings 0.99") && !strings.Contains(r.Detail, "cosine of embeddings 1.0") {
		t.Errorf("honest: %+v", r)
	}
	other := serve(t, stack(refmodel.Sibling), imageTask, 1, fmt.Sprintf(scene, 1, 2))
	if r := judgeIt(t, checker, other); r.Quality != 0 || !strings.Contains(r.Detail, "cosine of embeddings") {
		t.Errorf("another model: %+v", r)
	}
	if asked.Load() != 2 {
		t.Errorf("asked %d times, want once a check", asked.Load())
	}
	for name, answer := range map[string]string{
		"refuses": "", "is of another shape": `{}`, "has no direction": `{"data":[{"index":0,"embedding":[0]},{"index":1,"embedding":[0]},{"index":2,"embedding":[0]},{"index":3,"embedding":[0]}]}`,
	} {
		embedder = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			if answer == "" {
				w.WriteHeader(http.StatusBadRequest)
			}
			io.WriteString(w, answer)
		})
		_, err := checker.Judge(t.Context(), honest)
		ourFault(t, "a CLIP server that "+name, err)
	}
}

// A classifier's opinion counts against a miner only where its picture is well
// above the threshold and the reference's well below.
func TestNSFW(t *testing.T) {
	var their, own atomic.Value
	s := serve(t, stack(refmodel.Full), imageTask, 1, fmt.Sprintf(scene, 1, 1))
	// Another picture: so that the classifier can tell them apart.
	red := image.NewRGBA(image.Rect(0, 0, 128, 128))
	for i := range 128 * 128 {
		red.SetRGBA(i%128, i/128, color.RGBA{255, 0, 0, 255})
	}
	s = answerWith(s, red)
	broken := atomic.Bool{}
	nsfw := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var asked struct {
			Model string
			Input []struct {
				Type  string
				Image struct{ URL string } `json:"image_url"`
			}
		}
		if err := json.NewDecoder(r.Body).Decode(&asked); err != nil || r.URL.Path != "/v1/moderations" || len(asked.Input) != 1 || asked.Input[0].Type != "image_url" || asked.Model != "eye" {
			t.Errorf("asked %s %+v %v", r.URL, asked, err)
			return
		}
		file, err := picture.File(asked.Input[0].Image.URL)
		if err != nil {
			t.Error(err)
			return
		}
		img, err := picture.Read(file, picture.Default)
		if err != nil || broken.Load() {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		score := own.Load()
		if cr, g, _, _ := img.At(5, 5).RGBA(); cr == 0xffff && g == 0 {
			score = their.Load()
		}
		fmt.Fprintf(w, `{"id":"modr-1","results":[{"flagged":true,"categories":{},"category_scores":{"violence":0.99,"sexual":%v,"sexual/minors":0}}]}`, score)
	}))
	defer nsfw.Close()
	c := newChecker(t, func(c *Config) {
		c.NSFW.URL, c.NSFW.Model, c.NSFW.Categories = nsfw.URL, "eye", []string{"sexual", "sexual/minors"}
	})
	for _, x := range []struct {
		their, own float64
		unsafe     bool
	}{{0.9, 0.1, true}, {0.9, 0.6, false}, {0.9, 0.4, false}, {0.6, 0.1, false}, {0.7, 0.3, true}, {0.1, 0.9, false}} {
		their.Store(fmt.Sprint(x.their))
		own.Store(fmt.Sprint(x.own))
		r := judgeIt(t, c, s)
		if got := strings.Contains(r.Detail, "unsafe"); got != x.unsafe {
			t.Errorf("miner's %v, reference's %v: %+v", x.their, x.own, r)
		}
	}
	broken.Store(true)
	_, err := c.Judge(t.Context(), s)
	ourFault(t, "a classifier that fails", err)
	broken.Store(false)
	for _, score := range []string{"-1", "2", `"much"`} {
		their.Store(score)
		_, err = c.Judge(t.Context(), s)
		ourFault(t, "a score of "+score, err)
	}
}

func TestEyesConfig(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"clip.url":       func(c *Config) { c.Clip = ClipConfig{URL: "here", Model: "m"} },
		"clip.model":     func(c *Config) { c.Clip = ClipConfig{URL: "http://127.0.0.1:1"} },
		"nsfw.url":       func(c *Config) { c.NSFW.URL = "http://127.0.0.1:1/v1" },
		"nsfw.threshold": func(c *Config) { c.NSFW = NSFWConfig{URL: "http://127.0.0.1:1"} },
		"nsfw.margin":    func(c *Config) { c.NSFW = NSFWConfig{URL: "http://127.0.0.1:1", Threshold: 0.9, Margin: 0.2} },
	} {
		c := Defaults()
		change(&c)
		var found []string
		c.Check(func(field, _ string, _ ...any) { found = append(found, field) })
		if len(found) != 1 || found[0] != name {
			t.Errorf("%s: %v", name, found)
		}
	}
}

// A server as reference is asked for what a cheat may have run instead, if it has it.
func TestAlternativesOfAServer(t *testing.T) {
	body := fmt.Sprintf(scene, 4, 1)
	var asked []string
	ref := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		raw, _ := io.ReadAll(r.Body)
		var m struct {
			Model string
			Steps int `json:"num_inference_steps"`
			Seed  uint64
		}
		if err := json.Unmarshal(raw, &m); err != nil {
			t.Error(err)
		}
		asked = append(asked, fmt.Sprintf("%s %d", m.Model, m.Steps))
		v := refmodel.Full
		if m.Model == "small" {
			v = refmodel.Bits(4)
		}
		_, _, sent := payload(t, imageTask, m.Seed, strings.Replace(body, `"num_inference_steps":20`, fmt.Sprintf(`"num_inference_steps":%d`, m.Steps), 1))
		w.Write(ask(t, stack(v), "/v1/images/generations", sent))
	}))
	defer ref.Close()
	c := newChecker(t, func(c *Config) {
		c.References = []ReferenceConfig{{Serves: "vision-ref-image", Engine: "openai", URL: ref.URL, Model: "big", Painters: []string{"small"}, Slots: 1}}
	})
	if r := judgeIt(t, c, serve(t, stack(refmodel.Full), imageTask, 4, body)); r.Quality != 1 || strings.Join(asked, ", ") != "big 20" {
		t.Errorf("honest: %+v, asked %v", r, asked)
	}
	asked = nil
	r := judgeIt(t, c, serve(t, stack(refmodel.Bits(4)), imageTask, 4, body))
	if got := strings.Join(asked, ", "); r.Quality > 0.1 || got != "big 20, big 15, big 10, big 5, small 20" || r.Test != "recompute+alternatives" || !strings.Contains(r.Detail, "100% of the way to small") {
		t.Errorf("4 bits: %+v, asked %v", r, got)
	}
}
