// Package score decides what the network pays for. It holds the mechanism
// "vision4": how much of a contender's declared capacity to test, what one
// answer changes, and which weights follow. A contender is one miner on one
// task, as seen by one validator. docs/mechanism.md states the same formulas
// for miners.
//
// A mechanism answers three questions, and [Vision4] has a method for each:
//
//	Plan     what to ask of a contender in the period that begins
//	Observe  what an answer changes in the period's counts
//	Weights  what the evidence of all contenders comes to
//
// Another mechanism can stand beside it with the same three methods; the
// control loop declares the interface that it needs.
//
// A period in the life of a contender:
//
//	Offer --Plan--> Plan --Schedule--> instants to ask at
//	                                       |
//	Counts <--Observe-- Observation <------+  (probes and organic requests alike)
//	  |
//	  +-- period ends --> Period, kept as history
//	                         |
//	     history + checks = Evidence --Weights--> Outcome --ToU16--> the ledger
//
// Invariants:
//   - Everything is a function of its arguments: no clock, no randomness, no
//     I/O, no logging. Random numbers are passed in, as uniform numbers and a
//     seed, so that a restarted daemon and a simulator get what the first run got.
//   - Counted work (tokens, steps, items) is int64; scores are float64.
//   - [Vision4.Weights] refuses evidence that is NaN, infinite or out of range, in one
//     place (validate.go), naming the contender. Past it, every weight is in
//     [0, 1] and all of them sum to 1, or all are 0.
//   - The order of tasks and contenders does not matter: both are sorted before anything is
//     summed, so equal evidence gives equal bits.
//   - The numbers that explain a score are the numbers that it was computed from.
package score
