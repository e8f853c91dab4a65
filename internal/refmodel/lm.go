package refmodel

// LM is the language model of one variant. It is immutable and safe for
// concurrent use; every method is a pure function of its arguments.
type LM struct {
	variant Variant
	grams   *ngrams
	dense   *dense
}

// Variant returns what Load was given.
func (m *LM) Variant() Variant { return m.variant }

// loaded are the models that were trained or quantised.
var loaded cache[LM]

// Load returns the model of a variant, building and caching its weights at the
// first call (about 0.1 s) and sharing them afterwards. It panics if v is not
// valid: check a stranger's variant with Validate or ParseVariant first.
func Load(v Variant) *LM {
	v.valid("Load")
	m := *loadWeights(v.key())
	m.variant = v
	return &m
}

func loadWeights(k weightsKey) *LM { return loaded.get(k, build) }

func build(k weightsKey) *LM {
	if k.bits != 0 {
		full := loadWeights(weightsKey{sibling: k.sibling})
		g, d := *full.grams, *full.dense
		g.w = quantise(g.w, k.bits)
		d.embed, d.w1 = quantise(d.embed, k.bits), quantise(d.w1, k.bits)
		return &LM{grams: &g, dense: &d}
	}
	perTopic, seed, discount := 12, uint64(1), 0.75
	if k.sibling {
		perTopic, seed, discount = 9, 2, 0.85
	}
	topics, shared := parseCorpus(corpusText)
	docs := writeCorpus(topics, shared, perTopic, seed)
	sequences := make([][]int, len(docs))
	for i, d := range docs {
		ids, err := Chat([]Message{{"user", d.question}})
		if err != nil {
			panic(err) // the only role is "user"
		}
		sequences[i] = append(append(ids, Encode(d.answer)...), TokenEnd)
	}
	return &LM{grams: trainNgrams(sequences, discount), dense: trainDense(sequences, docs, len(topics), seed)}
}
