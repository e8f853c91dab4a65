package miner

import (
	"bytes"
	"encoding/json"
	"fmt"
	"image"
	"io"
	"net/http"
	"strings"
	"testing"

	"vision/internal/picture"
	"vision/internal/task"
)

// editTask is a task of pictures made from others.
func editTask() *task.Task {
	return &task.Task{Name: "edit", Kind: "inpaint", Limits: task.Limits{Steps: 8, Images: 1, Sizes: []string{"64x64"}}, Model: task.Model{SeedBits: 32}}
}

// Servers shaped as OpenAI's get forms with files; ours gets JSON.
func TestPicturesAreForwardedAsTheServerTakesThem(t *testing.T) {
	photo := picture.PNG(image.NewGray(image.Rect(0, 0, 64, 64)))
	hole := picture.PNG(image.NewNRGBA(image.Rect(0, 0, 64, 64)))
	body := fmt.Sprintf(`{"model":"edit","prompt":"a \"cat\"","image":%q,"mask":%q,"n":1,"strength":0.5}`, picture.AppendURL(nil, photo), picture.AppendURL(nil, hole))
	req, err := task.Inpaint{}.Parse([]byte(body), editTask())
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"openai", "vllm", "sglang"} {
		e, _ := engineNamed(name)
		sent, contentType, err := translate(e, task.Inpaint{}, req.Payload(7), "served")
		if err != nil {
			t.Fatal(err)
		}
		r, _ := http.NewRequest("POST", "/", bytes.NewReader(sent))
		r.Header.Set("Content-Type", contentType)
		if err := r.ParseMultipartForm(1 << 20); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for field, want := range map[string]string{"model": "served", "prompt": `a "cat"`, "n": "1", "strength": "0.5", "seed": "7", "size": "64x64", "num_inference_steps": "8"} {
			if got := r.FormValue(field); got != want {
				t.Errorf("%s: %s is %q, want %q", name, field, got, want)
			}
		}
		for _, field := range []string{"image", "mask"} {
			f, h, err := r.FormFile(field)
			if err != nil {
				t.Fatalf("%s: %s: %v", name, field, err)
			}
			file, _ := io.ReadAll(f)
			if _, err := picture.Read(file, picture.Default); err != nil || h.Header.Get("Content-Type") != "image/png" || !strings.HasSuffix(h.Filename, ".png") {
				t.Errorf("%s: %s is %q, %v: %v", name, field, h.Filename, h.Header, err)
			}
		}
	}
	e, _ := engineNamed("vision-ref")
	sent, contentType, err := translate(e, task.Inpaint{}, req.Payload(7), "served")
	if err != nil || contentType != "application/json" || !json.Valid(sent) {
		t.Errorf("vision-ref: %s %v", contentType, err)
	}
	e, _ = engineNamed("openai")
	if _, contentType, err := translate(e, task.Avatar{}, []byte(`{"model":"x","image":"data:,"}`), "served"); err != nil || contentType != "application/json" {
		t.Errorf("avatars: %s %v", contentType, err)
	}
}
