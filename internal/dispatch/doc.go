// Package dispatch decides which miner is asked. It is pure: the candidates'
// measured state, the time and uniform random numbers in, a candidate out.
//
// The expected cost of asking a miner is its expected time to the output that
// the caller waits for, divided by its chance to answer well, and grown by its
// load and by how much of its capacity is used up. Two candidates are drawn at
// random, each as likely as it has slots (Shares), and the cheaper is asked (power of two choices), which spreads load
// without any coordination. They are drawn with replacement, so that even the
// dearest is asked once in a while and a recovered miner is noticed.
//
// What a candidate may be asked is its Standing:
//
//	Ready    a slot is free and capacity is left
//	Spare    its capacity is used up: asked only when nobody is Ready
//	Tripped  it failed again and again, so that its breaker holds requests
//	         back: asked only when nobody is Spare either
//	Closed   all its slots are taken, or it answered 429 a moment ago: not
//	         asked, for its refusal would be our doing
//
// So a task all of whose miners fail is not refused outright: the least bad of
// two of them is asked, for what is known of them is old, and this shows soonest
// that one is back. A Budget keeps retries from multiplying such an outage.
//
// A request whose prompt begins like an earlier one's prefers the miner that
// was asked then, whose cache may hold the beginning, as long as it is as good
// as any (see near). A request that is late may be put to a second miner,
// if one has much free (Late, AcquireSpare).
//
// Probes set out with customers' requests to other miners, so that their instants
// tell nothing (Escort).
//
// The validator's own requests choose their miners themselves, but begin and
// end on the Board like others: none is sent where customers' requests take the
// slots it needs; it may come back when one is free. Overloaded and TryBegin say when a 429 would be our doing.
//
// At a beacon (package beacon) the validator asks for everything at once. Such
// requests begin with BeginBurst. They are in no customer's way: picking does not
// see them, and a customer's request that needs a slot breaks one off. Customers that
// other processes of the validator serve are told of (Elsewhere), and count alike.
//
// A Board holds what is known of every miner in every task of the current
// period. Invariants: picking takes no lock and allocates nothing; a miner's
// load and record outlive the period, its used capacity does not; a request
// begun in one period is not charged to the next.
package dispatch
