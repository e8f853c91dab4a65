// Package measure finds out what a miner can do, by asking it as validators do: single requests first, and then
// beacons of ever more slots, until more are worth less.
//
//	        ┌ alone: one request after the other, of each task ─► usual pace
//	Mix ────┤
//	        └ beacon of n slots, all tasks at the same instant ─► capacity.Load ─► capacity.Judged
//	              ▲                                                                    │
//	              └──────────────── capacity.Search: the next n ◄──── worth ───────────┘
//
// A Mix is tasks that share a GPU. At a beacon all of a miner's tasks are asked at one instant, so they must be
// measured together: the slots of each are in proportion to those that the configuration declares.
//
// Invariants: requests take the relay's path, as validators' do, and are made up as theirs are; what counts, what is late
// and what it earns is the mechanism's to say (package capacity). A slot is asked again while the beacon asks, as in package
// scorer. One step lasts as long as was said, at least three beacons, and until its last answers have come; a context's end ends it at once. No
// text of a request or an answer is kept.
package measure
