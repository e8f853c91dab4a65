package modelserver

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"image"
	"net/http"

	"vision/internal/picture"
	"vision/internal/refmodel"
	"vision/internal/task"
)

const (
	maxImages    = 8
	defaultSteps = 20
)

// given is a picture in a request: a data URL.
type given struct {
	*image.RGBA
	alpha image.Image // as it came, transparency and all
}

func (g *given) UnmarshalJSON(raw []byte) error {
	var s string
	if err := json.Unmarshal(raw, &s); err != nil {
		return fmt.Errorf("a picture must be a data URL")
	}
	file, err := picture.File(s)
	if err == nil {
		g.alpha, err = picture.Read(file, picture.Default)
	}
	if err != nil {
		return fmt.Errorf("a picture cannot be used: %w", err)
	}
	g.RGBA = picture.Opaque(g.alpha)
	return nil
}

// imageRequest is a request of any of the kinds whose models paint.
type imageRequest struct {
	Model          string   `json:"model"`
	Prompt         string   `json:"prompt"`
	NegativePrompt string   `json:"negative_prompt"`
	N              *int     `json:"n"`
	Size           string   `json:"size"`
	ResponseFormat string   `json:"response_format"`
	Steps          *int     `json:"num_inference_steps"`
	Guidance       *float64 `json:"guidance_scale"`
	Seed           *int64   `json:"seed"`

	Image    given    `json:"image"`
	Mask     given    `json:"mask"`
	Strength *float64 `json:"strength"`
	Adapter  *float64 `json:"adapter_strength"`
	Control  *float64 `json:"control_strength"`
}

// images paints n pictures of a text alone.
func (s *server) images(w http.ResponseWriter, r *http.Request, req *imageRequest) error {
	return s.paint(w, r, req, func(*refmodel.ImageRequest) error { return nil })
}

// edits paints n pictures over a given one, or into it where there is a mask.
func (s *server) edits(w http.ResponseWriter, r *http.Request, req *imageRequest) error {
	return s.paint(w, r, req, func(ask *refmodel.ImageRequest) error {
		if req.Image.RGBA == nil {
			return badRequest("image", "image is missing: send a data URL")
		}
		strength := 1.0
		if req.Strength != nil {
			strength = *req.Strength
		}
		ask.Given = refmodel.Given{Init: picture.Cover(req.Image.RGBA, ask.Width, ask.Height), Strength: strength}
		ask.Steps = task.StepsRun(ask.Steps, strength)
		if req.Mask.RGBA != nil {
			ask.Mask, _ = picture.Mask(req.Mask.alpha, ask.Width, ask.Height)
		}
		return nil
	})
}

// avatars paints n pictures with the looks of a given face.
func (s *server) avatars(w http.ResponseWriter, r *http.Request, req *imageRequest) error {
	return s.paint(w, r, req, func(ask *refmodel.ImageRequest) error {
		if req.Image.RGBA == nil {
			return badRequest("image", "image is missing: send a data URL of a face")
		}
		ask.Given = refmodel.Given{Face: req.Image.RGBA, Adapter: 0.8, Control: 0.5}
		if req.Adapter != nil {
			ask.Adapter = *req.Adapter
		}
		if req.Control != nil {
			ask.Control = *req.Control
		}
		return nil
	})
}

// variations enlarges a picture to the size asked for, by two without one.
func (s *server) variations(w http.ResponseWriter, r *http.Request, req *imageRequest) error {
	if _, err := s.Image.pick(req.Model); err != nil {
		return err
	}
	if req.Image.RGBA == nil {
		return badRequest("image", "image is missing: send a data URL")
	}
	from := req.Image.Rect.Size()
	to := from.Mul(2)
	if err := readSize(req.Size, &to.X, &to.Y); err != nil {
		return err
	}
	factor := to.X / from.X
	if to != from.Mul(factor) {
		return badRequest("size", "size is %q: use a multiple of the picture's %dx%d", req.Size, from.X, from.Y)
	}
	if to.X*to.Y > maxEnlarged {
		return badRequest("size", "size is %q: use at most %d pixels in all", req.Size, maxEnlarged)
	}
	img, err := s.image.Upscale(r.Context(), req.Image.RGBA, factor, s.seed(req.Seed))
	if err != nil {
		if r.Context().Err() != nil {
			return err
		}
		return badRequest("size", "%v", err)
	}
	return s.show(w, []*image.RGBA{img})
}

// maxEnlarged is the most pixels of an enlarged picture.
const maxEnlarged = 16 << 20

func readSize(size string, width, height *int) error {
	if size == "" || size == "auto" {
		return nil
	}
	if _, err := fmt.Sscanf(size+"\n", "%dx%d\n", width, height); err != nil {
		return badRequest("size", "size is %q: use WIDTHxHEIGHT, such as 512x512", size)
	}
	return nil
}

// paint paints n pictures, with the seeds seed, seed+1, …, once start has added
// what they start from.
func (s *server) paint(w http.ResponseWriter, r *http.Request, req *imageRequest, start func(*refmodel.ImageRequest) error) error {
	if _, err := s.Image.pick(req.Model); err != nil {
		return err
	}
	n := 1
	if req.N != nil {
		n = *req.N
	}
	if n < 1 || n > maxImages {
		return badRequest("n", "n is %d: use 1 to %d", n, maxImages)
	}
	if req.Prompt == "" {
		return badRequest("prompt", "prompt is empty: say what to paint")
	}
	if f := req.ResponseFormat; f != "" && f != "b64_json" {
		return badRequest("response_format", "response_format is %q: only b64_json is served", f)
	}
	ask := refmodel.ImageRequest{Prompt: req.Prompt, Seed: s.seed(req.Seed), Steps: defaultSteps, Width: 256, Height: 256}
	if req.NegativePrompt != "" {
		ask.Prompt += "\nwithout " + req.NegativePrompt
	}
	if err := readSize(req.Size, &ask.Width, &ask.Height); err != nil {
		return err
	}
	if req.Steps != nil {
		ask.Steps = *req.Steps
	}
	if req.Guidance != nil {
		ask.Guidance = *req.Guidance
	}
	if err := ask.Validate(); err != nil { // the size, before pictures are brought to it
		return badRequest("", "%v", err)
	}
	if err := start(&ask); err != nil {
		return err
	}
	if err := ask.Validate(); err != nil {
		return badRequest("", "%v", err)
	}
	if s.MaxImageSteps > 0 {
		ask.Steps = min(ask.Steps, s.MaxImageSteps)
	}
	var list []*image.RGBA
	for range n {
		img, err := s.image.Generate(r.Context(), ask)
		if err != nil {
			return err
		}
		list = append(list, img)
		ask.Seed++
	}
	return s.show(w, list)
}

// show answers with pictures.
func (s *server) show(w http.ResponseWriter, list []*image.RGBA) error {
	type b64 struct {
		B64 string `json:"b64_json"`
	}
	var data []b64
	for _, img := range list {
		raw, err := refmodel.EncodePNG(img)
		if err != nil {
			return err
		}
		data = append(data, b64{base64.StdEncoding.EncodeToString(raw)})
	}
	writeJSON(w, http.StatusOK, map[string]any{"created": s.Clock.Now().Unix(), "data": data})
	return nil
}
