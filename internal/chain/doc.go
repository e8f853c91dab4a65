// Package chain says what a ledger is: the place where neurons are registered,
// staked, announced and paid, seen by the roles as snapshots that they read and
// two calls that they make. It holds the domain types, the checks that every
// ledger makes in the same order, and no I/O; the backends are its
// subpackages, and each passes the suite in chain/chaintest.
//
//	         Snapshot(ctx) ──► *Snapshot  (immutable, one per block)
//	Ledger ─ Announce(ctx, signer, endpoint)
//	         SetWeights(ctx, signer, weights) ──► Receipt
//
// A set of weights goes through these states; a ledger without commit and
// reveal skips the second:
//
//	refused ◄── SetWeights ──► committed ──reveal block──► in force ──epoch──► incentive
//
// Invariants: a Snapshot never changes; a UID names one neuron within a
// snapshot and may name another in a later one; stakes are whole rao (1e-9
// TAO); incentives and the like are fractions in [0, 1] and never NaN.
//
// To add a ledger: write a package with a type that implements Ledger, run
// chaintest.Run on it, and name it where the binary is wired.
package chain
