// Package gateway is the API that a validator sells: the schema of OpenAI over
// HTTP, served by miners that nobody needs to trust.
//
//	authenticate ─► limit ─► read ─► parse ─► pick ─► attempt ─► record ─► finish
//	                                            ▲        │
//	                                            └────────┘ another miner, while the
//	                                                       customer has seen nothing
//
// There is one path for all kinds of task; what differs is in package task.
//
// Invariants:
//
//   - The customer sees nothing of a miner's answer before its first valid
//     output, and a [DONE], a usage or a body only after the outcome is
//     durable. Whatever goes wrong after the first output ends the stream with
//     an error event and without [DONE].
//   - At most one miner's output reaches the customer, also where a second is
//     asked because the first is late (see race).
//   - Attempts beyond a request's first stay within their task's budget.
//   - Every attempt gives exactly one recorded outcome, and all attempts of a
//     request are recorded together, when the last has ended. Only if the
//     recorder fails are they lost, and then the customer is told of an error.
//   - A miner is charged only for what it did: not for requests that are wrong,
//     nor for customers that leave or read slowly, nor for our own overload,
//     deadlines cut short, or faults.
//   - A slot that was acquired on the Board is released, even by a panic.
//   - Prompts and keys are in no log and no metric.
//   - Stop refuses new work, waits for what is under way, and cancels what is
//     left shortly before its deadline; that counts against no miner.
package gateway
