// Package hotkey is a neuron's identity: an sr25519 key pair, its SS58 address
// (prefix 42) and the wallet files that the official tools write.
//
// Invariants: an ID is always 32 bytes and prints as the address that the
// chain's tools print; a Key never leaves this package except as signatures;
// nothing here reads the clock or the network.
package hotkey
