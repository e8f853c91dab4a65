package task

import (
	"bytes"
	"encoding/base64"
	"errors"
	"image"
	"math/rand/v2"
	"strings"
	"testing"

	"vision/internal/fault"
	"vision/internal/picture"
	"vision/internal/prompt"
)

// A small body can hold many large pictures, of one colour.
func TestPicturesOfOneRequestAreBoundedTogether(t *testing.T) {
	tk, kind := taskOf(t, "embedding")
	large := `{"image":"` + pictureOf(4096, 4096, false) + `"}`
	for n, fits := range map[int]bool{4: true, 5: false} {
		_, err := kind.Parse([]byte(`{"input":[`+strings.Repeat(large+",", n-1)+large+`]}`), tk)
		var e *fault.Error
		if (err == nil) != fits || err != nil && (!errors.As(err, &e) || e.Kind != fault.Invalid || e.Param != "input" || !strings.Contains(e.Message, "pixels in all")) {
			t.Errorf("%d pictures of 4096x4096: %v", n, err)
		}
	}
	chat, talk := taskOf(t, "chat")
	chat.Model.Images = true
	part := `{"type":"image_url","image_url":{"url":"data:image/png;base64,` + pictureOf(4096, 4096, false) + `"}}`
	for n, fits := range map[int]bool{1: true, 5: false} {
		_, err := talk.Parse([]byte(`{"messages":[{"role":"user","content":[`+strings.Repeat(part+",", n-1)+part+`]}]}`), chat)
		if (err == nil) != fits || err != nil && !strings.Contains(err.Error(), "pixels in all") {
			t.Errorf("%d pictures of 4096x4096 in a chat: %v", n, err)
		}
	}
}

// What miners take no more of is not written in vain.
func TestEmbeddedPicturesAreBoundedAsSent(t *testing.T) {
	tk, kind := taskOf(t, "embedding")
	noise := image.NewRGBA(image.Rect(0, 0, 1024, 1024))
	r := rand.New(rand.NewPCG(1, 2))
	for i := range noise.Pix {
		if noise.Pix[i] = byte(r.Uint32()); i%4 == 3 {
			noise.Pix[i] = 255
		}
	}
	one := `{"image":"` + base64.StdEncoding.EncodeToString(picture.PNG(noise)) + `"}` // 4 MB
	for n, fits := range map[int]bool{1: true, 2: false, 3: false} {
		_, err := kind.Parse([]byte(`{"input":[`+strings.Repeat(one+",", n-1)+one+`]}`), tk)
		if (err == nil) != fits || err != nil && (fault.KindOf(err) != fault.TooLarge || !strings.Contains(err.Error(), "input[1]")) {
			t.Errorf("%d pictures of 4 MB: %v", n, err)
		}
	}
}

// manyItems are customers of as many inputs as there may be.
type manyItems struct{}

func (manyItems) Written(*rand.Rand, *Task, int, int) []prompt.Turn { return nil }

func (manyItems) Draw(*rand.Rand, *Task) Features {
	return Features{Output: 2048, PromptBytes: 4 << 20}
}

func TestMadeUpInputsOfManyPicturesAreValid(t *testing.T) {
	tk, kind := taskOf(t, "embedding")
	tk.Limits.Items = 2048
	req := kind.Synthesise(rand.New(rand.NewPCG(1, 2)), manyItems{}, tk) // panics if not
	if n := bytes.Count(req.Payload(1), []byte(`{"image":`)); n != mostDrawn || req.Work() != 2048 {
		t.Errorf("%d pictures of %d inputs, want %d", n, req.Work(), mostDrawn)
	}
	if worst := mostDrawn * 224 * 224 * 3 * 4 / 3; worst >= mostSent {
		t.Errorf("%d made up pictures may have %d bytes", mostDrawn, worst)
	}
}
