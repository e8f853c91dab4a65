// Package randomness fetches the public random values that beacons follow from
// (see package beacon), each source in a file of its own:
//
//	drand    the League of Entropy's quicknet: a value every 3 s, each of them
//	         a threshold signature that is verified here
//	ledger   the hashes of the ledger's blocks
//	ordered  the first of several that answers
//
// A Source gives one value after the other. Whoever asks too late for one gets
// the next there is: its number shows the gap.
//
// Invariants: a value that is not its source's is never given; a source that
// does not answer is an error after a while, and never a made-up value.
package randomness
