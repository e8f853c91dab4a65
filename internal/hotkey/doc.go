// Package hotkey is a neuron's identity: an sr25519 key pair, its SS58 address
// (prefix 42) and the wallet files that the official tools write.
//
// Invariants: an ID is always 32 bytes and prints as the address that the
// chain's tools print; a Key leaves this package as signatures, and as the
// wallet file that [Wallet] makes, and no other way: printing or logging one
// shows its address. Signing is deterministic, so nothing here reads the clock,
// the network, a file or a source of randomness that was not passed in. Files
// are the business of the package wallet beneath this one.
//
// Signatures are Schnorrkel's, under the signing context "substrate": what the
// chain and the official Python and Rust tools make and accept.
package hotkey
