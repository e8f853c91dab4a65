package likeness

// Measure is one way to say how far something is from the reference's. The
// larger a deviation, the worse.
type Measure string

// The measures, and what they are in.
const (
	PSNR    Measure = "psnr"     // decibels at 64 x 64 pixels, with a minus sign: -99 for the same picture
	PHash   Measure = "phash"    // bits of 64 that differ
	DHash   Measure = "dhash"    // bits of 64 that differ
	Change  Measure = "change"   // what is wrong, over what the reference changed of a given picture; squares
	Detail  Measure = "detail"   // the same of what it added to an enlarged one
	CLIP    Measure = "clip"     // 1 - cosine of the embeddings of two pictures
	Unsafe  Measure = "unsafe"   // 1 if a classifier finds it unsafe and the reference's safe, each by a margin; else 0
	Float16 Measure = "float16"  // 1 - cosine of vectors, for weights of 16 bits and more
	BFloat  Measure = "bfloat16" // the same for bfloat16, whose numbers have 3 bits less
	Float8  Measure = "float8"   // the same for weights of 8 bits in floating point
	Int8    Measure = "int8"     // the same for integers of 8 bits or fewer
)

// builtin are what is assumed where nothing was measured. They are meant to hold
// for any honest stack of a pinned pipeline, and are checked against the built-in
// model's honest noise only: calibrate before money depends on them.
var builtin = map[Measure]Tail{
	PSNR:    {{-42, 2e-2}, {-38, 5e-3}, {-34, 1e-3}, {-31, 2e-4}, {-28, 1e-5}, {-25, 1e-6}, {-22, 1e-8}},
	PHash:   {{5, 1e-1}, {9, 1e-2}, {13, 1e-3}, {17, 1e-5}, {22, 1e-7}},
	DHash:   {{5, 5e-2}, {9, 5e-3}, {11, 5e-4}, {13, 1e-5}, {18, 1e-8}},
	Change:  {{0.02, 2e-2}, {0.04, 2e-3}, {0.08, 2e-4}, {0.15, 1e-5}, {0.3, 1e-8}},
	Detail:  {{0.01, 2e-2}, {0.02, 2e-3}, {0.04, 2e-4}, {0.07, 1e-5}, {0.12, 1e-8}},
	CLIP:    {{0.03, 2e-2}, {0.06, 2e-3}, {0.1, 2e-4}}, // a network's opinion alone proves little
	Unsafe:  {{1, 1e-4}},
	Float16: {{5e-4, 2e-2}, {1e-3, 2e-3}, {2e-3, 1e-4}, {5e-3, 1e-8}, {1e-2, 1e-9}},
	BFloat:  {{2e-3, 2e-2}, {4e-3, 2e-3}, {8e-3, 1e-4}, {2e-2, 1e-8}, {5e-2, 1e-9}},
	Float8:  {{5e-3, 2e-2}, {1e-2, 2e-3}, {2e-2, 1e-4}, {5e-2, 1e-8}, {1e-1, 1e-9}},
	Int8:    {{2e-2, 2e-2}, {4e-2, 2e-3}, {7e-2, 1e-4}, {1.5e-1, 1e-8}, {3e-1, 1e-9}},
}

// Measures are all there are.
func Measures() []Measure {
	return []Measure{PSNR, PHash, DHash, Change, Detail, CLIP, Unsafe, Float16, BFloat, Float8, Int8}
}

// A tail has knots where something was counted and where something is assumed: not more than these.
func (m Measure) knots() int { return len(edges(builtin[m], onGrid(m.grid()))) }

// grid is where honest deviations are counted: from so far below the first
// assumed knot that stacks better than assumed are known to be so, to the last.
func (m Measure) grid() []float64 {
	switch m {
	case PSNR:
		return []float64{-70, -60, -55, -50, -46, -42, -38, -34, -31, -28, -25, -22}
	case PHash, DHash:
		return []float64{1, 2, 3, 5, 7, 9, 11, 13, 17, 22}
	case Change, Detail:
		return []float64{0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.15, 0.3}
	case CLIP:
		return []float64{1e-4, 1e-3, 3e-3, 1e-2, 3e-2, 6e-2, 1e-1}
	case Float16, BFloat, Float8, Int8:
		return []float64{1e-6, 1e-5, 3e-5, 1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 1e-2, 2e-2, 5e-2, 1e-1}
	}
	return nil
}

// VectorMeasure is the measure for a task's declared quantisation ("none", "fp16",
// "fp8", "int8", "q8_0", …; "" is none).
func VectorMeasure(quantisation string) Measure {
	switch quantisation {
	case "", "none", "fp16", "f16", "fp32", "f32", "float16", "float32":
		return Float16
	case "bf16", "bfloat16":
		return BFloat
	case "fp8", "fp8_e4m3", "fp8_e5m2", "f8":
		return Float8
	}
	return Int8
}
