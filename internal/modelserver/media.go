package modelserver

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"net/http"

	"vision/internal/refmodel"
)

const (
	maxImages     = 8
	maxEmbeddings = 2048
	defaultSteps  = 20
)

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
}

// images paints n pictures, with the seeds seed, seed+1, ...
func (s *server) images(w http.ResponseWriter, r *http.Request, req *imageRequest) error {
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
	if req.Size != "" && req.Size != "auto" {
		if _, err := fmt.Sscanf(req.Size+"\n", "%dx%d\n", &ask.Width, &ask.Height); err != nil {
			return badRequest("size", "size is %q: use WIDTHxHEIGHT, such as 512x512", req.Size)
		}
	}
	if req.Steps != nil {
		ask.Steps = *req.Steps
	}
	if req.Guidance != nil {
		ask.Guidance = *req.Guidance
	}
	if err := ask.Validate(); err != nil {
		return badRequest("", "%v", err)
	}
	if s.MaxImageSteps > 0 {
		ask.Steps = min(ask.Steps, s.MaxImageSteps)
	}
	type picture struct {
		B64 string `json:"b64_json"`
	}
	var data []picture
	for range n {
		img, err := s.image.Generate(r.Context(), ask)
		if err != nil {
			return err
		}
		raw, err := refmodel.EncodePNG(img)
		if err != nil {
			return err
		}
		data = append(data, picture{base64.StdEncoding.EncodeToString(raw)})
		ask.Seed++
	}
	writeJSON(w, http.StatusOK, map[string]any{"created": s.Clock.Now().Unix(), "data": data})
	return nil
}

type embeddingRequest struct {
	Model          string  `json:"model"`
	Input          prompts `json:"input"`
	EncodingFormat string  `json:"encoding_format"`
	Dimensions     *int    `json:"dimensions"`
}

func (s *server) embeddings(w http.ResponseWriter, r *http.Request, req *embeddingRequest) error {
	model, err := s.Embedding.pick(req.Model)
	if err != nil {
		return err
	}
	if len(req.Input) == 0 || len(req.Input) > maxEmbeddings {
		return badRequest("input", "input has %d texts: send 1 to %d", len(req.Input), maxEmbeddings)
	}
	if req.Dimensions != nil {
		return badRequest("dimensions", "this model's embeddings have %d numbers and cannot be shortened: leave dimensions out", refmodel.EmbeddingDim)
	}
	f := req.EncodingFormat
	if f != "" && f != "float" && f != "base64" {
		return badRequest("encoding_format", "encoding_format is %q: use float or base64", f)
	}
	type embedding struct {
		Object    string `json:"object"`
		Index     int    `json:"index"`
		Embedding any    `json:"embedding"`
	}
	data := make([]embedding, len(req.Input))
	used := 0
	for i, ids := range req.Input {
		if err := r.Context().Err(); err != nil {
			return err
		}
		if len(ids) == 0 || len(ids) > refmodel.MaxContext {
			return badRequest("input", "text %d has %d tokens: use 1 to %d", i, len(ids), refmodel.MaxContext)
		}
		for _, id := range ids {
			if !refmodel.ValidID(id) {
				return badRequest("input", "text %d has the token id %d: ids are 0 to %d", i, id, refmodel.VocabSize-1)
			}
		}
		used += len(ids)
		e := s.embed.Embed(refmodel.Decode(ids))
		if f == "base64" {
			raw := make([]byte, 0, 4*len(e))
			for _, x := range e {
				raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(x))
			}
			data[i] = embedding{"embedding", i, base64.StdEncoding.EncodeToString(raw)}
			continue
		}
		data[i] = embedding{"embedding", i, json.RawMessage(mustFloats(e))}
	}
	writeJSON(w, http.StatusOK, map[string]any{
		"object": "list", "data": data, "model": model,
		"usage": map[string]int{"prompt_tokens": used, "total_tokens": used},
	})
	return nil
}

// mustFloats writes finite numbers as a JSON list, which cannot fail.
func mustFloats(e []float32) []byte {
	raw, err := json.Marshal(e)
	if err != nil {
		panic(err)
	}
	return raw
}
