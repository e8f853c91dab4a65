// Package evidence turns what a reference thinks of a response into evidence
// against the miner that gave it. It is mathematics alone: positions and bounds
// in, an e-value out.
//
//	Response ──► parts (tests A to F) ──► Result.E = weighted mean of the parts
//	   ▲                  ▲
//	positions          Bounds: what honest miners stay below
//
// An e-value is a number whose expected value, for an honest miner, is at most
// 1 as long as the bounds hold, whatever the prompt. So it exceeds x with
// probability at most 1/x, the mean of several is one again, and so is the
// product over responses that are judged one after the other.
//
// Invariants:
//
//   - Every factor of a part has an expected value of at most 1 given all that
//     came before it. The property tests simulate miners at the bounds.
//   - Noise is bounded, never estimated from the response that is judged.
//   - Weights of parts and alternatives are fixed beforehand.
//   - Numbers are finite: E is in [0, Guilty].
package evidence
