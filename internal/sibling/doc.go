// Package sibling is how the processes of one validator on one machine tell one another what the
// database is too slow for: what a beacon must know within milliseconds.
//
//	gateway ──► how many customers' requests are under way, by contender ──► scorer
//	        ◄──── a beacon is called, and is over ◄──────────────────────
//
// The process with the scorer is the Hub. It listens at a socket in the validator's data folder, which nobody but the
// validator's own user can open. Each gateway in a process of its own is a Spoke, and
// connects as soon as there is a hub:
//
//	            ┌──────────── connection ends ◄───────────┐
//	            ▼                                         │
//	spoke:   alone ──dial──► linked ──► tells all, then each change as it comes
//	hub:              accept ──► counts it ──► connection ends ──► counts none of its requests
//
// A message says how many requests are under way now, not what has begun or ended: so what changes faster than it can
// be told is told once, and nothing adds up wrongly.
//
// Invariants:
//   - Nothing here is needed to serve customers, nor to score: without a link either goes on, and what beacons then
//     do to customers' requests is seen in the outcomes afterwards.
//   - A gateway never waits for it.
//   - Of a process that is gone no request counts as under way.
//   - Nothing that is said goes to miners or customers, or into a log.
package sibling
