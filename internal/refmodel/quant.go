package refmodel

import "math"

// quantBlock is the number of consecutive weights that share a scale.
const quantBlock = 32

// quantise returns w rounded to bits per weight. For 2 to 8 bits every block of
// quantBlock weights keeps one scale, its extreme weight over -2^(bits-1), and
// each weight becomes the nearest of 2^bits multiples of it (the symmetric
// round-to-nearest of Q4_0 and its like). 16 keeps a 10-bit mantissa, as half
// precision does. 0 changes nothing.
func quantise(w []float32, bits int) []float32 {
	out := make([]float32, len(w))
	switch bits {
	case 0:
		copy(out, w)
	case 16:
		for i, x := range w {
			out[i] = half(x)
		}
	default:
		for at := 0; at < len(w); at += quantBlock {
			end := min(at+quantBlock, len(w))
			quantiseBlock(out[at:end], w[at:end], bits)
		}
	}
	return out
}

func quantiseBlock(out, w []float32, bits int) {
	extreme := float64(w[0])
	for _, x := range w {
		if math.Abs(float64(x)) > math.Abs(extreme) {
			extreme = float64(x)
		}
	}
	if extreme == 0 {
		return
	}
	levels := float64(int(1) << (bits - 1))
	scale := extreme / -levels
	for i, x := range w {
		q := max(-levels, min(levels-1, math.Round(float64(x)/scale)))
		out[i] = float32(q * scale)
	}
}

// half rounds to an 11-bit significand (10 stored bits), ignoring the narrower
// exponent of real half precision, which no weight here exceeds.
func half(x float32) float32 {
	b := math.Float32bits(x)
	b += 0xfff + b>>13&1
	return math.Float32frombits(b &^ 0x1fff)
}
