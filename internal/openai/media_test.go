package openai

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"testing"

	"golang.org/x/image/tiff"

	"vision/internal/fault"
)

func TestVectors(t *testing.T) {
	got, err := Vectors([]byte(`{"data":[{"index":1,"embedding":[3,4e0]},{"index":0,"embedding":[1,2]}]}`), 2)
	if err != nil || fmt.Sprint(got) != "[[1 2] [3 4]]" {
		t.Errorf("%v, %v", got, err)
	}
	for _, bad := range []string{
		``, `[]`, `{}`, `{"data":{}}`, `{"error":{"message":"no"},"data":[]}`,
		`{"data":[{"embedding":[1]}]}`,
		`{"data":[{"embedding":[1]},{"embedding":[1]},{"embedding":[1]}]}`,
		`{"data":[{"index":0,"embedding":[1]},{"index":0,"embedding":[1]}]}`,
		`{"data":[{"index":2,"embedding":[1]},{"index":0,"embedding":[1]}]}`,
		`{"data":[{"embedding":[1]},{"embedding":[1,2]}]}`,
		`{"data":[{"embedding":[]},{"embedding":[]}]}`,
		`{"data":[{"embedding":["1"]},{"embedding":[1]}]}`,
		`{"data":[{"embedding":[1e99]},{"embedding":[1]}]}`,
		`{"data":[{"embedding":"AAAA"},{"embedding":[1]}]}`,
		`{"data":[1,{"embedding":[1]}]}`,
	} {
		if v, err := Vectors([]byte(bad), 2); fault.KindOf(err) != fault.Upstream {
			t.Errorf("%s: %v, %v", bad, v, err)
		}
	}
}

func TestPictures(t *testing.T) {
	var file bytes.Buffer
	if err := png.Encode(&file, image.NewGray(image.Rect(0, 0, 3, 2))); err != nil {
		t.Fatal(err)
	}
	b64 := base64.StdEncoding.EncodeToString(file.Bytes())
	list, err := Pictures(fmt.Appendf(nil, `{"created":1,"data":[{"revised_prompt":"x","b64_json":%q}]}`, b64), 1)
	if err != nil || len(list) != 1 || list[0] != b64 {
		t.Fatalf("%v, %v", list, err)
	}
	if got, err := PictureFile(b64, 3, 2); err != nil || !bytes.Equal(got, file.Bytes()) {
		t.Errorf("the file: %v", err)
	}
	for _, bad := range []string{`{"data":[]}`, `{"data":[{}]}`, `{"data":[{"b64_json":null}]}`, `{"data":["x"]}`,
		`{"data":[{"b64_json":"a"},{"b64_json":"a"}]}`, `{"data":[{"b64_json":"a","b64_json":"a"}]}`} {
		if list, err := Pictures([]byte(bad), 1); fault.KindOf(err) != fault.Upstream {
			t.Errorf("%s: %v, %v", bad, list, err)
		}
	}
	for name, x := range map[string]struct {
		b64           string
		width, height int
	}{"another size": {b64, 2, 3}, "no base64": {"*", 3, 2}, "no picture": {"aGVsbG8=", 3, 2}, "nothing": {"", 3, 2}} {
		if _, err := PictureFile(x.b64, x.width, x.height); fault.KindOf(err) != fault.Upstream {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Programs that read other formats too do not take them from miners.
func TestPictureFilesArePNGOrJPEG(t *testing.T) {
	m := image.NewPaletted(image.Rect(0, 0, 3, 2), color.Palette{color.Black, color.White})
	var asGIF, asTIFF, asJPEG bytes.Buffer
	for _, err := range []error{gif.Encode(&asGIF, m, nil), tiff.Encode(&asTIFF, m, nil), jpeg.Encode(&asJPEG, m, nil)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if _, err := PictureFile(base64.StdEncoding.EncodeToString(asJPEG.Bytes()), 3, 2); err != nil {
		t.Errorf("JPEG: %v", err)
	}
	for name, file := range map[string][]byte{"GIF": asGIF.Bytes(), "TIFF": asTIFF.Bytes()} {
		if _, _, err := image.DecodeConfig(bytes.NewReader(file)); err != nil {
			t.Fatalf("%s is not read at all here: %v", name, err)
		}
		if _, err := PictureFile(base64.StdEncoding.EncodeToString(file), 3, 2); fault.KindOf(err) != fault.Upstream {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestPictureFilesHaveFewScans(t *testing.T) {
	var b bytes.Buffer
	if err := jpeg.Encode(&b, image.NewGray(image.Rect(0, 0, 8, 8)), nil); err != nil {
		t.Fatal(err)
	}
	file := b.Bytes()
	at := bytes.Index(file, []byte{0xff, 0xda})
	scan, end := file[at:len(file)-2], file[len(file)-2:]
	for n, fits := range map[int]bool{1: true, 12: true, 500: false} {
		many := append(append(bytes.Clone(file[:at]), bytes.Repeat(scan, n)...), end...)
		if _, err := PictureFile(base64.StdEncoding.EncodeToString(many), 8, 8); (err == nil) != fits || err != nil && fault.KindOf(err) != fault.Upstream {
			t.Errorf("%d scans: %v", n, err)
		}
	}
}
