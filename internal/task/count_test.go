package task

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"image"
	"image/jpeg"
	"image/png"
	"math"
	"strings"
	"testing"

	"vision/internal/fault"
)

func TestCountOfText(t *testing.T) {
	choice := func(s string) string { return `{"id":"1","choices":[{"index":0,` + s + `}]` }
	tests := []struct {
		in    string
		units int64
		code  string
		shown string
	}{
		{choice(`"message":{"role":"assistant","content":"hello"},"finish_reason":"stop","token_ids":[1,2]`) + `,"model":"x","usage":{"completion_tokens":9}}`, 2, "",
			choice(`"message":{"role":"assistant","content":"hello"},"finish_reason":"stop"`) + `,"model":"chatty","usage":{"prompt_tokens":0,"completion_tokens":2,"total_tokens":2}}`},
		{choice(`"message":{"content":"hello"},"finish_reason":"stop"`) + `}`, 2, "",
			choice(`"message":{"content":"hello"},"finish_reason":"stop"`) + `,"usage":{"prompt_tokens":0,"completion_tokens":2,"total_tokens":2}}`},
		{choice(`"message":{"content":"hello"},"finish_reason":"stop"`) + `,"usage":{"completion_tokens":3,"prompt_tokens":999999}}`, 3, "",
			choice(`"message":{"content":"hello"},"finish_reason":"stop"`) + `,"usage":{"prompt_tokens":98,"completion_tokens":3,"total_tokens":101}}`},
		{choice(`"message":{"content":"hello"},"finish_reason":"stop"`) + `,"usage":{"completion_tokens":250}}`, 6, "",
			choice(`"message":{"content":"hello"},"finish_reason":"stop"`) + `,"usage":{"prompt_tokens":0,"completion_tokens":6,"total_tokens":6}}`},
		{choice(`"message":{"content":"hello"},"finish_reason":"stop","token_ids":[`+strings.Repeat("1,", 10)+`1]`) + `}`, 0, "too_many_tokens", ""},
		{choice(`"message":{"content":"hello"},"finish_reason":null`) + `}`, 0, "truncated", ""},
		{choice(`"message":{"content":""},"finish_reason":"stop"`) + `}`, 0, "empty", ""},
		{`{"choices":[]}`, 0, "malformed_answer", ""},
		{`{"error":{"message":"x"}}`, 0, "upstream_error", ""},
		{`{"choices":[{"message":{"content":"a"},"finish_reason":"stop"}]} x`, 0, "malformed_answer", ""},
		{``, 0, "malformed_answer", ""},
	}
	for _, tt := range tests {
		r, tk, kind := parsed(t, "chat", `{"messages":[{"role":"user","content":"hi"}],"max_tokens":10}`)
		w, err := kind.Count([]byte(tt.in), r)
		if w.Units != tt.units || codeOf(err) != tt.code {
			t.Errorf("%s\ncounts %+v, %v; want %d, %q", tt.in, w, err, tt.units, tt.code)
			continue
		}
		if err == nil {
			shown, err := kind.Show([]byte(tt.in), w, r, tk)
			if err != nil || string(shown) != tt.shown {
				t.Errorf("%s\nshown as %s (%v)\nwant     %s", tt.in, shown, err, tt.shown)
			}
		}
	}
}

func pictureOf(w, h int, asJPEG bool) string {
	var b bytes.Buffer
	m := image.NewGray(image.Rect(0, 0, w, h))
	if asJPEG {
		jpeg.Encode(&b, m, nil)
	} else {
		png.Encode(&b, m)
	}
	return base64.StdEncoding.EncodeToString(b.Bytes())
}

func TestCountOfPictures(t *testing.T) {
	r, tk, kind := parsed(t, "text-to-image", `{"prompt":"a","n":2,"steps":5}`)
	answer := func(pictures ...string) []byte {
		var parts []string
		for _, p := range pictures {
			parts = append(parts, fmt.Sprintf(`{"revised_prompt":"x","b64_json":%q}`, p))
		}
		return []byte(`{"created":12,"data":[` + strings.Join(parts, ",") + `]}`)
	}
	good := pictureOf(64, 64, false)
	tests := []struct {
		name string
		in   []byte
		code string
	}{
		{"good", answer(good, pictureOf(64, 64, true)), ""},
		{"one too few", answer(good), "malformed_answer"},
		{"one too many", answer(good, good, good), "malformed_answer"},
		{"wrong size", answer(good, pictureOf(64, 32, false)), "wrong_size"},
		{"not base64", answer(good, "!"), "malformed_answer"},
		{"no picture", answer(good, "aGVsbG8="), "malformed_answer"},
		{"error", []byte(`{"error":{}}`), "upstream_error"},
		{"nothing", []byte(`{}`), "malformed_answer"},
	}
	for _, tt := range tests {
		w, err := kind.Count(tt.in, r)
		if codeOf(err) != tt.code || err == nil && w.Units != 10 {
			t.Errorf("%s: %+v, %v", tt.name, w, err)
		}
	}
	shown, err := kind.Show(answer(good, good), Work{Units: 10}, r, tk)
	if want := fmt.Sprintf(`{"created":12,"data":[{"b64_json":%q},{"b64_json":%q}]}`, good, good); err != nil || string(shown) != want {
		t.Errorf("shown %s, %v", shown, err)
	}
}

func TestCountOfVectors(t *testing.T) {
	r, tk, kind := parsed(t, "embedding", `{"input":["a","b"]}`)
	tests := []struct{ in, code string }{
		{`{"data":[{"index":1,"embedding":[3,4.5]},{"index":0,"embedding":[1,-2e-1]}],"usage":{"prompt_tokens":4}}`, ""},
		{`{"data":[{"index":0,"embedding":[1,2]}]}`, "malformed_answer"},
		{`{"data":[{"index":0,"embedding":[1,2]},{"index":0,"embedding":[1,2]}]}`, "malformed_answer"},
		{`{"data":[{"index":0,"embedding":[1,2]},{"index":2,"embedding":[1,2]}]}`, "malformed_answer"},
		{`{"data":[{"index":0,"embedding":[1,2]},{"index":1,"embedding":[1]}]}`, "malformed_answer"},
		{`{"data":[{"index":0,"embedding":[]},{"index":1,"embedding":[]}]}`, "malformed_answer"},
		{`{"data":[{"index":0,"embedding":[1,null]},{"index":1,"embedding":[1,2]}]}`, "malformed_answer"},
		{`{"data":[{"index":0,"embedding":[1,1e39]},{"index":1,"embedding":[1,2]}]}`, "malformed_answer"},
		{`{"data":[{"index":0,"embedding":"AAAA"},{"index":1,"embedding":"AAAA"}]}`, "malformed_answer"},
	}
	for _, tt := range tests {
		w, err := kind.Count([]byte(tt.in), r)
		if codeOf(err) != tt.code || err == nil && w != (Work{Units: 2, Prompt: 4}) {
			t.Errorf("%s: %+v, %v", tt.in, w, err)
		}
	}
	shown, err := kind.Show([]byte(tests[0].in), Work{Units: 2, Prompt: 4}, r, tk)
	if want := `{"object":"list","data":[{"object":"embedding","index":0,"embedding":[1,-0.2]},{"object":"embedding","index":1,"embedding":[3,4.5]}],"model":"vectors","usage":{"prompt_tokens":4,"total_tokens":4}}`; err != nil || string(shown) != want {
		t.Errorf("shown %s, %v\nwant  %s", shown, err, want)
	}
	r, tk, kind = parsed(t, "embedding", `{"input":["a","b"],"encoding_format":"base64"}`)
	shown, err = kind.Show([]byte(tests[0].in), Work{Units: 2}, r, tk)
	var v struct{ Data []struct{ Embedding []byte } }
	if err != nil || json.Unmarshal(shown, &v) != nil || len(v.Data) != 2 || math.Float32frombits(binary.LittleEndian.Uint32(v.Data[1].Embedding[4:])) != 4.5 {
		t.Errorf("in base64: %s, %v", shown, err)
	}
}

// FuzzCount checks that no answer counts for more than was asked, and that
// what is counted can be shown.
func FuzzCount(f *testing.F) {
	f.Add(uint8(0), []byte(`{"choices":[{"message":{"content":"a"},"finish_reason":"stop","token_ids":[1]}],"usage":{}}`))
	f.Add(uint8(1), []byte(`{"choices":[{"text":"a","finish_reason":"stop"}],"usage":{"completion_tokens":5}}`))
	f.Add(uint8(2), []byte(`{"data":[{"b64_json":"`+pictureOf(64, 64, false)+`"}]}`))
	f.Add(uint8(3), []byte(`{"data":[{"embedding":[1,2]}]}`))
	f.Fuzz(func(t *testing.T, which uint8, in []byte) {
		kind := Kinds()[int(which)%len(Kinds())]
		r, tk, _ := parsed(t, kind.Name(), map[string]string{
			"chat": `{"messages":[{"role":"user","content":"hi"}]}`, "completion": `{"prompt":"a"}`,
			"text-to-image": `{"prompt":"a"}`, "embedding": `{"input":"a"}`,
			"image-to-image": `{"prompt":"a","image":"` + pictureOf(64, 64, true) + `"}`,
			"inpaint":        `{"prompt":"a","image":"` + pictureOf(64, 64, true) + `","mask":"` + holeOf(64, 64) + `"}`,
			"upscale":        `{"image":"` + pictureOf(64, 64, true) + `"}`,
			"avatar":         `{"prompt":"a","image":"` + pictureOf(64, 64, true) + `"}`,
		}[kind.Name()])
		w, err := kind.Count(in, r)
		if err != nil {
			if fault.KindOf(err) != fault.Upstream {
				t.Fatal(err)
			}
			return
		}
		if w.Units < 1 || w.Units > r.Work() || w.Prompt < 0 {
			t.Fatalf("work %+v of at most %d", w, r.Work())
		}
		shown, err := kind.Show(in, w, r, tk)
		if err != nil || !json.Valid(shown) {
			t.Fatalf("%v: %s", err, shown)
		}
	})
}
