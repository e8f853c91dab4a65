// Package scorer is the control loop of a validator: it tests miners in
// periods, has answers checked, and sets weights.
//
// A period, all of whose state that matters is in the store:
//
//	 begin: snapshot of the ledger, capacities of all miners at once
//	   │
//	   ▼  (whoever answered is probed at once, and who answers later joins
//	   │   for the rest of the period, in its first half)
//	running ──► probes at instants that follow from the period's seed, and a
//	   │        little later, with a customer's request to somebody else
//	   │        counts: every attempt in the store, whoever asked
//	   ▼ end, a short grace for outcomes on their way to the store
//	 scored ──► results kept
//	   ▼
//	weighted ─► weights kept ─► set on the ledger when it takes them
//
// The next period begins at the instant at which one ends. An attempt counts
// in the period in which it ended, so that none is lost and nobody waits for
// one that hangs.
//
// Beside it run the checks of sampled answers (sample ─► checker ─► check, or
// postponed), and the setting of weights (kept ─► sent ─► in a block).
//
// Invariants:
//   - A restart changes nothing but what could not be done meanwhile: shares
//     and instants are those of the stored seed, counts are those of the stored
//     outcomes, and probes missed while down are not made up for.
//   - Nothing of ours costs a miner anything: a ledger, store or checker that
//     fails, a bound that is hit or a shutdown leaves no request counted.
//   - A probe that customers' requests leave no slot waits for one; it is
//     neither dropped nor sent to be refused.
//   - A miner that answers slowly or never delays no other, nor does a judge or
//     a sample that cannot be judged delay the checks of other tasks.
//   - Every probe goes the way of customers' requests, and is written down, and
//     drawn to be checked, like them.
package scorer
