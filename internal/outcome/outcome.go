// Package outcome holds what a validator observes of miners: the outcome of
// every attempt, the responses kept to be checked, and the checks' verdicts.
// These are facts, written once and never changed (a sample's state apart);
// scores are functions of them.
//
//	attempt ──► Outcome ──(secret draw)──► Sample ──(checker)──► Check ──► Judgement
//	                                         └──(if it speaks against the miner)──► Evidence
package outcome

import (
	"fmt"
	"time"

	"vision/internal/hotkey"
	"vision/internal/ledger"
	"vision/internal/task"
)

// Source tells who asked.
type Source uint8

const (
	Organic   Source = iota // a customer
	Synthetic               // the validator itself
	Burst                   // the validator itself, at a beacon
)

func (s Source) String() string {
	switch s {
	case Synthetic:
		return "synthetic"
	case Burst:
		return "beacon"
	}
	return "organic"
}

// Status is how an attempt at one miner ended. It decides what the attempt
// counts as in the period score.
type Status uint8

const (
	// OK: a whole, well-formed answer.
	OK Status = iota
	// RateLimited: the miner answered 429 before anything else.
	RateLimited
	// Failed: an error status, a broken or truncated or malformed answer, an
	// empty one, a refused connection, or a deadline that the miner let pass.
	Failed
	// Canceled: the customer went away while the miner was serving well, or
	// what happened was the customer's doing or ours (see the reasons). It
	// counts as a request in no score; its work still consumed capacity.
	Canceled
	// Ours: the validator's own fault (no file descriptor, shutdown, a bug).
	// It counts in no score and consumes nothing.
	Ours
)

var statusNames = [...]string{"ok", "rate_limited", "failed", "canceled", "ours"}

func (s Status) String() string {
	if int(s) < len(statusNames) {
		return statusNames[s]
	}
	return fmt.Sprintf("status(%d)", uint8(s))
}

// Outcome is one attempt of one request at one miner. A request that fails
// over to a second miner has two outcomes with one Request.
type Outcome struct {
	Request string // request id, "req-" and 26 lower-case base-32 characters
	Try     int    // 0 for the first miner asked
	Last    bool   // nobody is asked after this one: the request ended with it
	Key     int64  // API key that asked; 0 for synthetic requests
	Source  Source
	Task    string
	Miner   hotkey.ID

	Status Status
	Reason string // why not OK, short and stable: "http_500", "first_token_timeout", "truncated"; "" when OK

	Stream      bool
	Work        int64         // units served that the validator counted itself: tokens, steps, items; >= 0
	Asked       int64         // units that the request could take at most, known before it was sent; 0: unknown, as before this was kept
	PromptWork  int64         // prompt tokens, where the answer shows them; >= 0
	Start       time.Time     // the request's first byte left, validator's clock
	FirstOutput time.Duration // from Start to the first verified output (first token, or the whole answer); 0 if none came
	Total       time.Duration // the miner's time: from Start to the end, less Blocked
	Blocked     time.Duration // spent waiting for the caller to read; >= 0, and 0 unless Stream
	Arrivals    Arrivals      // how the output was spread over Total
	Floor       time.Duration // the least round trip to the miner's host of late, as the kernel saw it; 0 if unknown
	Beacon      During        // how a stream went on while a beacon asked
}

// During is how much of a stream's output came in a part of its time. The zero value: none of it is known.
type During struct {
	Time time.Duration // the part that lies between the first output and the end; >= 0
	Work int64         // units that came in it, rounded up; >= 0
}

// End is when the attempt ended. What a miner sent while we waited for the
// caller seems to have come at once when the waiting was over: how long it took is
// known only to lie between Total and Total+Blocked. Whoever judges a miner's
// speed must heed both (see docs/mechanism.md).
func (o *Outcome) End() time.Time { return o.Start.Add(o.Total + o.Blocked) }

// Arrivals sums up a stream's arrival times without keeping each one.
type Arrivals struct {
	Chunks  int           // reads that carried output
	Longest time.Duration // longest gap between two of them
	Burst   float64       // share of the output that came in the last tenth of the time, [0, 1]
	Mean    time.Duration // when the output came in the mean, from Start, each unit (token) counted alike; 0 if none came
	Gap95   time.Duration // 95% of the gaps between two reads that carried output were no longer; up to half too long
}

// Sample is an answer kept to be checked, with all that a checker needs to
// judge it. Request and Response are the bytes as sent to and received from
// the miner.
type Sample struct {
	ID       int64 // given by the store
	Outcome  Outcome
	Request  []byte // payload as the miner saw it
	Response []byte // body as the miner sent it: SSE events or one JSON document

	// Proof shows that the miner sent Response: a proto.Proof as JSON; nil if it
	// signed nothing, as miners of before did. A checker needs none.
	Proof []byte `json:",omitempty"`
}

// Entry is what is written down of one attempt, all or nothing.
type Entry struct {
	Outcome  Outcome
	Sample   *Sample        // nil unless drawn to be checked; its Outcome is the same
	Features *task.Features // nil unless the attempt was the last of a customer's request
	Kind     string         // the task's kind; wanted with Features, which are asked for by kind

	// What becomes of the request as a whole, with one of its entries only.

	// Receipt is what the request cost; nil if it has none. Its Request is the
	// outcome's. What it charges is taken from this process's lease on the project.
	Receipt *ledger.Receipt
	// Answer is kept for who sends the request again with the same
	// idempotency key; nil unless there was one.
	Answer *Answer
}

// Answer is the response to a request with an idempotency key.
type Answer struct {
	Key         int64  // API key, by its Root
	Name        string // the idempotency key
	Request     string // whose answer it is
	Status      int    // HTTP
	ContentType string
	Body        []byte // as the customer got it, at most store.MaxAnswer bytes
	Dropped     bool   // it was longer, and Body does not hold it
}
