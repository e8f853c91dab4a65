// Package ledger is the money of an access point: amounts, what work costs,
// the double-entry accounts, receipts, and the purses from which a gateway
// pays while it serves.
//
//	bank ──deposit──► project ──lease──► lease of a process ──charge──► revenue
//	     ◄──adjust──►         ◄─return──     (holds live here, in memory)
//	                          ◄──────────────refund───────────────────
//
// The ledger is append-only, and a transaction moves one amount from one
// account to another, so that it cannot but sum to 0.
//
// A gateway takes a durable lease on a piece of a project's balance. In it,
// requests hold their worst-case price without asking anybody; at the end a
// Receipt is recorded together with the outcome, and what it says is charged
// to the lease. A crash loses holds and nothing else: what is left on the
// leases of a process that has ended goes back to the projects once all of its
// receipts have been booked.
//
// Invariants: every amount is a whole number of micro-credits, and no
// arithmetic on it wraps around; all balances sum to 0; only the bank's is
// below 0; the worst case of a request costs at least what any answer to it
// does; the holds of a process never exceed its leases.
//
// The package draws nothing, reads no clock and starts no timer: Purses are
// driven by ticks from outside.
package ledger
