// Package calibration measures how much honest miners disagree with a
// reference, and keeps it in a signed file that bounds evidence.
//
//	responses of honest stacks ─┐
//	                            ├► Counts ─► File (bounds, sample sizes, versions) ─► Sign ─► Bounds
//	responses of alternatives ──┘
//
// A bound is the upper end of Clopper and Pearson's exact interval, for the
// noisiest of the stacks, at such a level that all bounds of a file hold at
// once with 99.9%. Disagreement is taken to fall with the reference's own
// certainty, so that a bin's bound holds in all that are surer; nothing else is
// assumed about noise. Alternatives are estimates: they decide how soon a cheat
// is found, never whether an honest miner is safe.
package calibration
