// Package relay is the one path by which a request reaches a miner. The
// gateway sends customers' requests through it and the scorer its own probes:
// one payload builder, one seed derivation, one pool of connections, so that a
// miner has nothing to tell them apart by.
//
//	Request ─Payload─► connection (pooled, hotkey-bound) ─► miner
//	Sink ◄─whole valid events─ openai.Stream ◄─reads─┘
//	        └► Answer: Outcome, usage, bytes kept for a sample
//
// Invariants: Do makes exactly one attempt and returns exactly one Outcome,
// whatever happens; nothing reaches the Sink before a valid first output, so
// that until then the caller may ask another miner; bytes are passed on as
// they are read, one write a read; the closing [DONE] is never passed on (the
// caller writes its own once the outcome is durable); a fault of ours gives
// Status Ours, never Failed (if no miner can be reached, that is ours too); what is to be kept of an answer for a check is kept
// whole, or the attempt fails: an answer has at most proto.MaxResponse bytes, a
// stream at most proto.MaxStream.
//
// Connections speak HTTP/1.1, carry one attempt at a time, and are kept idle
// within bounds; no goroutine belongs to one. One that turns out to have died
// while idle is replaced once without blame: if its death shows before a byte of a
// response and at most 100 ms after its writing began. The attempt's time
// runs on from the first write.
// While little comes a stream holds only a small buffer.
package relay
