// Package sim plays a network against a mechanism: what does an operator earn
// that works honestly, and what one that does not? It is a discrete-event
// simulation over the packages that the daemon runs: score (what to ask, what
// an observation changes, which weights follow), dispatch (what a candidate
// costs), sampling (how much is checked) and chain/yuma (what weights pay).
// None of their rules is written a second time here.
//
//	World ──New──► Sim ──Run──► Result
//	                │
//	  customers ──► validator ──dispatch.Cost──► identity ──Strategy──► GPUs
//	  probes, beacons ──┘  ▲                                              │
//	                       └── answers, checks ◄──────────────────────────┘
//	  period ends: Mechanism.Weights of each validator ─► yuma.Epoch ─► pay
//
// An operator owns GPUs, registers one or more identities (hotkeys) and has a
// Strategy, which decides what to declare and what to do with each request.
// It sees what a real one sees: never whether a request is a probe, only a
// guess that is right as often as World.Telling says.
//
// Events are of five sorts: a customer's request, a probe, a beacon, an answer
// that is finished, and a period's end. GPUs share their time evenly among the
// requests that they run; how fast each goes depends on how many there are
// (gpu.go), so the next one to finish is known exactly and nothing is stepped.
//
// Compare runs a population twice, with an honest protagonist and with another
// strategy in its place, on the same seeds. The price of emission is what lets
// the honest one earn half of its cost, and stays; the profit ratio is then
// what the strategy earns for one that honesty earns.
//
// Invariants:
//   - A run is a function of its World: the same seed gives the same bits,
//     whatever ran before. Chance comes from streams of the seed; customers'
//     requests have one of their own, so that they are the same whatever miners do.
//   - Simulated time is float64 seconds from the start, never a clock.
//   - Answering a request allocates nothing but what the mechanism's state does.
//   - Work that is scored is counted in whole units, as in the daemon.
package sim
