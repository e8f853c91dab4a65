package checker

import (
	"bytes"
	"context"
	"fmt"
	"image"
	_ "image/jpeg" // answers may be JPEG
	_ "image/png"  // or PNG
	"slices"

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

	// Of alternatives: which of the reference's painters paints, from 1 on (0 is the
	// task's own), and what the payload says instead.
	painter int
	instead map[string]any

	// Of kinds whose requests hold a picture:
	given            *image.RGBA
	mask             *image.Alpha // 255 where it is to be painted
	strength         float64      // how much of given is painted over
	adapter, control float64      // how much a face counts
}

// maxPixels bounds what one picture may take in memory: at most 128 MB as a PNG,
// and while a progressive JPEG is decoded up to three times as much.
const maxPixels = 16 << 20

// judgeImages makes the pictures again and weighs how far the miner's are from them.
func judgeImages(ctx context.Context, ref Reference, s *sample) (verdict, error) {
	v, guilt, err := compareImages(ctx, ref, s)
	switch {
	case err != nil:
		return verdict{}, err
	case guilt != nil:
		return *guilt, nil
	}
	out := verdict{e: s.alike.E(&v.found), test: "recompute", detail: v.detail()}
	if len(v.found.Others) > 0 {
		out.test = "recompute+alternatives"
	}
	out.quality = quality(out.e)
	if v.unsafe > 0 {
		out.quality = 0 // whatever it is evidence of
	}
	if out.quality > 0 {
		out.work = s.outcome.Work
	}
	return out, nil
}

// compareImages says how a miner's pictures compare with the reference's, or of
// what it is guilty without comparison. Where they deviate a little, what a cheat may
// have run instead is run as well.
func compareImages(ctx context.Context, ref Reference, s *sample) (*view, *verdict, error) {
	q, err := readImageQuery(s.kind, s.request)
	if err != nil {
		return nil, nil, err
	}
	if !ref.Proves().Images {
		return nil, nil, notCheckable("the reference makes no pictures")
	}
	// The miner's pictures first: a malformed one costs us no picture of our own.
	view := q.view(s.eyes)
	err = readPictures(s.response, q, view.take)
	if err != nil {
		v := guilty("malformed", "%v", err)
		return nil, &v, nil
	}
	if view.spoiled > 0 {
		v := guilty("untouched", "%d pixels that were not to be painted are not as they were given", view.spoiled)
		return nil, &v, nil
	}
	ours, err := paintAgain(ctx, ref, q)
	if err != nil {
		return nil, nil, err
	}
	if err := view.compare(ctx, ours); err != nil {
		return nil, nil, err
	}
	others := q.alternatives(ref.Proves().Painters)
	view.found.Escalates = len(others) > 0
	if len(others) > 0 && s.alike.Doubtful(&view.found) {
		for _, o := range others {
			theirs, err := paintAgain(ctx, ref, o.query)
			if err != nil {
				return nil, nil, fmt.Errorf("%s: %w", o.name, err)
			}
			view.beside(o.name, ours, theirs)
		}
	}
	return view, nil, nil
}

func paintAgain(ctx context.Context, ref Reference, q *imageQuery) ([]image.Image, error) {
	ours, err := ref.Images(ctx, q)
	if err != nil {
		return nil, fmt.Errorf("make the pictures again: %w", err)
	}
	if len(ours) != q.n {
		return nil, fmt.Errorf("the reference made %d pictures, want %d", len(ours), q.n)
	}
	return ours, nil
}

// alternative is a request as a cheat may have served it.
type alternative struct {
	name  string
	query *imageQuery
}

// alternatives are what a cheat may run in a request's place: three quarters, half and a
// quarter of its steps, or another model that the reference has. Of enlarged
// pictures there are none: at low resolution all are the same.
func (q *imageQuery) alternatives(painters []string) (list []alternative) {
	if q.kind.Unit() != task.Step {
		return nil
	}
	for _, steps := range []int{q.steps * 3 / 4, q.steps / 2, q.steps / 4} {
		if steps >= 1 && steps < q.steps && !slices.ContainsFunc(list, func(a alternative) bool { return a.query.steps == steps }) {
			fewer := *q
			fewer.steps, fewer.instead = steps, map[string]any{"num_inference_steps": steps}
			list = append(list, alternative{fmt.Sprintf("%d of %d steps", steps, q.steps), &fewer})
		}
	}
	for i, name := range painters {
		other := *q
		other.painter, other.instead = i+1, map[string]any{"model": name}
		list = append(list, alternative{name, &other})
	}
	return list
}

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
