package modelserver

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"image/png"
	"math"
	"testing"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"

	"vision/internal/refmodel"
)

func TestImagesWithTheOfficialSDK(t *testing.T) {
	_, client := serve(t, testConfig())
	ask := func(opts ...option.RequestOption) []openai.Image {
		t.Helper()
		got, err := client.Images.Generate(t.Context(), openai.ImageGenerateParams{
			Model: "ref-image", Prompt: "a lighthouse", N: openai.Int(2), Size: "128x192",
		}, append(opts, option.WithJSONSet("seed", 9))...)
		if err != nil {
			t.Fatal(err)
		}
		return got.Data
	}
	a := ask(option.WithJSONSet("num_inference_steps", 12))
	raw, err := base64.StdEncoding.DecodeString(a[0].B64JSON)
	if err != nil {
		t.Fatal(err)
	}
	img, err := png.Decode(bytes.NewReader(raw))
	if err != nil || img.Bounds().Dx() != 128 || img.Bounds().Dy() != 192 {
		t.Fatalf("picture %v, %v", img, err)
	}
	if len(a) != 2 || a[0].B64JSON == a[1].B64JSON {
		t.Error("two pictures of one request are the same")
	}
	if again := ask(option.WithJSONSet("num_inference_steps", 12)); again[0].B64JSON != a[0].B64JSON {
		t.Error("the same seed gave another picture")
	}
	if fewer := ask(option.WithJSONSet("num_inference_steps", 6)); fewer[0].B64JSON == a[0].B64JSON {
		t.Error("fewer steps gave the same picture")
	}
}

func TestEmbeddingsWithTheOfficialSDK(t *testing.T) {
	_, client := serve(t, testConfig())
	params := openai.EmbeddingNewParams{
		Model: "ref-embed", EncodingFormat: "float",
		Input: openai.EmbeddingNewParamsInputUnion{OfArrayOfStrings: []string{"The cat sleeps.", "日本"}},
	}
	got, err := client.Embeddings.New(t.Context(), params)
	if err != nil || len(got.Data) != 2 || len(got.Data[1].Embedding) != refmodel.EmbeddingDim || got.Usage.PromptTokens == 0 {
		t.Fatalf("%+v, %v", got, err)
	}
	s, _ := serve(t, testConfig())
	_, out := post(t, s, "/v1/embeddings", `{"model":"ref-embed","input":"The cat sleeps.","encoding_format":"base64"}`)
	raw, err := base64.StdEncoding.DecodeString(out["data"].([]any)[0].(map[string]any)["embedding"].(string))
	if err != nil || len(raw) != 4*refmodel.EmbeddingDim {
		t.Fatalf("%d bytes, %v", len(raw), err)
	}
	for i, x := range got.Data[0].Embedding {
		if y := math.Float32frombits(binary.LittleEndian.Uint32(raw[4*i:])); float32(x) != y {
			t.Fatalf("number %d is %v as JSON and %v as bytes", i, x, y)
		}
	}
}
