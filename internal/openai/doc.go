// Package openai is the public schema: request and error shapes, server-sent
// events, and the counting of what a stream holds. It is pure: bytes in,
// bytes and counts out; everything here can be fuzzed without a network.
//
// Stream is the translator of one streamed answer. Feed takes what a read
// gave and returns whole events that are safe to pass on: syntactically valid
// JSON objects of a bounded size, without the members that only validators
// need (token_ids, prompt_token_ids) unless the caller wants them, without the
// upstream's usage chunk and without its [DONE]. It scans; it does not decode.
//
//	waiting ──first event with output──► started ──finish_reason──► finished ──[DONE]──► done
//
// An end of input in any state but done is a truncation. Events before the
// first output are held back until it comes, so that until then another
// upstream may be asked. However the input is cut into reads, the output is
// the same.
//
// Upstreams are strangers. In the objects whose members are looked at, a name
// written with escapes, or written twice, makes the answer malformed: a reader
// that resolves them otherwise than we do would see another answer than the
// one that was counted.
//
// Customers' requests are read with Members and the typed readers, and written
// again with AppendCanonical, so that nothing of who wrote a request (white
// space, escapes, the order of members) is left in what a miner sees.
package openai
