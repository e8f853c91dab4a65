// Package proto is what nodes say to each other: the messages' shapes, their
// limits and their validation. Sockets, TLS and the clock live elsewhere; who
// speaks is known from the connection (package transport), so no message names
// its sender. Requests for work and their answers are signed all the same, to be
// shown to others.
//
//	validator ──GET  /v1/capacity──────────► miner    Capacities
//	validator ──POST a task kind's own path─► miner    OpenAI-shaped bodies
//	validator ──POST /v1/check──────────────► checker  CheckRequest, CheckResponse
//	validator ──GET  /v1/vision/receipts────► validator, see package receipt
package proto

import (
	"fmt"
	"time"

	"vision/internal/outcome"
	"vision/internal/task"
)

// Paths and limits. Sizes are bytes.
const (
	CapacityPath = "/v1/capacity"
	CheckPath    = "/v1/check"
	ReportPath   = "/v1/vision/report"
	ReceiptsPath = "/v1/vision/receipts"

	MaxCapacity = 256 << 10 // a miner's capacities
	MaxRequest  = 8 << 20   // a request to a miner
	MaxResponse = 32 << 20  // a response that is not streamed
	MaxEvent    = 1 << 20   // one server-sent event
	MaxQuiet    = 2 << 20   // of a stream without any output among them
	MaxCheck    = 64 << 20  // a check request
	MaxReport   = 32 << 20  // a validator's report
	MaxReceipt  = 64 << 20  // a receipt
	MaxReceipts = 32 << 20  // a page of them
	MaxTasks    = 1024      // tasks that one miner may declare
)

// MaxStream is the most bytes that a streamed answer may have, framing included,
// to a prompt of so many tokens at most and with so many tokens of output asked
// for: 64 KiB, 8 bytes for each token of the prompt and 4 KiB for each of the
// output (twenty alternatives with their log-probabilities take about 2 KiB), and
// never more than MaxResponse. Whatever is more is there to hide something.
func MaxStream(prompt, output int64) int64 {
	return min(64<<10+8*min(prompt, MaxResponse)+4<<10*min(output, MaxResponse), MaxResponse)
}

// RequestIDHeader carries an id of the attempt to a miner, for its operator's
// logs. It is there on every request, whoever asked, and another at every try.
const RequestIDHeader = "X-Request-Id"

// Capacities is what a miner declares.
type Capacities struct {
	Period time.Duration `json:"-"`              // length that Units refers to
	Secs   float64       `json:"period_seconds"` // the same on the wire, > 0
	Tasks  []Capacity    `json:"tasks"`
}

// Capacity is what a miner declares for one task.
type Capacity struct {
	Task  string `json:"task"`
	Units int64  `json:"units"` // per period, for all validators together (each uses its share of stake); >= 0
	Slots int    `json:"slots"` // requests at once, >= 1
	Spec  Spec   `json:"spec"`
}

// Spec is what a miner says of the server behind a task. It picks the test that
// its answers are judged by: one that declares another engine than the
// reference's, or speculative decoding, is judged by a weaker test, at the cost
// that docs/verification.md states.
type Spec struct {
	Engine       string `json:"engine,omitempty"`       // "vllm", "sglang", "llama.cpp", "vision-ref", …
	Quantisation string `json:"quantisation,omitempty"` // as the task's Model.Quantisation
	Speculative  bool   `json:"speculative,omitempty"`  // speculative decoding is on
	TokenIDs     bool   `json:"token_ids,omitempty"`    // token ids come with every chunk
}

// Validate checks a message from a stranger and fills Period. It reports the
// first mistake. Tasks unknown to the validator are no mistake.
func (c *Capacities) Validate() error {
	if !(c.Secs >= 1 && c.Secs <= 7*24*3600) {
		return fmt.Errorf("period_seconds is %v, want 1 to 604800", c.Secs)
	}
	c.Period = time.Duration(c.Secs * float64(time.Second))
	if len(c.Tasks) > MaxTasks {
		return fmt.Errorf("%d tasks declared, want at most %d", len(c.Tasks), MaxTasks)
	}
	seen := make(map[string]bool, len(c.Tasks))
	for i, t := range c.Tasks {
		switch {
		case t.Task == "" || len(t.Task) > 64:
			return fmt.Errorf("tasks[%d].task has %d characters, want 1 to 64", i, len(t.Task))
		case seen[t.Task]:
			return fmt.Errorf("tasks[%d]: %q is declared twice", i, t.Task)
		case t.Units < 0 || t.Units > 1<<53:
			return fmt.Errorf("tasks[%d].units is %d, want 0 to 2^53", i, t.Units)
		case t.Slots < 0 || t.Slots > 1<<20:
			return fmt.Errorf("tasks[%d].slots is %d, want 0 to 2^20", i, t.Slots)
		case len(t.Spec.Engine) > 64 || len(t.Spec.Quantisation) > 64:
			return fmt.Errorf("tasks[%d].spec has a text over 64 characters", i)
		}
		seen[t.Task] = true
	}
	return nil
}

// CheckRequest asks a checking server to judge one sample.
type CheckRequest struct {
	Task   task.Task      `json:"task"`
	Spec   Spec           `json:"spec"` // what the miner declared of its server
	Sample outcome.Sample `json:"sample"`
	// Turn picks the reference: 0 the first that judges the task, 1 the second, and so
	// on around. A sample is judged again with the next turn.
	Turn int `json:"turn,omitempty"`
}

// CheckResponse is its verdict. A checker that cannot judge answers with an
// HTTP error instead, and the sample stays pending.
type CheckResponse struct {
	Quality float64 `json:"quality"` // [0, 1]
	Work    int64   `json:"work"`    // units verified
	Test    string  `json:"test"`
	Detail  string  `json:"detail"`
	E       float64 `json:"e"` // evidence against honesty: finite, >= 0, and for honest miners at most 1 on average

	Reference string `json:"reference,omitempty"` // what judged it, for people
	Weak      bool   `json:"weak,omitempty"`      // what the miner declares of its server rules out a stronger test of its answers

	// Copy is what another miner wrote under another seed, word for word the same;
	// zero: nothing that is known. It speaks against neither of both.
	Copy outcome.Copy `json:"copy,omitzero"`
}
