// Package likeness turns how far a miner's pictures and vectors are from the
// reference's into evidence. It is mathematics alone: deviations in, an e-value
// out.
//
//	deviation ──Tail──► p ──Evidence──► e-value ─┐
//	   of each measure of each item              ├ Response.E ─► the checker's verdict
//	way to an alternative ──Towards──► e-value ──┘
//
// A Tail bounds the chance that an honest miner deviates as much. Of any such
// bound p the number Evidence(p) is an e-value: for an honest miner its
// expected value is at most 1. The mean of several is one whatever depends on
// what; the product over items, bet by bet, is one if the tails hold for each item whatever
// the others are like (as evidence's bounds do for each token).
//
// Tails are assumed (builtin) or measured on pairs that honest stacks made
// (Counts). A measured bound is the upper end of an exact confidence
// interval, never the conformal rank itself: that has the right chance in the mean
// over calibrations, while a miner is judged its whole life with one.
//
// Invariants: E is in [0, 1e100], never NaN; a larger deviation never makes for
// less evidence; bounds are fixed before a response is seen.
package likeness
