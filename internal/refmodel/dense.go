package refmodel

import "math"

// dim is the width of embeddings and of the hidden layer.
const dim = 32

// inputs of the dense net: the prompt's topic, the recent answer, the last two
// tokens and a direction that only the prompt's hash decides.
const denseIn = 5 * dim

// dense is hidden = tanh(W1 x), logits += outScale * E hidden. The embedding E
// of a token is the mixture of its documents' topic directions, longer the more
// a token belongs to few topics, so "the" is nearly zero and "dough" is not.
type dense struct {
	embed []float32 // VocabSize x dim
	w1    []float32 // dim x denseIn
}

const outScale = 3

func trainDense(sequences [][]int, docs []document, topics int, seed uint64) *dense {
	counts := make([]float64, VocabSize*topics)
	perTopic := make([]float64, topics)
	for i, s := range sequences {
		for _, t := range s {
			counts[t*topics+docs[i].topic]++
			perTopic[docs[i].topic]++
		}
	}
	total := 0.0
	for _, n := range perTopic {
		total += n
	}
	r := newRNG(seed, "dense")
	directions := orthonormal(topics, r)
	d := &dense{embed: make([]float32, VocabSize*dim), w1: make([]float32, dim*denseIn)}
	for v := range VocabSize {
		row := counts[v*topics : (v+1)*topics]
		n := 0.0
		for _, c := range row {
			n += c
		}
		sure := n / (n + 4) // shrink what was seen rarely
		for t, c := range row {
			lift := sure * (c/max(n, 1) - perTopic[t]/total)
			for k := range dim {
				d.embed[v*dim+k] += float32(lift * directions[t*dim+k])
			}
		}
		for k := range dim { // a little of its own, so that no two tokens are alike
			d.embed[v*dim+k] += float32(0.03 * r.gauss())
		}
	}
	// W1: the identity on the topic and recent blocks plus random mixing.
	gains := [5]float64{2.2, 0.5, 0, 0, 0}
	mixing := [5]float64{0.06, 0.05, 0.1, 0.06, 0.02}
	for row := range dim {
		for col := range denseIn {
			w := mixing[col/dim] * r.gauss()
			if col%dim == row {
				w += gains[col/dim]
			}
			d.w1[row*denseIn+col] = float32(w)
		}
	}
	return d
}

// orthonormal returns n (at most dim) random directions at right angles.
func orthonormal(n int, r *rng) []float64 {
	out := make([]float64, n*dim)
	for i := range n {
		row := out[i*dim : (i+1)*dim]
		for k := range row {
			row[k] = r.gauss()
		}
		for j := range i {
			other := out[j*dim : (j+1)*dim]
			along := dot(row, other)
			for k := range row {
				row[k] -= float64(along * other[k])
			}
		}
		length := math.Sqrt(dot(row, row))
		for k := range row {
			row[k] /= length
		}
	}
	return out
}

func dot(a, b []float64) float64 {
	sum := 0.0
	for i := range a {
		sum += float64(a[i] * b[i])
	}
	return sum
}

// addTo adds outScale * E tanh(W1 x) to the logits.
func (d *dense) addTo(logits *[VocabSize]float64, x *[denseIn]float64) {
	var h [dim]float64
	for i := range h {
		row := d.w1[i*denseIn : (i+1)*denseIn]
		sum := 0.0
		for j, w := range row {
			sum += float64(float64(w) * x[j])
		}
		h[i] = outScale * math.Tanh(sum)
	}
	for v := range logits {
		row := (*[dim]float32)(d.embed[v*dim:])
		var a, b, c, e float64
		for k := 0; k < dim; k += 4 {
			a += float64(float64(row[k]) * h[k])
			b += float64(float64(row[k+1]) * h[k+1])
			c += float64(float64(row[k+2]) * h[k+2])
			e += float64(float64(row[k+3]) * h[k+3])
		}
		logits[v] += (a + b) + (c + e)
	}
}
