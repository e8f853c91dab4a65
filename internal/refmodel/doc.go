// Package refmodel is the reference model: a toy language model, image
// generator and text embedder that live inside the binary. It is for devnets
// and tests only. It knows nothing, reasons about nothing and must never be
// sold; it exists so that a whole network, and the checks that judge miners,
// can run on a laptop against something true.
//
// What is true about it:
//
//   - Tokens are real: a vocabulary of [VocabSize] pieces with byte fallback,
//     and [Encode] and [Decode] are exact inverses on every string.
//   - Log-probabilities are real: [LM.Prefill] recomputes, bit for bit, the
//     distribution that [LM.Generate] sampled from, and the frequencies of
//     sampled tokens match it.
//   - Quantisation is real: [Bits](b) rounds every learned weight to b bits
//     with one scale per block of 32, as common quantisers do, and the logits
//     move by whatever that does to them. Nothing adds "cheat noise".
//   - [Sibling] is another model with the same tokenizer: other corpus sample,
//     other smoothing, other projections.
//   - Fewer image steps are fewer steps of the same iteration.
//
// What is a simplification: the language model is an n-gram model of order 4
// (smoothed counts turned into log-linear weights) plus a small dense net whose
// matrices are computed in closed form from the corpus rather than by gradient
// descent; the noise of other honest stacks ([Variant].Noise) is simulated, a
// Gaussian of the given standard deviation on every logit.
//
// Everything is a pure function of its arguments. Products are converted to
// float64 before they are added, so that no compiler fuses them, and
// log-probabilities agree across machines to about 1e-9 (math.Exp may differ
// in the last bit). The corpus is embedded and the weights are derived from it
// when a variant is first loaded.
//
// Measured on texts the full model wrote, with one prompt per topic and more
// (TestVariantsDifferAsMuchAsTheyShould prints them): mean entropy 0.59 nats at
// temperature 0 and 0.76 at 1. Share of greedy tokens whose first choice
// differs from the full model's, and mean ln p_full - ln p_variant per token at
// temperature 1:
//
//	honest stack, noise 0.001   0.04%
//	honest stack, noise 0.01    0.20%
//	8 bits                      0.18%
//	6 bits                      1.0%
//	4 bits                      3.2%    0.008 nats
//	3 bits                      4.9%
//	2 bits                     11.7%    0.24 nats
//	sibling                    24.3%    0.84 nats
//
// Embeddings: half precision has a cosine above 0.99999 with full precision,
// 8 bits about 0.99. Images (128 x 128, 20 steps): 19 steps differ by 35 to 50 dB
// PSNR, 15 by 26 to 34, 10 by 18 to 24, 8 bits by 50, 4 bits by 30, another seed
// or model by 10 to 15.
package refmodel
