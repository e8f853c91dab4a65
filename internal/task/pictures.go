package task

import (
	"strconv"

	"vision/internal/openai"
)

// Answers of pictures, of whatever kind.

// parseWith reads a body by a form.
func parseWith(f *form, body []byte, t *Task) (Request, error) {
	r, err := f.parse(body, t)
	if err != nil {
		return nil, err
	}
	return r, nil
}

// countPictures checks that an answer holds as many pictures as were asked for,
// each whole base64 of a PNG or JPEG of the size that was asked for. The work
// is what was asked for.
func countPictures(response []byte, req Request) (Work, error) {
	n, width, height := pictures(req)
	found, err := openai.Pictures(response, n)
	if err != nil {
		return Work{}, err
	}
	for _, b64 := range found {
		if _, err := openai.PictureFile(b64, width, height); err != nil {
			return Work{}, err
		}
	}
	return Work{Units: req.Work()}, nil
}

// pictures is how many pictures a request asks for, and of what size.
func pictures(req Request) (n, width, height int) {
	r := req.(*request) // Kind's methods are given what its Parse and Synthesise made
	return r.pictures, r.width, r.height
}

// showPictures gives the pictures and nothing else that the miner wrote.
func showPictures(response []byte, req Request) ([]byte, error) {
	n, _, _ := pictures(req)
	found, err := openai.Pictures(response, n)
	if err != nil {
		return nil, err
	}
	out := make([]byte, 0, len(response)+64)
	out = append(out, `{"created":`...)
	out = strconv.AppendInt(out, created(response), 10)
	out = append(out, `,"data":[`...)
	for i, b64 := range found {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(out, `{"b64_json":`...)
		out = openai.AppendString(out, b64)
		out = append(out, '}')
	}
	return append(out, `]}`...), nil
}

// created is the answer's time in seconds since 1970, or 0.
func created(response []byte) int64 {
	members, err := openai.Members(response)
	if err != nil {
		return 0
	}
	for _, m := range members {
		if m.Name == "created" {
			n, _ := openai.Int(m.Value, "created", 0, 1<<40)
			return n
		}
	}
	return 0
}
