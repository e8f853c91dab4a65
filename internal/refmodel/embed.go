package refmodel

import (
	"math"
	"strings"
	"unicode"
)

// EmbeddingDim is the length of an embedding.
const EmbeddingDim = 256

const (
	embedBuckets = 2048
	outlierEvery = 1000 // one weight in so many is an outlier, as in trained nets
)

// Embedder turns text into unit vectors: hashed words, word pairs and letter
// triples, through a fixed random projection, a tanh layer and a second
// projection. Texts that share words are close; meaning is unknown to it. It is
// immutable and safe for concurrent use.
//
// Its weights are heavy-tailed, as trained ones are, and quantised with one
// scale per tensor, so 8 bits cost more accuracy than in the language model.
type Embedder struct {
	bits   int
	noise  float64
	seed   uint64
	first  []float32 // embedBuckets x EmbeddingDim
	second []float32 // EmbeddingDim x EmbeddingDim
}

var loadedEmbedders cache[Embedder]

// LoadEmbedder returns the embedder of a variant, cached like Load. It panics
// if v is not valid.
func LoadEmbedder(v Variant) *Embedder {
	v.valid("LoadEmbedder")
	e := *loadedEmbedders.get(v.key(), buildEmbedder)
	e.noise, e.seed = v.Noise, v.NoiseSeed
	return &e
}

func buildEmbedder(k weightsKey) *Embedder {
	salt := "embed"
	if k.sibling {
		salt = "embed sibling"
	}
	r := newRNG(1, salt)
	return &Embedder{
		bits:   k.bits,
		first:  quantiseTensor(heavyTailed(embedBuckets*EmbeddingDim, r), k.bits),
		second: quantiseTensor(heavyTailed(EmbeddingDim*EmbeddingDim, r), k.bits),
	}
}

// heavyTailed draws n weights of variance about 1/EmbeddingDim, mostly small
// with a few large ones.
func heavyTailed(n int, r *rng) []float32 {
	w := make([]float32, n)
	for i := range w {
		g := r.gauss()
		cube := float64(g*g) * g
		if r.intn(outlierEvery) == 0 {
			cube *= 8
		}
		w[i] = float32(cube / 3.4 / math.Sqrt(EmbeddingDim))
	}
	return w
}

// quantiseTensor is quantise with one scale for the whole tensor.
func quantiseTensor(w []float32, bits int) []float32 {
	if bits == 0 || bits == 16 {
		return quantise(w, bits)
	}
	out := make([]float32, len(w))
	quantiseBlock(out, w, bits)
	return out
}

// Embed returns the unit vector of text, EmbeddingDim long.
func (e *Embedder) Embed(text string) []float32 {
	var x [embedBuckets]float64
	textFeatures(text, &x)
	return e.vector(&x, hashString(text))
}

// vector is the unit vector of features; id tells inputs apart for the noise.
func (e *Embedder) vector(x *[embedBuckets]float64, id uint64) []float32 {
	var h, y [EmbeddingDim]float64
	for b, f := range x {
		if f == 0 {
			continue
		}
		for j, w := range e.first[b*EmbeddingDim : (b+1)*EmbeddingDim] {
			h[j] += float64(f * float64(w))
		}
	}
	for j := range h {
		h[j] = math.Tanh(12 * h[j])
	}
	e.roundActivations(&h)
	for i, a := range h {
		for j, w := range e.second[i*EmbeddingDim : (i+1)*EmbeddingDim] {
			y[j] += float64(a * float64(w))
		}
	}
	norm := 0.0
	for j := range y {
		if e.noise > 0 {
			y[j] += float64(e.noise * gaussBits(mix(id^mix(e.seed+uint64(j)))))
		}
		norm += float64(y[j] * y[j])
	}
	norm = math.Sqrt(norm)
	out := make([]float32, EmbeddingDim)
	for j := range y {
		out[j] = float32(y[j] / norm)
	}
	return out
}

// roundActivations imitates what low-precision inference does between layers:
// 8 bits or fewer share one scale per vector, half precision rounds each.
func (e *Embedder) roundActivations(h *[EmbeddingDim]float64) {
	if e.bits == 0 {
		return
	}
	w := make([]float32, EmbeddingDim)
	for j, a := range h {
		w[j] = float32(a)
	}
	for j, a := range quantiseTensor(w, e.bits) {
		h[j] = float64(a)
	}
}

// textFeatures fills x with the unit-length hashed features of text.
func textFeatures(text string, x *[embedBuckets]float64) {
	add := func(feature string, weight float64) {
		h := hashString(feature)
		if h>>63 == 1 {
			weight = -weight
		}
		x[h%embedBuckets] += weight
	}
	words := strings.FieldsFunc(strings.ToLower(text), func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r)
	})
	add("^", 0.1) // so that an empty text has a direction too
	for i, w := range words {
		weight := min(1, 0.2+0.15*float64(len(w)-1)) // short words say little
		add("w "+w, weight)
		if i > 0 {
			add("b "+words[i-1]+" "+w, 0.5*weight)
		}
		padded := " " + w + " "
		for j := 0; j+3 <= len(padded); j++ {
			add("c "+padded[j:j+3], 0.35*weight)
		}
	}
	norm := 0.0
	for _, f := range x {
		norm += float64(f * f)
	}
	norm = math.Sqrt(norm)
	for i := range x {
		x[i] /= norm
	}
}
