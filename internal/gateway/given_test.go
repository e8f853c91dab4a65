package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/color"
	"mime/multipart"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"vision/internal/fault"
	"vision/internal/period"
	"vision/internal/picture"
	"vision/internal/relay"
	"vision/internal/task"
)

// links are the files that URLs lead to.
type links map[string][]byte

func (l links) Fetch(_ context.Context, url string) ([]byte, error) {
	if file, ok := l[url]; ok {
		return file, nil
	}
	return nil, fault.New(fault.Invalid, "invalid_image_url", "The URL of a picture cannot be used: it is not there.")
}

// withPictures adds tasks of the kinds whose requests hold pictures.
func withPictures(fetcher Fetcher) func(*Config) {
	return func(c *Config) {
		all := tasks()
		for _, kind := range []string{"image-to-image", "inpaint", "upscale", "avatar"} {
			t := all[2]
			t.Name, t.Kind = "my-"+kind, kind
			t.Limits.Scale, t.Limits.Pixels = 2, 1<<16
			all = append(all, t)
		}
		all[3].Model.Images = true
		catalogue, err := task.NewCatalogue(all)
		if err != nil {
			panic(err)
		}
		c.Catalogue = func() *task.Catalogue { return catalogue }
		store := c.Periods.(*fakeStore)
		for _, t := range all[4:] {
			store.contenders = append(store.contenders, period.Contender{Period: 1, Miner: miner(1), Task: t.Name, Addr: "192.0.2.1:1", Capacity: 1e9, Slots: 64})
		}
		c.Fetcher = fetcher
	}
}

// drawn answers with a picture's answer, whatever was asked.
func drawn(context.Context, relay.Call, relay.Sink) relay.Answer {
	return relay.Answer{Work: task.Work{Units: 1}, Body: []byte(`{"created":1,"data":[{"b64_json":"eA=="}]}`)}
}

var (
	photo  = picture.PNG(image.NewGray(image.Rect(0, 0, 64, 64)))
	cutOut = func() []byte {
		m := image.NewNRGBA(image.Rect(0, 0, 64, 64))
		for i := range 500 {
			m.SetNRGBA(i%64, i/64, color.NRGBA{A: 255})
		}
		return picture.PNG(m)
	}()
)

func dataURL(file []byte) string { return string(picture.AppendURL(nil, file)) }

// form writes a form; names of files begin with '@'.
func form(t testing.TB, pairs ...string) (body, contentType string) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for i := 0; i < len(pairs); i += 2 {
		if name, ok := strings.CutPrefix(pairs[i], "@"); ok {
			p, err := w.CreateFormFile(name, "x.png")
			if err != nil {
				t.Fatal(err)
			}
			p.Write([]byte(pairs[i+1]))
			continue
		}
		w.WriteField(pairs[i], pairs[i+1])
	}
	w.Close()
	return b.String(), w.FormDataContentType()
}

// A form, a body with the picture and one with a link ask miners the same.
func TestPicturesAreSentAlikeHoweverTheyCome(t *testing.T) {
	f := serve(t, withPictures(links{"https://example.com/p.png": photo, "http://example.com/m": cutOut}), drawn)
	asForm, formType := form(t, "model", "my-inpaint", "prompt", "a cat", "@image", string(photo), "@mask", string(cutOut), "num_inference_steps", "4", "n", "2", "seed", "7")
	asJSON := fmt.Sprintf(`{"model":"my-inpaint","prompt":"a cat","image":%q,"mask":%q,"steps":4,"n":2,"seed":7}`, dataURL(photo), dataURL(cutOut))
	linked := `{"model":"my-inpaint","prompt":"a cat","images":[{"image_url":"https://example.com/p.png"}],"mask":{"image_url":"http://example.com/m"},"steps":4,"n":2,"seed":7}`
	for i, send := range [][]string{{asForm, formType}, {asJSON, "application/json"}, {linked, "application/json"}} {
		if r := f.do(t, "POST", "/v1/images/edits", send[0], "Content-Type", send[1]); r.status != 200 {
			t.Fatalf("request %d: %d %s", i, r.status, r.body)
		}
	}
	calls := f.relay.called()
	for i, c := range calls[1:] {
		if !bytes.Equal(c.Payload, calls[0].Payload) {
			t.Errorf("request %d differs:\n%.300s\n%.300s", i+1, c.Payload, calls[0].Payload)
		}
	}
	var sent map[string]any
	if err := json.Unmarshal(calls[0].Payload, &sent); err != nil || sent["n"] != 2.0 || sent["num_inference_steps"] != 4.0 || calls[0].Kind.Name() != "inpaint" {
		t.Errorf("miners are sent %v (%v), as %s", sent, err, calls[0].Kind.Name())
	}
	if bytes.Contains(calls[0].Payload, []byte("example.com")) {
		t.Error("miners are sent a link")
	}
}

// The model says which kind a request at a shared path is of, and what is
// missing or too much for it.
func TestKindsShareAPath(t *testing.T) {
	f := serve(t, withPictures(links{}), drawn)
	edit := func(model, rest string) string {
		return fmt.Sprintf(`{"model":%q,"prompt":"a","image":%q%s}`, model, dataURL(photo), rest)
	}
	mask := fmt.Sprintf(`,"mask":%q`, dataURL(cutOut))
	for _, tt := range []struct {
		path, body string
		status     int
		param, say string
	}{
		{"/v1/images/edits", edit("my-inpaint", mask), 200, "", ""},
		{"/v1/images/edits", edit("my-image-to-image", ""), 200, "", ""},
		{"/v1/avatars", edit("my-avatar", `,"adapter_strength":0.4`), 200, "", ""},
		{"/v1/images/variations", fmt.Sprintf(`{"model":"my-upscale","image":%q}`, dataURL(photo)), 200, "", ""},
		{"/v1/embeddings", fmt.Sprintf(`{"model":"embedder","input":["a",{"image":%q}]}`, dataURL(photo)), 200, "", ""},
		{"/v1/images/edits", edit("my-inpaint", ""), 400, "mask", "image-to-image"},
		{"/v1/images/edits", edit("my-image-to-image", mask), 400, "mask", "inpaint"},
		{"/v1/images/edits", edit("painter", ""), 400, "model", "/v1/images/generations"},
		{"/v1/images/generations", edit("my-avatar", ""), 400, "model", "/v1/avatars"},
		{"/v1/images/edits", edit("my-image-to-image", `,"response_format":"url"`), 400, "response_format", "b64_json"},
		{"/v1/images/edits", edit("my-image-2-image", ""), 404, "model", `"my-image-to-image"`},
		{"/v1/images/edits", `{"model":"my-image-to-image","prompt":"a","image":"https://example.com/none"}`, 400, "image", "not there"},
		{"/v1/embeddings", `{"model":"embedder","input":[{"image":"https://example.com/none"}]}`, 400, "input", "not there"},
	} {
		r := f.do(t, "POST", tt.path, tt.body)
		if r.status != tt.status {
			t.Errorf("%s %.80s: %d %.200s, want %d", tt.path, tt.body, r.status, r.body, tt.status)
			continue
		}
		if tt.status != 200 {
			if e := r.failure(t); e.Param != tt.param || !strings.Contains(e.Message, tt.say) {
				t.Errorf("%s %.80s: %+v, want %s: …%s…", tt.path, tt.body, e, tt.param, tt.say)
			}
		}
	}
}

func TestLinksCanBeTurnedOff(t *testing.T) {
	f := serve(t, withPictures(nil), drawn)
	r := f.do(t, "POST", "/v1/images/edits", `{"model":"my-image-to-image","prompt":"a","image":"https://example.com/p.png"}`)
	if e := r.failure(t); r.status != 400 || e.Param != "image" || !strings.Contains(e.Message, "data URL") {
		t.Errorf("%d %+v", r.status, e)
	}
}

func TestBadFormsAreRefused(t *testing.T) {
	f := serve(t, withPictures(links{}), drawn)
	whole, formType := form(t, "model", "my-image-to-image", "prompt", "a", "@image", string(photo))
	two, twoType := form(t, "model", "my-image-to-image", "prompt", "a", "@image[]", string(photo), "@image[]", string(photo))
	text, textType := form(t, "model", "my-image-to-image", "prompt", "a", "@image", "no picture", "n", "two")
	for name, tt := range map[string]struct{ path, body, kind, param string }{
		"cut off":        {"/v1/images/edits", whole[:len(whole)-20], formType, ""},
		"two pictures":   {"/v1/images/edits", two, twoType, "image"},
		"no picture":     {"/v1/images/edits", text, textType, "image"},
		"no boundary":    {"/v1/images/edits", whole, "multipart/form-data", ""},
		"form for chats": {chatPath, whole, formType, ""},
	} {
		r := f.do(t, "POST", tt.path, tt.body, "Content-Type", tt.kind)
		if e := r.failure(t); r.status != 400 || e.Param != tt.param || e.Message == "" {
			t.Errorf("%s: %d %+v", name, r.status, e)
		}
	}
	if n := len(f.relay.called()); n > 0 {
		t.Errorf("%d of them reached a miner", n)
	}
	if held := f.bodies.held.Load(); held != 0 {
		t.Errorf("%d bytes of bodies are still counted", held)
	}
}

// failAfter fails the second link, and waits with the first until it is told
// that nobody wants it any more.
type failAfter struct{}

func (failAfter) Fetch(ctx context.Context, url string) ([]byte, error) {
	if strings.HasSuffix(url, "1") {
		<-ctx.Done()
		return nil, fault.Wrap(ctx.Err(), fault.Canceled, "canceled", "The request was cancelled.")
	}
	return nil, fault.New(fault.Invalid, "invalid_image_url", "no such picture")
}

func TestOneBadLinkEndsTheOthers(t *testing.T) {
	f := newFixture(t, withPictures(failAfter{}), drawn)
	x := &exchange{g: f.Gateway, r: httptest.NewRequest("POST", "/", nil).WithContext(t.Context())}
	_, err := x.follow([]task.Link{{Param: "image", URL: "http://x/1"}, {Param: "mask", URL: "http://x/2"}})
	var e *fault.Error
	if !errors.As(err, &e) || e.Param != "mask" || e.Message != "no such picture" {
		t.Errorf("%v", err)
	}
}

// Whatever may hold a picture waits for its turn, however small; plain requests
// never do.
func TestPicturesAreDecodedInTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, func(c *Config) {
			withPictures(nil)(c)
			list := tasks()
			list[0].Name, list[0].Model.Images = "seer-8b", true
			catalogue, err := task.NewCatalogue(append(c.Catalogue().Tasks(), list[0]))
			if err != nil {
				t.Fatal(err)
			}
			c.Catalogue = func() *task.Catalogue { return catalogue }
		}, drawn)
		defer stop(t, f)
		for range cap(f.turns) { // all are taken
			f.turns <- struct{}{}
		}
		parse := func(ctx context.Context, model, body string) error {
			one, ok := f.Catalogue().Lookup(model)
			if !ok {
				t.Fatalf("no task %s", model)
			}
			kind, _ := task.KindNamed(one.Kind)
			x := &exchange{g: f.Gateway, r: httptest.NewRequest("POST", "/", nil).WithContext(ctx)}
			_, err := x.parse(kind, []byte(body), one)
			return err
		}
		say := func(content string) string { return `{"messages":[{"role":"user","content":` + content + `}]}` }
		picture := dataURL(photo)
		for name, x := range map[string]struct {
			model, body string
			waits       bool
		}{
			"a plain chat":                     {"talker-8b", say(`"an image"`), false},
			"a chat with a model that sees":    {"seer-8b", say(`"hi \u00e9"`), false},
			"a picture in it":                  {"seer-8b", say(`[{"type":"image_url","image_url":{"url":"` + picture + `"}}]`), true},
			"a picture whose name has escapes": {"seer-8b", say(`[{"type":"im\u0061ge_url","im\u0061ge_url":{"url":"` + picture + `"}}]`), true},
			"a large chat":                     {"talker-8b", say(`"a"`) + strings.Repeat(" ", keptBody), true},
			"texts to embed":                   {"embedder", `{"input":["a"]}`, false},
			"a picture to embed":               {"embedder", `{"input":[{"image":"` + picture + `"}]}`, true},
			"a prompt":                         {"painter", `{"prompt":"an image"}`, false},
			"a picture to change":              {"my-image-to-image", `{"prompt":"a","image":"` + picture + `"}`, true},
		} {
			began := time.Now()
			err := parse(t.Context(), x.model, x.body)
			if !x.waits {
				if err != nil || time.Since(began) > 0 {
					t.Errorf("%s: %v after %v", name, err, time.Since(began))
				}
				continue
			}
			var e *fault.Error
			if !errors.As(err, &e) || e.Kind != fault.Unavailable || e.Code != "overloaded" || e.RetryAfter <= 0 || time.Since(began) != turnWait {
				t.Errorf("%s: %v after %v, want overloaded after %v", name, err, time.Since(began), turnWait)
			}
			went, cancel := context.WithCancel(t.Context())
			cancel()
			if err := parse(went, x.model, x.body); fault.KindOf(err) != fault.Canceled {
				t.Errorf("%s: of a customer who has gone: %v", name, err)
			}
			<-f.turns
			if err := parse(t.Context(), x.model, x.body); err != nil {
				t.Errorf("%s: in its turn: %v", name, err)
			}
			f.turns <- struct{}{} // it was given back, or this waits for ever
		}
	})
}
