package picture

import (
	"bytes"
	"encoding/base64"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"strings"
	"testing"

	"golang.org/x/image/bmp"
	"golang.org/x/image/tiff"
	"pgregory.net/rapid"
)

// gradient is a picture whose colours tell where they are.
func gradient(w, h int) *image.RGBA {
	m := image.NewRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			m.SetRGBA(x, y, color.RGBA{uint8(255 * x / w), uint8(255 * y / h), 100, 255})
		}
	}
	return m
}

// webp is a lossless picture of one pixel.
const webp = "UklGRhoAAABXRUJQVlA4TA0AAAAvAAAAEAcQERGIiP4HAA=="

func TestFormats(t *testing.T) {
	var asJPEG, asGIF, asBMP, asTIFF bytes.Buffer
	for _, err := range []error{
		jpeg.Encode(&asJPEG, gradient(20, 10), nil), gif.Encode(&asGIF, gradient(20, 10), nil),
		bmp.Encode(&asBMP, gradient(20, 10)), tiff.Encode(&asTIFF, gradient(20, 10), nil),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	tiny, _ := base64.StdEncoding.DecodeString(webp)
	for media, file := range map[string][]byte{
		"image/png": PNG(gradient(20, 10)), "image/jpeg": asJPEG.Bytes(), "image/gif": asGIF.Bytes(),
		"image/bmp": asBMP.Bytes(), "image/tiff": asTIFF.Bytes(), "image/webp": tiny,
	} {
		if got := MediaType(file); got != media {
			t.Errorf("%s passes for %q", media, got)
		}
		img, err := Read(file, Default)
		if err != nil || media != "image/webp" && img.Bounds().Size() != image.Pt(20, 10) {
			t.Errorf("%s: %v", media, err)
		}
		for cut := range len(file) - 1 {
			if img, err := Read(file[:cut], Default); err == nil && img.Bounds().Size() != image.Pt(20, 10) && media != "image/webp" {
				t.Errorf("%s cut to %d bytes is read as %v", media, cut, img.Bounds())
			}
		}
		back, err := File(string(AppendURL(nil, file)))
		if err != nil || !bytes.Equal(back, file) || !strings.HasPrefix(string(AppendURL(nil, file)), "data:"+media+";") {
			t.Errorf("%s does not survive a data URL: %v", media, err)
		}
	}
}

func TestLimitsComeBeforeDecoding(t *testing.T) {
	file := PNG(gradient(300, 200))
	for _, l := range []Limits{{Pixels: 59999}, {Side: 299}, {MinSide: 201}} {
		if _, err := Read(file, l); err == nil {
			t.Errorf("%+v lets 300x200 in", l)
		}
		// Of a file that says it is large only the header is looked at.
		if _, err := Read(file[:60], l); err == nil || !strings.Contains(err.Error(), "300x200") {
			t.Errorf("%+v: %v", l, err)
		}
	}
	if _, err := Read(file, Limits{Pixels: 60000, Side: 300, MinSide: 200}); err != nil {
		t.Error(err)
	}
}

func TestCoverTakesTheMiddle(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		side := rapid.IntRange(16, 90)
		src := gradient(side.Draw(t, "w"), side.Draw(t, "h"))
		w, h := side.Draw(t, "to w"), side.Draw(t, "to h")
		got := Cover(src, w, h)
		if got.Rect != image.Rect(0, 0, w, h) || !got.Opaque() {
			t.Fatalf("%v", got.Rect)
		}
		if c := got.RGBAAt(w/2, h/2); absolute(int(c.R)-127) > 40 || absolute(int(c.G)-127) > 40 {
			t.Fatalf("the middle of %v as %dx%d is %v", src.Rect, w, h, c)
		}
		if again := Cover(got, w, h); !bytes.Equal(again.Pix, got.Pix) {
			t.Fatal("covering again changes it")
		}
		if small := Within(src, 50).Rect; max(small.Dx(), small.Dy()) > 50 {
			t.Fatalf("within 50: %v", small)
		}
	})
}

func absolute(n int) int { return max(n, -n) }

// A mask lies where its picture's pixels lie, and survives being written.
func TestMaskFollowsThePicture(t *testing.T) {
	m := image.NewNRGBA(image.Rect(10, 10, 210, 110)) // transparent, but for the right half
	for y := 10; y < 110; y++ {
		for x := 110; x < 210; x++ {
			m.SetNRGBA(x, y, color.NRGBA{A: 255})
		}
	}
	mask, painted := Mask(m, 64, 64)
	if painted != 32*64 {
		t.Errorf("%d pixels are painted, want the left half", painted)
	}
	img, err := Read(MaskPNG(mask), Default)
	if err != nil {
		t.Fatal(err)
	}
	again, n := Mask(img, 64, 64)
	if n != painted || !bytes.Equal(again.Pix, mask.Pix) {
		t.Error("the mask that is written is another")
	}
}

func TestTransparentBecomesWhite(t *testing.T) {
	m := image.NewNRGBA(image.Rect(5, 5, 25, 25))
	for _, got := range []*image.RGBA{Opaque(m), Cover(m, 16, 16), Within(m, 10)} {
		if c := got.RGBAAt(3, 3); c != (color.RGBA{255, 255, 255, 255}) {
			t.Errorf("%v", c)
		}
	}
}

func FuzzRead(f *testing.F) {
	tiny, _ := base64.StdEncoding.DecodeString(webp)
	f.Add(PNG(gradient(9, 7)))
	f.Add(MaskPNG(image.NewAlpha(image.Rect(0, 0, 4, 4))))
	f.Add(tiny)
	f.Fuzz(func(t *testing.T, file []byte) {
		l := Limits{Pixels: 1 << 12, Side: 256, MinSide: 1}
		img, err := Read(file, l)
		if err != nil {
			return
		}
		if b := img.Bounds(); l.Check(b.Dx(), b.Dy()) != nil {
			t.Fatalf("%v is beyond the limits", b)
		}
		PNG(Cover(img, 16, 24))
		Mask(img, 8, 8)
		Within(img, 5)
	})
}

func FuzzFile(f *testing.F) {
	f.Add("data:image/png;base64,aGk=")
	f.Add("aGk")
	f.Add("DATA:;BASE64,")
	f.Fuzz(func(t *testing.T, s string) {
		if file, err := File(s); err == nil && len(file) == 0 {
			t.Fatal("an empty file was let pass")
		}
	})
}
