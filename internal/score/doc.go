// Package score decides what the network pays for. It holds the mechanisms, one
// file each and a line in the table of mechanism.go: "vision4", the original, and "vision7", the default.
// A contender is one miner on one task, as seen by one validator.
// docs/mechanism.md and docs/mechanism-vision4.md state the same formulas for miners.
//
// A [Mechanism] answers these questions:
//
//	Plan     what to ask of a contender in the period that begins
//	Burst    what to ask of it at once, at a beacon
//	Observe  what an observation changes in what is known of it
//	Weights  what the states of all contenders come to
//
// A period in the life of a contender:
//
//	Offer --Plan--> Plan --Schedule--> instants to ask at
//	                                       |
//	Counts <------Add------ Answer <-------+  (probes and organic requests alike)
//	  |                       |   Check   Beacon
//	  +-- period ends --> Closed    |        |
//	                          +---Observe----+
//	                                |
//	                              State --Weights--> Outcome --> the ledger
//
// Invariants:
//   - Everything is a function of its arguments: no clock, no randomness, no
//     I/O, no logging. Random numbers are passed in, as uniform numbers and a
//     seed, so that a restarted daemon and a simulator get what the first run got.
//   - Counted work (tokens, steps, items) is int64; scores are float64.
//   - Weights refuses evidence that is NaN, infinite or out of range, in one
//     place (validate.go), naming the contender. Past it, every weight is in
//     [0, 1] and all of them sum to 1, or all are 0.
//   - The order of tasks and contenders does not matter: both are sorted before anything is
//     summed, so equal evidence gives equal bits.
//   - The numbers that explain a score are the numbers that it was computed from.
package score
