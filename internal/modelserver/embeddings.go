package modelserver

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"image"
	"math"
	"net/http"

	"vision/internal/refmodel"
)

const maxEmbeddings = 2048

type embeddingRequest struct {
	Model          string `json:"model"`
	Input          inputs `json:"input"`
	EncodingFormat string `json:"encoding_format"`
	Dimensions     *int   `json:"dimensions"`
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
	for i, in := range req.Input {
		if err := r.Context().Err(); err != nil {
			return err
		}
		if in.picture != nil {
			data[i] = embedding{"embedding", i, vector(f, s.embed.EmbedImage(in.picture))}
			used++
			continue
		}
		ids := in.ids
		if len(ids) == 0 || len(ids) > refmodel.MaxContext {
			return badRequest("input", "text %d has %d tokens: use 1 to %d", i, len(ids), refmodel.MaxContext)
		}
		for _, id := range ids {
			if !refmodel.ValidID(id) {
				return badRequest("input", "text %d has the token id %d: ids are 0 to %d", i, id, refmodel.VocabSize-1)
			}
		}
		used += len(ids)
		data[i] = embedding{"embedding", i, vector(f, s.embed.Embed(refmodel.Decode(ids)))}
	}
	writeJSON(w, http.StatusOK, map[string]any{
		"object": "list", "data": data, "model": model,
		"usage": map[string]int{"prompt_tokens": used, "total_tokens": used},
	})
	return nil
}

// vector is a vector as its format wants it.
func vector(format string, e []float32) any {
	if format != "base64" {
		return json.RawMessage(mustFloats(e))
	}
	raw := make([]byte, 0, 4*len(e))
	for _, x := range e {
		raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(x))
	}
	return base64.StdEncoding.EncodeToString(raw)
}

// mustFloats writes finite numbers as a JSON list, which cannot fail.
func mustFloats(e []float32) []byte {
	raw, err := json.Marshal(e)
	if err != nil {
		panic(err)
	}
	return raw
}

// inputs are what prompts are, or a list in which pictures are objects with
// "image", a data URL.
type inputs []input

type input struct {
	ids     []int
	picture *image.RGBA
}

func (in *inputs) UnmarshalJSON(raw []byte) error {
	var p prompts
	*in = nil
	err := p.UnmarshalJSON(raw)
	if err == nil {
		for _, ids := range p {
			*in = append(*in, input{ids: ids})
		}
		return nil
	}
	var list []json.RawMessage
	if json.Unmarshal(raw, &list) != nil {
		return err
	}
	for i, v := range list {
		var text string
		var object struct {
			Image given `json:"image"`
		}
		switch {
		case json.Unmarshal(v, &text) == nil:
			*in = append(*in, input{ids: refmodel.Prompt(text)})
		case json.Unmarshal(v, &object) == nil && object.Image.RGBA != nil:
			*in = append(*in, input{picture: object.Image.RGBA})
		default:
			return fmt.Errorf("input: item %d is neither a text nor an object with a picture", i)
		}
	}
	return nil
}
