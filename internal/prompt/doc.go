// Package prompt makes up text that customers could have sent: what a
// validator asks when it probes. A miner that could tell such text from a
// customer's would serve the one well and the other badly, so the text varies
// in form (questions, instructions, pasted documents, code, tables, dialogue,
// several languages), in register (now and then a typing mistake) and in
// length, which the caller chooses from what customers send.
//
// Sentences come from templates whose gaps are filled from one domain's
// vocabulary at a time (a baker's questions speak of dough), with names,
// numbers and dates in between, so that they read as sense and hardly ever
// repeat.
//
//	domain ─┐
//	form ───┼─► opening ─► context ─► pasted material, as long as asked
//	length ─┘
//
// Pictures, faces and masks are made up as well (painting.go), for requests
// that hold one: of a photograph's kind of light, grain and compression, but
// drawn, which whoever looks at them can tell.
//
// Invariants: everything is a function of the generator passed in; output is
// valid UTF-8, never empty and never ends in a space; its length L for n bytes
// asked satisfies |L - n| <= Slack(n).
package prompt

import "math/rand/v2"

// Turn is one message of a conversation.
type Turn struct {
	Role string // "system", "user", "assistant" or "tool"
	Text string

	Calls     string // the tool that an assistant calls, "" if none
	Arguments string // of the call, a JSON object
}

// Longest is the most bytes that a text may be asked to have.
const Longest = 1 << 20

// Slack is by how many bytes a text may miss the length n that was asked for:
// sentences are not cut to fit. Lengths below 1 or above Longest are moved
// into that range first.
func Slack(n int) int { return max(48, clampLength(n)/4) }

// Text makes up one user's message of about n bytes.
func Text(r *rand.Rand, n int) string {
	return newWriter(r).message(clampLength(n))
}

// Scene makes up the description of a picture of about n bytes.
func Scene(r *rand.Rand, n int) string {
	return newWriter(r).scene(clampLength(n))
}

// Turns makes up a conversation of exactly the given number of messages (at
// least 1), about n bytes in all. The last one is the user's; users and
// assistants alternate, so that an even number begins with a system message.
func Turns(r *rand.Rand, turns, n int) []Turn {
	return newWriter(r).conversation(max(turns, 1), clampLength(n))
}

func clampLength(n int) int { return min(max(n, 1), Longest) }
