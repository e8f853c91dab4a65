package checker

import (
	"bytes"
	"context"
	"fmt"
	"image"
	_ "image/jpeg" // answers may be JPEG
	_ "image/png"  // or PNG

	"vision/internal/openai"
	"vision/internal/picture"
	"vision/internal/task"
)

// imageQuery is a request for pictures. Picture i has the seed seed+i.
type imageQuery struct {
	kind             task.Kind
	prompt, negative string
	n                int
	width, height    int
	steps            int
	guidance         float64 // 0 is the model's own
	seed             uint64
	payload          []byte

	// Of kinds whose requests hold a picture:
	given            *image.RGBA
	mask             *image.Alpha // 255 where it is to be painted
	strength         float64      // how much of given is painted over
	adapter, control float64      // how much a face counts
}

// maxPixels bounds what one picture may take in memory: at most 128 MB as a PNG,
// and while a progressive JPEG is decoded up to three times as much.
const maxPixels = 16 << 20

// judgeImages makes the pictures again and compares them by eye, so to say: by
// what is left of them at 64 x 64 pixels, and by the signs of their gradients.
func judgeImages(ctx context.Context, ref Reference, s *sample) (verdict, error) {
	q, err := readImageQuery(s.kind, s.request)
	if err != nil {
		return verdict{}, err
	}
	if !ref.Proves().Images {
		return verdict{}, notCheckable("the reference makes no pictures")
	}
	// The miner's pictures first: a malformed one costs us no picture of our own.
	view := q.view()
	err = readPictures(s.response, q, view.take)
	if err != nil {
		return guilty("malformed", "%v", err), nil
	}
	if view.spoiled > 0 {
		return guilty("untouched", "%d pixels that were not to be painted are not as they were given", view.spoiled), nil
	}
	ours, err := ref.Images(ctx, q)
	if err != nil {
		return verdict{}, fmt.Errorf("make the pictures again: %w", err)
	}
	if len(ours) != q.n {
		return verdict{}, fmt.Errorf("the reference made %d pictures, want %d", len(ours), q.n)
	}
	v := verdict{quality: 1, test: "recompute", e: 1, work: s.outcome.Work}
	for i, img := range ours {
		v.quality = min(v.quality, view.compare(i, img))
	}
	v.detail = view.detail()
	if v.quality == 0 {
		v.work = 0
	}
	return v, nil
}

// pictureQuality is 1 for pictures that look the same (from 42 dB, and 4
// gradients of 64), falling to 0 for those that do not (below 22 dB, or from 12
// gradients). Between the two lie coarser weights, which move colours more than
// shapes; fewer steps move shapes.
func pictureQuality(db float64, gradients int) float64 {
	return ramp(db, 22, 42) * ramp(-float64(gradients), -12, -4)
}

// ramp is 0 up to low, 1 from high, and straight between.
func ramp(x, low, high float64) float64 { return min(1, max(0, (x-low)/(high-low))) }

func readImageQuery(kind task.Kind, payload []byte) (*imageQuery, error) {
	members, err := openai.Members(payload)
	if err != nil {
		return nil, badSample("its request is not one of ours: %v", err)
	}
	q := &imageQuery{kind: kind, n: 1, strength: 1, payload: payload}
	var mask image.Image
	for _, m := range members {
		var n int64
		var size string
		switch m.Name {
		case "prompt":
			q.prompt, err = openai.Text(m.Value, m.Name)
		case "negative_prompt":
			q.negative, err = openai.Text(m.Value, m.Name)
		case "n":
			n, err = openai.Int(m.Value, m.Name, 1, 64)
			q.n = int(n)
		case "size":
			if size, err = openai.Text(m.Value, m.Name); err == nil {
				_, err = fmt.Sscanf(size+"\n", "%dx%d\n", &q.width, &q.height)
			}
		case "num_inference_steps":
			n, err = openai.Int(m.Value, m.Name, 1, 1<<20)
			q.steps = int(n)
		case "guidance_scale":
			q.guidance, err = openai.Float(m.Value, m.Name, 0, 100)
		case "seed":
			n, err = openai.Int(m.Value, m.Name, -1<<63, 1<<63-1)
			q.seed = uint64(n)
		case "image":
			var img image.Image
			if img, err = readGiven(m.Value, m.Name); err == nil {
				q.given = picture.Opaque(img)
			}
		case "mask":
			mask, err = readGiven(m.Value, m.Name)
		case "strength":
			q.strength, err = openai.Float(m.Value, m.Name, 0, 1)
		case "adapter_strength":
			q.adapter, err = openai.Float(m.Value, m.Name, 0, 1)
		case "control_strength":
			q.control, err = openai.Float(m.Value, m.Name, 0, 1)
		case "model", "response_format":
		default:
			return nil, notCheckable("its field %s changes what a model paints", m.Name)
		}
		if err != nil {
			return nil, badSample("its request's %s cannot be read", m.Name)
		}
	}
	switch {
	case q.width < 1 || q.height < 1 || q.steps < 1 && kind.Unit() == task.Step:
		return nil, badSample("its request lacks size or num_inference_steps")
	case q.given == nil && kind != task.Kind(task.TextToImage{}):
		return nil, badSample("its request lacks a picture")
	case q.width > maxPixels/q.height:
		return nil, notCheckable("%dx%d is larger than this checker compares", q.width, q.height)
	}
	switch kind.(type) {
	case task.ImageToImage, task.Inpaint:
		q.given = picture.Cover(q.given, q.width, q.height)
	}
	if mask != nil {
		q.mask, _ = picture.Mask(mask, q.width, q.height)
	}
	return q, nil
}

// readPictures decodes an answer's pictures one at a time and gives each to use.
// A file is decoded only if it says that it has the right size, so that a small
// one cannot demand much memory, nor many scans much time.
func readPictures(body []byte, q *imageQuery, use func(image.Image)) error {
	list, err := openai.Pictures(body, q.n)
	if err != nil {
		return err
	}
	for i, b64 := range list {
		file, err := openai.PictureFile(b64, q.width, q.height)
		if err != nil {
			return fmt.Errorf("picture %d: %w", i, err)
		}
		img, _, err := image.Decode(bytes.NewReader(file))
		if err != nil {
			return fmt.Errorf("picture %d cannot be decoded", i)
		}
		use(img)
	}
	return nil
}
