// Package local is a ledger embedded in the process, for devnets and tests: it
// registers, stakes, permits, takes weights and runs Yuma consensus at every
// epoch, by Subtensor's rules and with its limits scaled down.
//
// Blocks follow an injected clock, so nothing runs in the background: block
// numbers are BaseBlock + (now - BaseTime) / BlockTime, and a call first runs
// the epochs that became due. The clock going backwards stops the blocks
// instead of rewinding them. Block hashes chain over everything accepted before
// the block; they are public and repeatable, but whoever holds the clock can
// foresee them.
//
// The whole state is one small file, replaced atomically and synced before a
// call is acknowledged: a crash at any moment loses nothing that was
// acknowledged. A lock keeps a second process out.
//
// Differences from Subtensor, all to the newcomer's benefit: registration is
// free; permits follow stakes at once instead of at the next epoch; accepted
// calls are visible in the block that is open; a validator counts as a voter
// only after its first weights; and while nobody has the ledger open, at most
// the last 256 due epochs are made up.
package local
