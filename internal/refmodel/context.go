package refmodel

import "math"

// Context is a position in a token sequence together with everything the model
// remembers of it. It depends on the tokens alone, never on which of them were
// prompt and which were generated, so scoring a text gives what generating it
// gave. A Context belongs to one goroutine.
type Context struct {
	m *LM

	last  [maxOrder - 1]int // most recent first; 0 before the start
	n     int               // tokens so far
	hash  uint64            // of all tokens
	turn  []uint16          // the current message's latest tokens, at most turnWindow
	turnN int               // its length

	inPrompt bool   // the current message is not the assistant's
	aim      uint64 // hash that decides this answer's length and colour
	topic    [dim]float64
	recent   [dim]float64
}

const (
	turnWindow   = 512 // how far back repetition is noticed, in tokens
	openingSize  = 4   // tokens of a message that count as its prompt
	recentDecay  = 0.96
	topicForget  = 0.4 // what a new user message leaves of the old topic
	repeatTwo    = 0.8 // logit penalty when two tokens of context recur
	repeatThree  = 1.7 // additional penalty when a third does
	repeatRecent = 0.35
)

// NewContext returns the empty context of a model.
func (m *LM) NewContext() *Context { return &Context{m: m} }

// Len is the number of tokens appended.
func (c *Context) Len() int { return c.n }

// Append moves the context past token id, which must be in the vocabulary.
func (c *Context) Append(id int) {
	c.hash = mix(c.hash ^ uint64(id+1)*0x9e3779b97f4a7c15)
	copy(c.last[1:], c.last[:len(c.last)-1])
	c.last[0] = id
	c.n++
	if IsSpecial(id) {
		c.startTurn(id)
		return
	}
	if len(c.turn) == 2*turnWindow {
		c.turn = append(c.turn[:0], c.turn[turnWindow:]...)
	}
	c.turn = append(c.turn, uint16(id))
	c.turnN++
	e := (*[dim]float32)(c.m.dense.embed[id*dim:])
	opening := c.inPrompt || c.turnN <= openingSize && c.aim == 0
	for k, x := range e {
		if opening {
			c.topic[k] += float64(x)
		}
		if !c.inPrompt {
			c.recent[k] = float64(c.recent[k]*recentDecay) + float64(float64(x)*(1-recentDecay)*2.5)
		}
	}
}

func (c *Context) startTurn(id int) {
	c.turn, c.turnN = c.turn[:0], 0
	c.inPrompt = id == TokenUser || id == TokenSystem || id == TokenTool
	c.aim = 0
	if id == TokenAssistant {
		c.aim = c.hash | 1
		c.recent = [dim]float64{}
	}
	if id == TokenUser {
		for k := range c.topic {
			c.topic[k] *= topicForget
		}
	}
}

// logits fills out with the unnormalised scores of every next token.
func (c *Context) logits(out *[VocabSize]float64) {
	*out = c.m.grams.bias
	c.m.grams.addTo(out, c.last)
	x := c.features()
	c.m.dense.addTo(out, &x)
	c.addRepetition(out)
	out[TokenEnd] += c.endBias()
	if sd := c.m.variant.Noise; sd > 0 {
		seed := mix(c.hash ^ mix(c.m.variant.NoiseSeed+1))
		for v := range out {
			out[v] += float64(sd * gaussBits(mix(seed+uint64(v)*0x9e3779b97f4a7c15)))
		}
	}
}

func (c *Context) features() (x [denseIn]float64) {
	norm := 1e-9
	for _, t := range c.topic {
		norm += float64(t * t)
	}
	norm = math.Sqrt(norm)
	scale := min(1, norm/0.2) / norm // a faint topic stays faint
	a := (*[dim]float32)(c.m.dense.embed[c.last[0]*dim:])
	b := (*[dim]float32)(c.m.dense.embed[c.last[1]*dim:])
	h := mix(c.aim)
	for k := range dim {
		x[k] = c.topic[k] * scale
		x[dim+k] = c.recent[k]
		x[2*dim+k] = float64(a[k])
		x[3*dim+k] = float64(b[k])
		x[4*dim+k] = 1 - 2*float64(h>>k&1)
	}
	return x
}

// addRepetition lowers what would repeat a pair or triple of this message, and
// slightly any recent word that belongs to a topic, so that greedy text moves on.
func (c *Context) addRepetition(out *[VocabSize]float64) {
	t := c.turn[max(0, len(c.turn)-turnWindow):]
	n := len(t)
	if n < 2 {
		return
	}
	a, b := t[n-1], t[n-2]
	for i := 1; i < n-1; i++ {
		if t[i] != a || t[i-1] != b {
			continue
		}
		out[t[i+1]] -= repeatTwo
		if n > 2 && i > 1 && t[i-2] == t[n-3] {
			out[t[i+1]] -= repeatThree
		}
	}
	for _, id := range t[max(0, n-24):] {
		if int(id) >= firstPiece && len(vocab().text[id]) > 4 {
			out[id] -= repeatRecent
		}
	}
}

// endBias makes answers end near a length that their prompt decides, 40 to
// about 260 tokens: discouraging before it, encouraging after, and insisting
// when it is long overdue even inside a sentence.
//
// A text that is not an answer has no such length, however long its prompt was:
// plain completions run on, and end by themselves only now and then.
func (c *Context) endBias() float64 {
	if c.aim == 0 {
		return -8
	}
	u := float64(mix(c.aim^0x5eed)>>11) / (1 << 53)
	want := 40 + 220*float64(u*u)
	x := (float64(c.turnN) - want) / (0.2*want + 6)
	bias := max(-8, min(4, 2.5*x))
	if over := float64(c.turnN) - 1.6*want - 20; over > 0 {
		bias += over / 12
	}
	return bias
}
