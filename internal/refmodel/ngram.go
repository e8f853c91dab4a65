package refmodel

import (
	"cmp"
	"math"
	"slices"
)

// maxOrder is the longest n-gram: three tokens of context and the next one.
const maxOrder = 4

// ngrams is the sparse part of the model. The interpolated probability
//
//	p_n(v|c) = (count(c,v) - D)/count(c) + lambda(c) p_{n-1}(v|c')
//
// is kept as log-linear weights w_n(c,v) = ln p_n(v|c) - ln(lambda(c) p_{n-1}(v|c')),
// so that bias[v] + the sum of the weights of every order whose context has
// seen v is ln p(v|c) up to a constant of c. Unseen continuations weigh 0.
type ngrams struct {
	bias  [VocabSize]float64
	spans map[uint64]span // context of 1 to 3 tokens, order in the top bits
	next  []uint16        // continuations, ascending in each span
	w     []float32       // their weights, parallel to next
}

type span struct{ at, n int32 }

// contextKey packs the last n (1 to 3) tokens of context.
func contextKey(last [maxOrder - 1]int, n int) uint64 {
	k := uint64(n) << 48
	for i := range n {
		k |= uint64(last[i]) << (16 * i)
	}
	return k
}

type gram struct {
	key   uint64
	next  uint16
	count float64
}

// trainNgrams counts sequences and turns the counts into weights. discount (D)
// is in (0, 1): larger trusts long contexts less.
func trainNgrams(sequences [][]int, discount float64) *ngrams {
	g := &ngrams{spans: map[uint64]span{}}
	uni := unigrams(sequences)
	for v, p := range uni {
		g.bias[v] = math.Log(p)
	}
	shorter := func(v uint16, _ uint64) float64 { return uni[v] }
	for order := 2; order <= maxOrder; order++ {
		grams := countGrams(sequences, order)
		probs := make(map[uint64]map[uint16]float64)
		lambdas := make(map[uint64]float64)
		for at := 0; at < len(grams); {
			end := at
			total := 0.0
			for end < len(grams) && grams[end].key == grams[at].key {
				total += grams[end].count
				end++
			}
			key := grams[at].key
			lambda := discount * float64(end-at) / total
			g.spans[key] = span{int32(len(g.next)), int32(end - at)}
			level := make(map[uint16]float64, end-at)
			for _, x := range grams[at:end] {
				lower := lambda * shorter(x.next, key)
				p := (x.count-discount)/total + lower
				level[x.next] = p
				g.next = append(g.next, x.next)
				g.w = append(g.w, float32(math.Log(p)-math.Log(lower)))
			}
			probs[key], lambdas[key] = level, lambda
			at = end
		}
		below, n := shorter, order-1
		shorter = func(v uint16, longer uint64) float64 {
			key := longer&(1<<(16*n)-1) | uint64(n)<<48 // drop the oldest token
			if p, ok := probs[key][v]; ok {
				return p
			}
			return lambdas[key] * below(v, key)
		}
	}
	return g
}

// unigrams returns smoothed token frequencies. Bytes and special tokens that
// the corpus never uses keep a very small share.
func unigrams(sequences [][]int) [VocabSize]float64 {
	var p [VocabSize]float64
	for i := range p {
		switch {
		case IsSpecial(i):
			p[i] = 1e-9
		case i < firstPiece:
			p[i] = 1e-3
		default:
			p[i] = 0.05
		}
	}
	total := 0.0
	for _, s := range sequences {
		for _, t := range s {
			if !IsSpecial(t) || t == TokenEnd {
				p[t]++
			}
		}
	}
	for _, x := range p {
		total += x
	}
	for i := range p {
		p[i] /= total
	}
	return p
}

// countGrams returns the n-grams of one order sorted by context, then token.
func countGrams(sequences [][]int, order int) []gram {
	var all []gram
	for _, s := range sequences {
		for i := order - 1; i < len(s); i++ {
			if s[i] != TokenEnd && IsSpecial(s[i]) {
				continue
			}
			var last [maxOrder - 1]int
			for j := range order - 1 {
				last[j] = s[i-1-j]
			}
			all = append(all, gram{key: contextKey(last, order-1), next: uint16(s[i]), count: 1})
		}
	}
	slices.SortFunc(all, func(a, b gram) int {
		return cmp.Or(cmp.Compare(a.key, b.key), cmp.Compare(a.next, b.next))
	})
	out := all[:0]
	for _, x := range all {
		if n := len(out); n > 0 && out[n-1].key == x.key && out[n-1].next == x.next {
			out[n-1].count++
			continue
		}
		out = append(out, x)
	}
	return out
}

// addTo adds the weights of every order for the context (most recent first).
func (g *ngrams) addTo(logits *[VocabSize]float64, last [maxOrder - 1]int) {
	for n := 1; n < maxOrder; n++ {
		s, ok := g.spans[contextKey(last, n)]
		if !ok {
			return
		}
		ids, w := g.next[s.at:s.at+s.n], g.w[s.at:s.at+s.n]
		for i, id := range ids {
			logits[id] += float64(w[i])
		}
	}
}
