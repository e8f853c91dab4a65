package picture

import (
	"bytes"
	"encoding/binary"
	"image"
	"image/jpeg"
	"strings"
	"testing"
)

// progressive is a JPEG of n scans that says it is of w x h pixels. It can be
// decoded if that is 8x8.
func progressive(t testing.TB, w, h, n int) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := jpeg.Encode(&b, image.NewGray(image.Rect(0, 0, 8, 8)), nil); err != nil {
		t.Fatal(err)
	}
	file := b.Bytes()
	frame, scan := bytes.Index(file, []byte{0xff, 0xc0}), bytes.Index(file, []byte{0xff, 0xda})
	if frame < 0 || scan < 0 {
		t.Fatal("the encoder writes no frame")
	}
	file[frame+1] = 0xc2
	binary.BigEndian.PutUint16(file[frame+5:], uint16(h))
	binary.BigEndian.PutUint16(file[frame+7:], uint16(w))
	file[scan+8] = 0 // the scan is of the first coefficient alone
	end := len(file) - 2
	out := append([]byte(nil), file[:scan]...)
	for range n {
		out = append(out, file[scan:end]...)
	}
	return append(out, file[end:]...)
}

func TestManyScansAreRefused(t *testing.T) {
	if _, err := Read(progressive(t, 8, 8, mostScans), Default); err != nil {
		t.Errorf("%d scans: %v", mostScans, err)
	}
	many := progressive(t, 8, 8, mostScans+1)
	if _, err := jpeg.Decode(bytes.NewReader(many)); err != nil {
		t.Fatalf("the file is no JPEG: %v", err)
	}
	filled := bytes.ReplaceAll(many, []byte{0xff, 0xda}, []byte{0xff, 0xff, 0xff, 0xda})
	restarted := bytes.ReplaceAll(many, []byte{0xff, 0xda}, []byte{7, 0xff, 0x00, 0xff, 0xd3, 0xff, 0xda})
	// Cut within its last scan, it has been gone over as often.
	for name, file := range map[string][]byte{"whole": many, "with fill bytes": filled, "with data between": restarted, "cut": many[:len(many)-4]} {
		if _, err := Read(file, Default); err == nil || !strings.Contains(err.Error(), "scans") {
			t.Errorf("%s: %v", name, err)
		}
		if CheckScans(file) == nil {
			t.Errorf("%s: its scans are let pass", name)
		}
	}
}

// What a segment holds, such as a small picture within, is no marker.
func TestMarkersWithinSegmentsAreNotCounted(t *testing.T) {
	file := progressive(t, 8, 8, 2)
	inner := bytes.Repeat([]byte{0xff, 0xda, 0xff, 0xd9}, 500)
	segment := append([]byte{0xff, 0xe1, byte((len(inner) + 2) >> 8), byte(len(inner) + 2)}, inner...)
	file = append(append(append([]byte(nil), file[:2]...), segment...), file[2:]...)
	file = append(file, inner...) // nor is what follows the end
	if n, p := markers(file); n != 2 || !p {
		t.Errorf("%d scans, progressive %v", n, p)
	}
	if _, err := Read(file, Default); err != nil {
		t.Error(err)
	}
}

func TestLargeProgressiveJPEGsAreRefused(t *testing.T) {
	for _, x := range []struct {
		w, h int
		say  string
	}{{3840, 2160, "broken"}, {4096, 4096, "progressive"}, {8 << 10, 1<<10 + 1, "progressive"}} {
		if _, err := Read(progressive(t, x.w, x.h, 1), Default); err == nil || !strings.Contains(err.Error(), x.say) {
			t.Errorf("%dx%d: %v, want %q", x.w, x.h, err, x.say)
		}
	}
}

// A JPEG that is decoded is stepped through to its end, however broken.
func FuzzMarkers(f *testing.F) {
	f.Add([]byte("\xff\xd8\xff\xff\xff"))
	f.Add([]byte("\xff\xd8\xff\xda\x00\x01"))
	f.Add([]byte("\xff\xd8\xff\xc2\xff\xff"))
	f.Add(progressive(f, 8, 8, 3))
	f.Fuzz(func(t *testing.T, file []byte) {
		scans, _ := markers(file)
		if scans > bytes.Count(file, []byte{0xff, 0xda}) {
			t.Fatalf("%d scans, more than markers", scans)
		}
		if c, err := jpeg.DecodeConfig(bytes.NewReader(file)); err != nil || c.Width*c.Height > 1<<16 {
			return
		}
		if _, err := jpeg.Decode(bytes.NewReader(file)); err == nil && scans == 0 {
			t.Fatal("it is decoded, and no scan was found")
		}
	})
}
