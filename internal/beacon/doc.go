// Package beacon says at which instants all validators ask all miners at once.
//
// What a miner can do is shown only while everybody asks it for everything: one
// set of GPUs that answers for several tasks, hotkeys or validators does so one
// after the other. So the instants must be the same for all validators, and
// nobody may know them beforehand, or a miner would get ready for them.
//
// Both follow from public randomness: numbered values that appear at a steady
// pace and that nobody can foresee, such as drand's or a ledger's block hashes.
// Each value alone calls a beacon, a little later, or does not:
//
//	values   ──●────●────●────●────●────●────●────●────●──►
//	draw       no   no   yes  no   (yes) no   no   yes  no
//	                     └─Lead─►▼   │            └─Lead─►▼
//	beacons                      ●   └ within Rest of one  ●
//
// Every value is as likely as any other to call one, however long ago the last
// was: having just been asked, or not for long, tells nothing. On the average
// there is a beacon every Rules.Every; how many fall into an hour varies as chance
// has it.
//
// Lead leaves every validator the time to learn the value. It is also all the
// warning that a miner has.
//
// Invariants:
//   - Whether a value calls a beacon follows from it and from those within Rest
//     before it, and from nothing else: validators that heard these agree,
//     whenever they began to listen. One that missed any of them calls none.
//   - Two beacons are at least Rest apart.
//   - No clock: a value says when it was due, and a beacon when it is. Clocks that are off by
//     some seconds are made up for by asking for that long; see Rules.Window.
package beacon
