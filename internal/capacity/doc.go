// Package capacity says what a miner can do, as the mechanism counts it, and so what it should
// declare. It has no rules of its own: what was measured is made into the observations that
// a validator would have, and given to the mechanism (package score), which says what it credits and pays.
//
//	answers that came one at a time ─► usual pace ─┐
//	beacons of 1, 2, 4, … slots ──────────────────►├─ score.Vision7 ─► Judged, per number of slots
//	                                               │
//	Search picks the next number ◄── worth ────────┘      the best of them ─► units and slots to declare
//
// Worth is what a number of slots earns at the prices of any moment: paid capacity x the mean speed factor of its
// answers. More slots do more until the GPU is full; slower answers are paid less (Params7.SlowPower) and
// late ones take from the credit, so worth has its maximum where declaring is best.
//
// Invariants: everything is a function of its arguments. Work is in the task's unit per period,
// for all validators together. Where validators are several, each asks for its share of the
// slots at the same instants, so one that holds all of the stake shows the same.
package capacity
