// Package indistinct is the test that a miner cannot tell a validator's probes
// from its customers' requests by anything that it sees.
//
//	simulated customers ──► gateway ─┐   one validator,      ┌─► a miner that writes down
//	                                 ├─► one process,  TLS ──┤   every byte and when it came
//	                  scorer, probes ┘   the real path       └─►
//	                                                             │ features, and who asked
//	                                           classifiers, cross-validated ──► AUC
//
// The customers are simulated too, by organics_test.go, which shares nothing with
// internal/prompt: some applications with habits of their own, texts written by
// hand, gaps filled from lists. So the numbers show whether the machinery adds marks of
// its own, and how far made-up texts are from other texts; they do not show how
// far they are from your customers'.
//
// The AUC of a classifier is the chance that it ranks a probe above a customer's
// request: 0.5 is guessing, 1 is knowing.
package indistinct
