package evidence

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// model is a made-up language model: logits of a few dozen tokens, the first
// of them the end, independent from place to place.
type model struct {
	r    *rand.Rand
	size int
}

func (m model) logits() []float64 {
	l := make([]float64, m.size)
	for i := range l {
		l[i] = 2.5 * m.r.NormFloat64()
	}
	l[0] -= 1.5
	return l
}

// miner is how a miner's logits and sampling differ from the reference's.
type miner struct {
	noise       float64 // nats on each logit
	temperature float64 // in place of the request's, if not 0
	topP        float64 // the same
	scale       float64 // of its logits, 1 for none
	eager       float64 // chance to end anywhere
	reluctant   bool    // never ends
	lies        float64 // nats by which the log-probabilities it shows are off
}

// shown is how many alternatives the reference lists; 0 shows all.
func respond(r *rand.Rand, m miner, temperature, topP, bound float64, tokens, shown int) *Response {
	out := &Response{Temperature: temperature, TopP: topP, IDs: true}
	lm := model{r, 40}
	for range tokens {
		ref := lm.logits()
		normalise(ref)
		own := make([]float64, len(ref))
		for i := range own {
			own[i] = ref[i]*m.scale + m.noise*r.NormFloat64()
		}
		if m.reluctant {
			own[0] = -60
		}
		normalise(own)
		token := draw(r, own, or(m.temperature, temperature), or(m.topP, topP))
		if m.eager > 0 && r.Float64() < m.eager {
			token = 0
		}
		best, second := 0, -1
		for i := range ref {
			if ref[i] > ref[best] {
				best = i
			}
		}
		for i := range ref {
			if i != best && (second < 0 || ref[i] > ref[second]) {
				second = i
			}
		}
		claimed := own[token] + m.lies*r.NormFloat64()
		p := Position{Token: token, Best: token == best, Gap: ref[best] - ref[second], Deficit: ref[best] - ref[token], Logprob: ref[token], Claimed: &claimed}
		if temperature > 0 {
			shape := p.FillContrast(ref, token, temperature, topP, bound)
			if shown > 0 {
				p = Position{Token: token, Logprob: p.Logprob, Claimed: p.Claimed}
				list, at := listing(ref, token, shown)
				p.FillListed(list, at, temperature, topP, bound)
			} else {
				p.End, p.HasEnd, p.Ends = shape.Own(0), true, token == 0
				p.EndLow, p.EndHigh = shape.Range(0)
			}
		}
		out.Positions = append(out.Positions, p)
		if token == 0 {
			break
		}
	}
	return out
}

func or(x, y float64) float64 {
	if x != 0 {
		return x
	}
	return y
}

// listing is what a server shows of a distribution: the likeliest, and the rest as one.
func listing(ref []float64, token, n int) (list Outcomes, at int) {
	kept, sum := map[int]bool{}, 0.0
	at = n
	for k := range n {
		best := -1
		for i := range ref {
			if !kept[i] && (best < 0 || ref[i] > ref[best]) {
				best = i
			}
		}
		kept[best] = true
		if best == token {
			at = k
		}
		list = append(list, ref[best])
		sum += math.Exp(ref[best])
	}
	return append(list, math.Log(max(1-sum, 1e-6))), at
}

func draw(r *rand.Rand, logs []float64, temperature, topP float64) int {
	if temperature < 1e-9 {
		best := 0
		for i := range logs {
			if logs[i] > logs[best] {
				best = i
			}
		}
		return best
	}
	p := make([]float64, len(logs))
	for i := range p {
		p[i] = logs[i] / temperature
	}
	normalise(p)
	kept, share := make([]bool, len(p)), 0.0
	for share < topP {
		best := -1
		for i := range p {
			if !kept[i] && (best < 0 || p[i] > p[best]) {
				best = i
			}
		}
		if best < 0 {
			break
		}
		kept[best] = true
		share += math.Exp(p[best])
	}
	u := r.Float64() * share
	last := 0
	for i := range p {
		if kept[i] {
			last = i
			if u -= math.Exp(p[i]); u < 0 {
				return i
			}
		}
	}
	return last
}

// For honest miners at the bound the mean of every part, and of the whole, is
// at most 1 but for chance: at all temperatures, cut to top_p or not, with all of
// the distribution or the likeliest tokens of it.
func TestHonestMeansStayBelowOne(t *testing.T) {
	const responses, tokens = 250, 40
	for _, noise := range []float64{0.02, 0.15} {
		for _, temperature := range []float64{0, 0.05, 0.4, 1} {
			for _, x := range []struct {
				topP  float64
				shown int
			}{{1, 0}, {0.9, 0}, {1, 8}, {0.8, 8}} {
				if temperature == 0 && (x.topP < 1 || x.shown > 0) {
					continue
				}
				r := rand.New(rand.NewPCG(1, uint64(1000*noise+100*temperature+10*x.topP)))
				b := Bounds{Noise: noise}
				type mean struct{ sum, square float64 }
				means := map[string]*mean{}
				for range responses {
					res := b.Weigh(respond(r, miner{noise: noise, scale: 1}, temperature, x.topP, noise, tokens, x.shown))
					for _, p := range append(res.Parts, Part{Test: "all", Logs: []float64{math.Log(res.E)}}) {
						m := means[p.Test]
						if m == nil {
							m = &mean{}
							means[p.Test] = m
						}
						m.sum += p.E()
						m.square += p.E() * p.E()
					}
				}
				for test, m := range means {
					mean := m.sum / responses
					sd := math.Sqrt(max(0, m.square/responses-mean*mean) / responses)
					if !(mean <= 1+4*sd) {
						t.Errorf("noise %v, T %v, top_p %v, %d shown: the mean of %s is %.3f ± %.3f", noise, temperature, x.topP, x.shown, test, mean, sd)
					}
				}
				if len(means) < 2 {
					t.Errorf("no parts at T %v", temperature)
				}
			}
		}
	}
}

// Each test finds what it is for.
func TestEachTestFindsItsCheat(t *testing.T) {
	for _, x := range []struct {
		name, test  string
		miner       miner
		temperature float64
		topP        float64
		tokens      int // that must do, in the median
	}{
		{"noise of coarse weights", "prefill-t0", miner{noise: 0.5, scale: 1}, 0, 1, 200},
		{"too hot", "likelihood", miner{scale: 1, temperature: 1.3}, 1, 1, 600},
		{"too cold", "likelihood", miner{scale: 1, temperature: 0.7}, 1, 1, 600},
		{"a flatter model", "likelihood", miner{scale: 0.7}, 1, 1, 600},
		{"top_p ignored", "likelihood", miner{scale: 1, topP: 1}, 1, 0.9, 400},
		{"greedy", "likelihood", miner{scale: 1, temperature: 1e-12}, 1, 1, 200},
		{"cut short", "length", miner{scale: 1, eager: 0.1}, 0.7, 1, 1500},
		{"never ends", "length", miner{scale: 1, reluctant: true}, 1, 1, 4000},
		{"shows another's log-probabilities", "logprobs", miner{scale: 1, lies: 0.3}, 0, 1, 400},
	} {
		const runs = 5
		found := 0
		for run := range runs {
			r := rand.New(rand.NewPCG(7, uint64(run)))
			b := Bounds{Noise: 0.02}
			logs := []float64(nil)
			for n := 0; n < x.tokens; {
				res := respond(r, x.miner, x.temperature, x.topP, b.Noise, min(64, x.tokens-n), 0)
				n += len(res.Positions)
				for _, p := range b.Weigh(res).Parts {
					if p.Test != x.test {
						continue
					}
					if logs == nil {
						logs = make([]float64, len(p.Logs))
					}
					for j := range logs {
						logs[j] += p.Logs[j]
					}
				}
			}
			if MeanExp(logs) > 1e4 {
				found++
			}
		}
		if found <= runs/2 {
			t.Errorf("%s: found by %s in %d of %d runs of %d tokens", x.name, x.test, found, runs, x.tokens)
		}
	}
}

// Two responses to one prompt under different seeds: evidence only where they are
// alike for longer than chance allows, and of mean at most 1.
func TestCopies(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	const pairs = 8000
	sum, square := 0.0, 0.0
	for range pairs {
		// A model so sure of itself that texts are often alike.
		lm := model{r, 40}
		var logprobs []float64
		same, parted := 0, false
		for range 12 {
			l := lm.logits()
			for i := range l {
				l[i] *= 2
			}
			normalise(l)
			first, second := draw(r, l, 1, 1), draw(r, l, 1, 1)
			logprobs = append(logprobs, l[first])
			parted = parted || first != second
			if !parted {
				same++
			}
		}
		e := Copied(logprobs, same, 0)
		sum += e
		square += e * e
	}
	mean := sum / pairs
	if sd := math.Sqrt(square/pairs-mean*mean) / math.Sqrt(pairs); !(mean <= 1+4*sd) || mean < 0.1 {
		t.Errorf("the mean of honest pairs is %v ± %v", mean, sd)
	}
	var text []float64
	for range 40 {
		text = append(text, -0.7)
	}
	if e := Copied(text, 40, 0.02); e < 1e10 {
		t.Errorf("a copy of 40 tokens of half a chance each: %v", e)
	}
	if e := Copied(text, 3, 0.02); e != 0 {
		t.Errorf("three tokens alike: %v", e)
	}
	if e := Copied(nil, 0, 0.02); e != 0 {
		t.Errorf("nothing alike: %v", e)
	}
}

// Results stay numbers whatever the positions are.
func TestEvidenceIsFinite(t *testing.T) {
	b := Bounds{Noise: 0.02}
	claimed := -1e4
	for _, r := range []*Response{
		{}, {Guilt: "malformed"}, {Temperature: 1, Positions: []Position{{}}},
		{Positions: []Position{{Gap: 1e300, Deficit: 1e300, Claimed: &claimed}}},
		{Temperature: 1, Positions: []Position{{HasEnd: true, End: 1}, {HasEnd: true, End: 0, Ends: true}}},
		{Temperature: 1e-9, Redraw: true, Positions: []Position{{Margin: 0, Miss: 1}}},
		{Replay: &Replay{Same: 1 << 30, Parted: true}},
	} {
		res := b.Weigh(r)
		if !res.Finite() {
			t.Errorf("%+v: %+v", r, res)
		}
		if e := Combine([]Result{res, res}); math.IsNaN(e) || e < 0 || e > Guilty {
			t.Errorf("%+v: together %v", r, e)
		}
	}
	long := &Response{}
	for range 5000 {
		long.Positions = append(long.Positions, Position{Gap: 9, Deficit: 9})
	}
	if res := b.Weigh(long); !res.Finite() || res.E < 1e100 || res.E >= Guilty {
		t.Errorf("5,000 absurd tokens: %v", fmt.Sprint(res.E))
	}
}
