package openai

import (
	"bytes"
	"encoding/json"
	"mime/multipart"
	"net/textproto"
	"strings"
	"testing"

	"vision/internal/fault"
)

const formType = "multipart/form-data; boundary=xyz"

// formOf writes parts: names of files begin with '@'.
func formOf(t testing.TB, pairs ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	if err := w.SetBoundary("xyz"); err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(pairs); i += 2 {
		if name, ok := strings.CutPrefix(pairs[i], "@"); ok {
			h := textproto.MIMEHeader{"Content-Type": {"image/png"}}
			h.Set("Content-Disposition", `form-data; name="`+name+`"; filename="a b.png"`)
			p, _ := w.CreatePart(h)
			p.Write([]byte(pairs[i+1]))
			continue
		}
		w.WriteField(pairs[i], pairs[i+1])
	}
	w.Close()
	return b.Bytes()
}

func TestForm(t *testing.T) {
	for _, tt := range []struct {
		pairs []string
		want  string
	}{
		{[]string{"model", "m", "prompt", "a \"cat\"\n", "@image", "\x89PNG"}, `{"model":"m","prompt":"a \"cat\"\n","image":"data:application/octet-stream;base64,iVBORw=="}`},
		{[]string{"n", "2", "seed", "-5", "strength", "0.5", "stream", "false"}, `{"n":2,"seed":-5,"strength":0.5,"stream":false}`},
		{[]string{"n", "two", "seed", "0x10", "steps", "1]", "size", "1", "stream", "null"}, `{"n":"two","seed":"0x10","steps":"1]","size":"1","stream":"null"}`},
		{[]string{"@image[]", "a", "model", "m"}, `{"image":["data:application/octet-stream;base64,YQ=="],"model":"m"}`},
		{[]string{"@image", "a", "@image", "b"}, `{"image":["data:application/octet-stream;base64,YQ==","data:application/octet-stream;base64,Yg=="]}`},
		{[]string{"image", "https://x/y"}, `{"image":"https://x/y"}`},
	} {
		got, err := AppendForm(nil, formType, formOf(t, tt.pairs...))
		if err != nil || string(got) != tt.want {
			t.Errorf("%q\ngot  %s %v\nwant %s", tt.pairs, got, err, tt.want)
		}
	}
}

func TestBadForms(t *testing.T) {
	many := make([]string, 0, 200)
	for range 100 {
		many = append(many, "a", "b")
	}
	good := formOf(t, "model", "m")
	for name, tt := range map[string]struct {
		kind string
		body []byte
	}{
		"no boundary":      {"multipart/form-data", good},
		"another boundary": {"multipart/form-data; boundary=abc", good},
		"cut off":          {formType, good[:len(good)-12]},
		"no form":          {formType, []byte(`{"model":"m"}`)},
		"nothing":          {formType, []byte("--xyz--\r\n")},
		"many fields":      {formType, formOf(t, many...)},
		"long name":        {formType, formOf(t, strings.Repeat("n", 200), "x")},
		"no name":          {formType, []byte("--xyz\r\n\r\nhello\r\n--xyz--\r\n")},
		"empty file":       {formType, formOf(t, "@image", "")},
		"long text":        {formType, formOf(t, "prompt", strings.Repeat("x", 70<<10))},
		"not UTF-8":        {formType, formOf(t, "prompt", "\xff")},
	} {
		if got, err := AppendForm(nil, tt.kind, tt.body); fault.KindOf(err) != fault.Invalid || got != nil {
			t.Errorf("%s: %s, %v", name, got, err)
		}
	}
}

// FuzzForm checks that whatever is read becomes valid JSON that Members reads,
// of about the size that was foretold.
func FuzzForm(f *testing.F) {
	f.Add(formType, formOf(f, "model", "m", "@image", "\x89PNG", "n", "1"))
	f.Add(formType, formOf(f, "a[]", "1", "a", "2", "n", "1e5"))
	f.Add(`multipart/form-data; boundary="x y"`, []byte("--x y\r\nContent-Disposition: form-data; name=\"\\\"\"\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n=41\r\n--x y--"))
	f.Fuzz(func(t *testing.T, kind string, body []byte) {
		got, err := AppendForm(nil, kind, body)
		if err != nil {
			if fault.KindOf(err) != fault.Invalid {
				t.Fatal(err)
			}
			return
		}
		if !json.Valid(got) {
			t.Fatalf("not JSON: %s", got)
		}
		if _, err := Members(got); err != nil {
			t.Fatalf("%v: %s", err, got)
		}
		if len(got) > 6*len(body)+64 {
			t.Fatalf("%d bytes became %d", len(body), len(got))
		}
	})
}
