package openai

import (
	"bytes"
	"encoding/base64"
	"image"
	_ "image/jpeg" // answers may be JPEG
	_ "image/png"  // or PNG
	"math"
	"strconv"

	"vision/internal/picture"
)

// Answers of kinds other than text are read here alone, so that whoever counts
// one and whoever judges it see the same. Their errors are of kind Upstream and
// quote nothing of the answer.

// dataOf finds the data array of an answer.
func dataOf(answer []byte) ([]byte, error) {
	members, err := Members(answer)
	if err != nil {
		return nil, malformed("malformed_answer", "it is not a JSON object")
	}
	var data []byte
	for _, m := range members {
		switch {
		case m.Name == "error" && !IsNull(m.Value):
			return nil, malformed("upstream_error", "it is an error")
		case m.Name == "data":
			data = m.Value
		}
	}
	if !IsArray(data) {
		return nil, malformed("malformed_answer", "it has no data")
	}
	return data, nil
}

// Vectors reads an answer of exactly one vector for each of want inputs, in
// their order: all of one length, of finite numbers.
func Vectors(answer []byte, want int) ([][]float32, error) {
	data, err := dataOf(answer)
	if err != nil {
		return nil, err
	}
	found := make([][]float32, want)
	n, length := 0, 1024
	for e := range Elements(data) {
		members, err := ObjectMembers(e, "data")
		if err != nil {
			return nil, malformed("malformed_answer", "data holds something that is not an object")
		}
		index := int64(n)
		var vector []float32
		for _, m := range members {
			switch m.Name {
			case "index":
				if index, err = Int(m.Value, "index", 0, int64(want)-1); err != nil {
					return nil, malformed("malformed_answer", "a vector's index is not one of an input")
				}
			case "embedding":
				if vector, err = floats(m.Value, length); err != nil {
					return nil, err
				}
			}
		}
		if n++; n > want || found[index] != nil || vector == nil {
			return nil, malformed("malformed_answer", "it does not hold exactly one vector for each of %d inputs", want)
		}
		if n == 1 {
			length = len(vector)
		}
		if len(vector) != length || length == 0 {
			return nil, malformed("malformed_answer", "vector %d has %d numbers, the first has %d", index, len(vector), length)
		}
		found[index] = vector
	}
	if n != want {
		return nil, malformed("malformed_answer", "it holds %d vectors, want %d", n, want)
	}
	return found, nil
}

// floats reads an array of numbers of about the given length.
func floats(v []byte, length int) ([]float32, error) {
	if !IsArray(v) {
		return nil, malformed("malformed_answer", "an embedding is not an array of numbers")
	}
	vector := make([]float32, 0, length)
	for e := range Elements(v) {
		f, err := strconv.ParseFloat(string(e), 32)
		if err != nil || math.IsNaN(f) || math.IsInf(f, 0) {
			return nil, malformed("malformed_answer", "an embedding holds something that is not a number")
		}
		vector = append(vector, float32(f))
	}
	return vector, nil
}

// Pictures lists the base64 of an answer of exactly want pictures; PictureFile
// decodes it.
func Pictures(answer []byte, want int) ([]string, error) {
	data, err := dataOf(answer)
	if err != nil {
		return nil, err
	}
	var found []string
	for e := range Elements(data) {
		members, err := ObjectMembers(e, "data")
		if err != nil {
			return nil, malformed("malformed_answer", "data holds something that is not an object")
		}
		var b64 []byte
		for _, m := range members {
			if m.Name == "b64_json" {
				b64 = m.Value
			}
		}
		if !IsString(b64) {
			return nil, malformed("malformed_answer", "a picture has no b64_json")
		}
		if len(found) == want {
			return nil, malformed("malformed_answer", "it holds more than %d pictures", want)
		}
		found = append(found, unquote(b64))
	}
	if len(found) != want {
		return nil, malformed("malformed_answer", "it holds %d pictures, want %d", len(found), want)
	}
	return found, nil
}

// PictureFile gives the file of a picture: a PNG or JPEG that says it is of the
// given size, and that picture.CheckScans lets pass. It is not decoded, which
// may fail yet.
func PictureFile(b64 string, width, height int) ([]byte, error) {
	file, err := base64.StdEncoding.DecodeString(b64)
	if err != nil {
		return nil, malformed("malformed_answer", "a picture is not base64")
	}
	if media := picture.MediaType(file); media != "image/png" && media != "image/jpeg" { // there may be more decoders than these
		return nil, malformed("malformed_answer", "a picture is neither PNG nor JPEG")
	}
	c, _, err := image.DecodeConfig(bytes.NewReader(file))
	if err != nil {
		return nil, malformed("malformed_answer", "a picture is neither PNG nor JPEG")
	}
	if c.Width != width || c.Height != height {
		return nil, malformed("wrong_size", "a picture is %dx%d, want %dx%d", c.Width, c.Height, width, height)
	}
	if picture.CheckScans(file) != nil {
		return nil, malformed("malformed_answer", "a picture is a JPEG of more scans than anyone writes")
	}
	return file, nil
}
