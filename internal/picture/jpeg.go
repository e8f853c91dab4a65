package picture

import (
	"bytes"
	"fmt"
)

// A decoder goes over all of a JPEG's pixels once a scan, and a scan can be a
// few bytes; and of a progressive one it holds every coefficient, of 4 bytes,
// beside the pixels. Neither shows in a picture's dimensions.
const (
	// mostScans is how many scans a JPEG may have. Encoders write about ten.
	mostScans = 100

	// mostProgressive is how many pixels a progressive JPEG may have: enough for
	// 3840 x 2160, and with 15 bytes each what a PNG of 16 bits takes at Default.
	mostProgressive = 8 << 20
)

// CheckScans says what is wrong with a JPEG of so many scans that decoding it
// takes out of proportion long. Its errors end a sentence as Read's do. Other
// files, and what is not a JPEG to its end, it lets pass.
func CheckScans(file []byte) error {
	if scans, _ := markers(file); scans > mostScans {
		return fmt.Errorf("it is a JPEG of more than %d scans; save it anew", mostScans)
	}
	return nil
}

// checkJPEG is what Read wants of a JPEG that says it is of width x height.
func checkJPEG(file []byte, width, height int) error {
	if err := CheckScans(file); err != nil {
		return err
	}
	if _, progressive := markers(file); progressive && width > mostProgressive/height {
		return fmt.Errorf("it is a progressive JPEG of %dx%d pixels, which may have at most %d in all; save it as a plain (baseline) one", width, height, mostProgressive)
	}
	return nil
}

// markers counts a JPEG's scans, up to one more than mostScans, and says whether
// it is progressive. It steps from marker to marker as image/jpeg does: what it
// takes for a scan's data no decoder takes for a marker, and the reverse. Of
// other files it says 0 and false.
func markers(file []byte) (scans int, progressive bool) {
	if !bytes.HasPrefix(file, []byte("\xff\xd8")) {
		return 0, false
	}
	for rest := file[2:]; scans <= mostScans; {
		at := bytes.IndexByte(rest, 0xff)
		if at < 0 {
			return scans, progressive
		}
		rest = rest[at+1:]
		if len(rest) > 0 && rest[0] == 0 { // an 0xff of the data
			rest = rest[1:]
			continue
		}
		for len(rest) > 0 && rest[0] == 0xff { // fill bytes
			rest = rest[1:]
		}
		if len(rest) == 0 || rest[0] == 0xd9 { // the end
			return scans, progressive
		}
		marker := rest[0]
		rest = rest[1:]
		if marker >= 0xd0 && marker <= 0xd7 { // a restart within a scan
			continue
		}
		switch marker {
		case 0xc2:
			progressive = true
		case 0xda:
			scans++
		}
		if len(rest) < 2 {
			return scans, progressive
		}
		length := int(rest[0])<<8 | int(rest[1])
		if length < 2 || length > len(rest) {
			return scans, progressive
		}
		rest = rest[length:]
	}
	return scans, progressive
}
