package likeness

import "math"

// Response is how the items (pictures or vectors) of one response deviate from
// the reference's. It is also the form in which honest pairs are counted.
type Response struct {
	Items []map[Measure]float64
	// Others says, for each alternative that was tried, how the items lie on the
	// way from the reference's to the alternative's.
	Others []Other
	// Escalates says that alternatives would be tried if the items deviated.
	Escalates bool
}

// Other is one alternative: what a cheat may have run instead.
type Other struct {
	Name string
	Ways []Way // one for each item
}

// Way is how an item lies between the reference's and an alternative's.
type Way struct {
	At    float64 // 0: at the reference's, 1: at the alternative's
	Apart float64 // mean square between these two
}

// Bounds are what honest miners stay below.
type Bounds struct {
	Measured map[Measure]Tail // nil: as assumed
	// Noise bounds how far an honest picture is from the reference's at 64 x 64
	// pixels: a mean square in grey levels. 0 is DefaultNoise.
	Noise float64
}

// DefaultNoise is 42 dB.
const DefaultNoise = 255 * 255 / 15848.93

// Tail is the bound for a measure.
func (b *Bounds) Tail(m Measure) Tail {
	if t, ok := b.Measured[m]; ok {
		return t
	}
	return builtin[m]
}

// E is the e-value of a response: of its items alone, or, where alternatives are
// tried when items deviate, half of it of the alternatives.
func (b *Bounds) E(r *Response) float64 {
	items := b.items(r)
	if !r.Escalates {
		return items
	}
	// What was not tried counts as 0: then whether it was may depend on the items.
	alternatives := 0.0
	if len(r.Others) > 0 {
		alternatives = b.others(r)
	}
	return mean([]float64{items, alternatives})
}

func (b *Bounds) items(r *Response) float64 {
	var list []float64
	for _, item := range r.Items {
		var es []float64
		for _, m := range Measures() {
			if d, ok := item[m]; ok {
				es = append(es, Evidence(b.Tail(m).Bound(d)))
			}
		}
		list = append(list, mean(es))
	}
	return product(list)
}

// Doubtful says whether a response deviates enough for its alternatives to be worth
// trying, and not so much that they would change nothing.
func (b *Bounds) Doubtful(r *Response) bool {
	e := b.items(r)
	return e > 0.75 && e < 1e6
}

// odd is how often an honest miner may do just what an alternative does, for
// whatever reason: no likelihood ratio is above its inverse.
const odd = 1e-6

// others is the mean over the alternatives of the likelihood of the way that
// the items lie under it to that under honest noise: for noise of variance v along the way,
// exp((at - 1/2) apart / v). The noise is taken to lie along the way with all its might, which
// honest noise does not: a mean square over all cells is then the same square along one way.
func (b *Bounds) others(r *Response) float64 {
	noise := b.Noise
	if noise <= 0 {
		noise = DefaultNoise
	}
	var list []float64
	for _, o := range r.Others {
		log := 0.0
		for _, w := range o.Ways {
			log += (w.At - 0.5) * w.Apart / noise
		}
		if math.IsNaN(log) {
			log = 0
		}
		list = append(list, min(math.Exp(min(log, 230)), 1/odd))
	}
	return mean(list)
}
